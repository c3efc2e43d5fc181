"""The tables of the documentation say what the code says. Where a row is missing or wrong, the test prints the right one."""

import re
import tomllib
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

import outlast
from outlast import config, contracts, errors
from outlast.abort import AbortPolicy
from outlast.cli.entry import VERBS
from outlast.cli.reading import Notes
from outlast.checkpoint.names import JOB_ID_MAX
from outlast.events import EVENTS, SINK_QUEUE_MAX
from outlast.failure import model
from outlast.failure.describe import TRACEBACK_MAX
from outlast.jobs import (
    ExitCode,
    Outcome,
    adaptive,
    admission,
    context,
    dispatch,
    engine,
    excuses,
    expect,
    gate,
    host,
    obeying,
    options,
    output,
    patience,
    poison,
    store,
    strain,
)
from outlast.integrations.prometheus import HOSTS_MAX
from outlast.ledger import ItemStatus, Shape
from outlast.resource import callback, cleaning, estimator, ladder, restarting, steps
from outlast.resource.policy import Rule
from outlast.logs import account, eventlog
from outlast.logs.text import TEXT_MAX
from outlast.retry import breaker, remedies
from outlast.retry.policy import shipped_policies
from outlast.storage import strictjson

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SOURCES = {path: path.read_text() for path in (ROOT / "src" / "outlast").rglob("*.py")}
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")])

# Read by the command line alone, so it has no place among the options of a run.
SETTINGS_OF_SECTIONS = {
    name: field.annotation
    for name, field in config.JobConfiguration.model_fields.items()
    if hasattr(field.annotation, "model_fields")
}
CONFIGURED = config.JobConfiguration()
POLICY = next(each for each in shipped_policies() if each.id == CONFIGURED.retry.default_policy)
RULE = Rule(name="any", metric="any", limit=1)


def test_the_events_are_those_of_the_table_in_the_code():
    text = page("reference/events.md")
    for heading, published in (("The published ones", True), ("Ours", False)):
        rows = [row[:4] for row in table(section(text, heading))]
        assert rows == [
            [f"`{kind}`", spec.component, spec.severity, ", ".join(f"`{key}`" for key in spec.data)]
            for kind, spec in EVENTS.items()
            if spec.published is published
        ]


def test_an_event_is_called_reserved_when_nothing_emits_it():
    said = {row[0].strip("`"): row[4] for row in all_rows(page("reference/events.md"))}
    assert all(said.values())
    emitted = {kind for kind in EVENTS if used(f"EventType.{kind.name}", outside="eventtable.py")}
    assert {kind for kind, when in said.items() if when == "*reserved*"} == set(EVENTS) - emitted


def test_the_errors_are_those_of_the_code():
    rows = table(section(page("reference/errors.md"), "Errors"))
    assert rows == [
        [
            f"`{name}`",
            f"`{kind.error_code}`",
            ", ".join(f"`{each.__name__}`" for each in kind.__bases__),
            kind.__doc__.strip().partition("\n")[0],
        ]
        for name, kind in ((name, getattr(errors, name)) for name in errors.__all__)
    ]


def test_the_errors_that_nothing_raises_are_named():
    sentence = re.search(r"nothing in this version raises them; .*: (.*)\.", page("reference/errors.md"))[1]
    idle = {name for name in errors.__all__ if not used(name, outside="errors.py")}
    assert set(re.findall(r"`(\w+)`", sentence)) == idle


@pytest.mark.parametrize("name", ["", *SETTINGS_OF_SECTIONS])
def test_every_setting_stands_with_its_default(name):
    text = page("reference/configuration.md")
    rows = table(section(text, f"`[{name}]`" if name else "The job"))
    found = SETTINGS_OF_SECTIONS.get(name, config.JobConfiguration).model_fields
    settings = {key: field for key, field in found.items() if key not in SETTINGS_OF_SECTIONS}
    assert [row[:2] for row in rows] == [[f"`{key}`", f"`{told(field)}`"] for key, field in settings.items()]
    assert [row[2] for row in rows] == [field.description for field in settings.values()]


def test_every_section_is_read():
    sections = set(SETTINGS_OF_SECTIONS)
    sources = SOURCES.values()
    assert not {
        name for name in sections if not any(re.search(rf"config(uration)?\.{name}\b", text) for text in sources)
    }


@pytest.mark.parametrize(
    ("file", "heading"),
    [("README.md", "The command line"), ("docs/reference/jobs.md", "Exit codes")],
)
def test_every_exit_code_is_explained(file, heading):
    rows = table(section((ROOT / file).read_text(), heading))
    assert [int(row[0]) for row in rows] == list(ExitCode)
    if len(rows[0]) == 3:
        assert [row[1] for row in rows] == [f"`{code.name}`" for code in ExitCode]


def test_the_advice_for_schedulers_covers_every_exit_code():
    rows = table(section(page("how-to/cron-and-systemd.md"), "Put a job under cron or systemd"))
    assert sorted(int(code) for row in rows for code in row[0].split(",")) == list(ExitCode)


def test_every_outcome_is_explained():
    rows = table(section(page("reference/jobs.md"), "How a run ends"))
    assert sorted(row[0] for row in rows) == sorted(f"`{outcome}`" for outcome in Outcome)


def test_every_option_of_a_run_is_explained():
    text = section(page("reference/jobs.md"), "Options of a run")
    settings, own = options.Settings.__annotations__, options.RunOptions.__annotations__
    assert {row[0].strip("`") for row in table(text)} == set(own) - set(settings)
    assert set(settings) <= set(re.findall(r"`(\w+)`", text.partition("|")[0]))


def test_the_shipped_policies_stand_with_their_numbers():
    rows = table(section(page("reference/retry.md"), "Policies"))
    assert rows == [
        [f"`{each.id}`", *map(number, (each.max_attempts, each.base_delay, each.multiplier, each.max_delay))]
        + [each.jitter, number(each.attempt_timeout), number(each.max_elapsed)]
        for each in shipped_policies()
    ]


def test_the_classes_of_failure_stand_with_their_nature():
    rows = table(section(page("reference/retry.md"), "Classes of failure"))
    assert [row[:3] for row in rows] == [
        [f"`{kind}`", "transient" if transient else "permanent", fault]
        for kind, (transient, fault) in model.NATURE.items()
    ]


def test_the_states_of_an_item_and_the_shapes_of_a_result_are_explained():
    states, shapes = tables(section(page("reference/ledger.md"), "Values"))
    assert [row[0] for row in states] == [f"`{status}`" for status in ItemStatus]
    assert [row[0] for row in shapes] == [f"`{shape}`" for shape in Shape]


NUMBERS = {
    "timeout of one attempt": CONFIGURED.timeout,
    "items in flight": CONFIGURED.concurrency,
    "attempts at an item, the first included": POLICY.max_attempts,
    "attempts at an item whose error nobody has a rule for": model.UNKNOWN_ATTEMPTS_MAX,
    "before that is not held against them": gate.PARK_AFTER,
    "failures in a row that park a host": breaker.EVIDENCE_MAX // breaker.NATS + 1,
    "from parking to the first probe": breaker.PROBE_EVERY_MIN,
    "between two probes": breaker.PROBE_EVERY_MAX,
    "has been down for ten minutes": breaker.PROBE_EVERY_LONG,
    "probes in a row that must be answered": breaker.PROBES_GOOD,
    "a probe that did not come back": host.PROBE_LEASE,
    "asked by one at a time": host.CAREFUL_AFTER,
    "asked once a second": host.DOUBTFUL_AFTER,
    "waited for no longer": host.GIVEN_UP_AFTER,
    "a lone item": gate.GRACE,
    "hosts that are remembered": gate.HOSTS_MAX,
    "excused failures in a row": excuses.EXCUSED_MAX,
    "a remedy is applied in a row": remedies.APPLIED_MAX,
    "after which it is tried alone": poison.SUSPECT_AFTER,
    "killed with an item alone in hand": CONFIGURED.poison_after,
    "answers that are looked at together": adaptive.WINDOW,
    "times as slow": adaptive.SLOWER,
    "a paused host is put off": host.PUT_OFF_PAUSED,
    "to look at the standing orders": obeying.LOOK_SECONDS,
    "before a run is aborted": AbortPolicy(name="default").patience,
    "a job is nearly finished": patience.TAIL_SHARE,
    "after the first signal": CONFIGURED.drain,
    "items that may fail": CONFIGURED.max_failed.items,
    "looks at what is expected": CONFIGURED.expect.check_every,
    "before the share of a field": expect.RECORDS_MIN,
    "compared with those of all before": expect.WINDOW,
    "seconds between checkpoints": CONFIGURED.checkpoint.interval,
    "checkpoints kept": CONFIGURED.checkpoint.retention_count,
    "longest `Retry-After`": POLICY.retry_after_cap,
    "a lease lasts": dispatch.LEASE_SECONDS,
    "items read from a source": engine.SOURCE_BATCH,
    "one item may enqueue": context.CHILDREN_MAX,
    "a record is in the output file": output.FOLLOW_SECONDS,
    "two syncs of the output file": output.SYNC_SECONDS,
    "characters in the name of a job": min(store.NAME_MAX, JOB_ID_MAX),
    "levels that JSON may be nested": strictjson.DEPTH_MAX,
    "an async sink": SINK_QUEUE_MAX,
    "characters of a traceback": TRACEBACK_MAX,
    "two samples of the machine": CONFIGURED.resource.monitoring_interval,
    "until it counts as broken": RULE.breach_samples,
    "until it counts as whole": RULE.recover_samples,
    "is not broken anew": RULE.cooldown,
    "two exact measurements": estimator.EXACT_EVERY,
    "the same, near a limit": estimator.NEAR_EVERY,
    "something is done again about a bound": ladder.AGAIN_AFTER,
    "a step that freed nothing twice": steps.SKIPPED_FOR,
    "the callback of a breach": callback.DEADLINE,
    "beyond the critical bound of memory": strain.MEMORY_SECONDS,
    "of too little free disk": strain.DISK_SECONDS,
    "between two pages more": admission.HOLD_SECONDS,
    "kept from pages": admission.RESERVE_MB_MAX,
    "a cleaner may take": cleaning.DEADLINE,
    "a restart of the browser may take": restarting.DEADLINE,
    "logged in a minute": CONFIGURED.logging.repeats_per_minute,
    "characters of one text in a log line": TEXT_MAX,
    "a kill costs the event log": eventlog.FLUSH_SECONDS,
    "samples in the event log": account.SAMPLE_SECONDS,
    "a run writes some of them only": account.FREQUENT_AT_ONCE,
    "may wait to be written": eventlog.PENDING_MAX,
    "hosts that metrics tell apart": HOSTS_MAX,
}


def test_the_numbers_are_those_of_the_code():
    rows = table(section(page("reference/defaults.md"), "Numbers"))
    said = {part: [float(row[1]) for row in rows if part in row[0]] for part in NUMBERS}
    assert said == {part: [float(value)] for part, value in NUMBERS.items()}
    assert len(rows) == len(NUMBERS)


def test_what_runs_note_for_whoever_asks_later_is_told_where_it_is_kept_and_where_it_is_shown():
    kept = table(section(page("reference/jobs.md"), "The store"))
    notes = {field.name for field in fields(Notes)}
    assert notes <= {name for row in kept for name in re.findall(r"`(\w+)`", row[0])}
    assert notes <= set(re.findall(r"`(\w+)`", re.search(r"`notes` \(([^)]*)\)", page("reference/cli.md"))[1]))


def test_how_deep_a_result_may_be_nested_is_told_alike_everywhere():
    assert f"more than {strictjson.DEPTH_MAX} levels." in page("reference/jobs.md")
    assert f"JSON may be nested {strictjson.DEPTH_MAX} levels deep." in page("explanation/decisions/snapshots.md")


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [(name_of(each), "always") for each in project["dependencies"]]
    for extra, packages in project["optional-dependencies"].items():
        declared += [(name_of(each), f"extra `{extra}`") for each in packages]
    rows = table(section(page("explanation/decisions/dependencies.md"), "Dependencies"))
    assert [(row[0].strip("`"), row[1]) for row in rows] == declared
    assert all(row[2] for row in rows)


def test_the_floors_are_those_that_are_enforced():
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    floors = next(each["layers"] for each in linter["contracts"] if each["id"] == "floors")
    drawn = re.search(r"```text\n(testing.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)[1]
    shown = [re.split(r"\s{2,}", line)[0] for line in drawn.splitlines()]
    assert shown == [floor.removesuffix(" | __main__") for floor in floors]


def test_every_published_interface_is_implemented_and_the_reference_says_by_what():
    said = {
        row[0].strip("`"): row[1] for row in table(section(page("reference/contract.md"), "The published interfaces"))
    }
    interfaces = {name for name in vars(contracts) if re.fullmatch(r"I[A-Z]\w+", name)}
    built = {
        name: found[1]
        for name in interfaces
        for text in SOURCES.values()
        if (found := re.search(rf"class (\w+)\({name}\)", text))
    }
    assert {name: re.match(r"\[`(\w+)`\]", what)[1] for name, what in said.items()} == built
    assert set(built) == interfaces


def test_every_public_name_is_in_the_reference():
    reference = (
        "".join(path.read_text() for path in (DOCS / "reference").glob("*.md")) + (ROOT / "README.md").read_text()
    )
    missing = {name for name in outlast.__all__ if not re.search(rf"\b{name}\b", reference)}
    assert missing <= {"__version__"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_leads_somewhere(path):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
    assert not [each for each in targets if "://" not in each and not (path.parent / each).exists()]


def test_the_index_of_the_how_to_pages_has_each_of_them_with_a_word_on_when_to_read_it():
    rows = all_rows(page("how-to/index.md"))
    assert all(len(row) == 2 and row[1] for row in rows)
    told = {re.fullmatch(r"\[.+\]\((.+)\)", row[0])[1] for row in rows}
    assert told == {path.name for path in (DOCS / "how-to").glob("*.md")} - {"index.md"}


def test_the_words_of_the_glossary_stand_in_order_and_once():
    terms = re.findall(r"^(\w[\w ]*)$(?=\n  )", page("glossary.md"), re.MULTILINE)
    assert len(terms) > 30
    assert terms == sorted(set(terms))


def test_the_page_of_all_verbs_has_each_with_its_options(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    told = dict(import_module("commands").verbs())
    assert {name.split()[1] for name in told if " " in name} == set(VERBS)
    assert "outlast checkpoint verify" in told
    assert all(text.startswith(f"Usage: {name} ") and "-h, --help" in text for name, text in told.items())
    assert "--fresh" in told["outlast run"] and "--pause-host" in told["outlast resume"]


def page(name):
    return (DOCS / name).read_text()


def section(text, heading):
    """What stands below a heading, down to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}$\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no heading {heading!r}"
    return found[1]


def tables(text):
    """The rows of each table, without its head."""
    found = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    return [[cells(line) for line in each.splitlines()[2:]] for each in found]


def table(text):
    [rows] = tables(text)
    return rows


def all_rows(text):
    return [row for rows in tables(text) for row in rows]


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def used(name, *, outside):
    own = {"__init__.py", outside}
    return any(re.search(rf"\b{re.escape(name)}\b", text) for path, text in SOURCES.items() if path.name not in own)


def told(field):
    value = field.get_default(call_default_factory=True)
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case tuple():
            return ", ".join(value) or "none"
    return str(value)


def number(value):
    return "-" if value is None else f"{value:g}"


def name_of(requirement):
    return re.match(r"[\w.-]+", requirement)[0]
