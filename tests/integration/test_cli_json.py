"""Every verb with `--json`: one document or lines of them, each with its version; errors and remarks are JSON as well."""

import json
from importlib import import_module

import pytest

from outlast.cli.entry import VERBS

pytestmark = pytest.mark.real_time

# What has no version of ours: the records of a job are its own, and a JSON Schema is one.
FOREIGN = {"results", "config schema"}
# Of some verbs standard output has more than one line.
IN_LINES = {"events", "results"}
CALLS = {
    "run": [["scrape.py:scrape", "urls.txt"], ["scrape.py:scrape", "some.txt", "--dry-run"]],
    "resume": [["scrape"], ["scrape", "--dry-run"]],
    "status": [["scrape"], []],
    "ls": [[], ["scrape"]],
    "results": [["scrape"], ["scrape", "-o", "some.jsonl"]],
    "export": [["scrape", "out.csv"]],
    "report": [["scrape"], ["scrape", "-o", "report.json"]],
    "events": [["scrape"], ["scrape", "--type", "sample"]],
    "failures": [["scrape"], ["scrape", "--items"], ["scrape", "--traceback"]],
    "retry": [["scrape", "--dry-run"]],
    "ignore": [["scrape", "--all", "--dry-run"]],
    "pause": [["scrape", "--host", "a.test"]],
    "unpause": [["scrape", "--all"]],
    "backup": [["scrape", "backup.db"]],
    "repair": [["scrape", "--dry-run"]],
    "config init": [["new.toml"]],
    "config check": [[]],
    "config show": [[]],
    "completion": [["bash"]],
    "doctor": [[]],
    "checkpoint verify": [["scrape"], ["--all"]],
    "checkpoint restore": [["ID"]],
}


def names():
    for verb in VERBS:
        command = import_module(f"outlast.cli.verbs.{verb}").command
        inner = getattr(command, "verbs", None)
        yield from [verb] if inner is None else [f"{verb} {each}" for each in inner]


def documents(text):
    return [json.loads(line) for line in text.splitlines()]


def test_every_verb_answers_in_json(outlast, tmp_path):
    outlast("run", "scrape.py:tally", "urls.txt", "--job", "scrape")
    outlast("run", "scrape.py:scrape", "some.txt", "--max-failed", "9")
    [event_log] = (tmp_path / ".outlast").rglob("events.ndjson")
    event_log.write_bytes(event_log.read_bytes() + b'{"torn\n')
    newest = json.loads(outlast("checkpoint", "ls", "scrape", "--json")[1])["checkpoints"][0]["id"]
    wrong = {}
    for name in sorted(set(names()) - {"demo"}):
        for arguments in CALLS.get(name, [["scrape"]]):
            given = [newest if each == "ID" else each for each in arguments]
            _, out, err = outlast(*name.split(), *given, "--json")
            if problem := problem_with(name, arguments, out, err):
                wrong[" ".join([name, *arguments])] = problem
    assert wrong == {}
    assert json.loads(outlast("events", "scrape", "--json")[2])["message"].startswith("1 line of the event log cannot")


def problem_with(name, arguments, out, err):
    """What is wrong with an answer, if anything."""
    try:
        lines = documents(out) if name in IN_LINES else [json.loads(out)] if out else []
        told = documents(err)
    except ValueError as error:
        return f"no JSON: {error}: {out[:99]!r} {err[:99]!r}"
    if not lines and not told:
        return "no answer"
    if {each.get("message_type") for each in told} - {"exit_error", "remark"}:
        return f"unknown messages: {err}"
    if name == "events" and {each["message_type"] for each in lines} - {"event", "sample", "gap"}:
        return f"unknown messages: {out}"
    foreign = name in FOREIGN and "-o" not in arguments
    versions = {each.get("schema_version") for each in [*([] if foreign else lines), *told]}
    return f"versions {versions}" if versions - {1} else None


def test_wrong_usage_of_a_verb_is_one_error_in_json(outlast):
    for name in sorted(set(names()) - {"demo"}):
        code, out, err = outlast(*name.split(), "--no-such-option", "--json")
        assert (code, out) == (2, ""), name
        [error] = documents(err)
        assert (error["schema_version"], error["message_type"], error["code"]) == (1, "exit_error", 2), name
        assert error["error_code"] == "USAGE_ERROR"
