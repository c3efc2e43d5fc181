"""A run's numbers where Prometheus looks for them, and what ships for it names only metrics that there are."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from outlast.config import JobConfiguration
from outlast.events import EventType, ResilienceEvent
from outlast.integrations.prometheus import HOSTS_MAX, Capped, Metrics
from outlast.integrations.serving import CONNECTIONS_MAX
from outlast.jobs import Context, Run
from outlast.jobs.athand import Task
from outlast.ledger.port import ItemStatus, Lease, Record
from outlast.runtime import Runtime

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "ops" / "grafana-dashboard.json"
RULES = ROOT / "ops" / "alert-rules.yml"
REFERENCE = ROOT / "docs/reference/metrics.md"


@pytest.fixture
def options(tmp_path, virtual_clock, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {"store": tmp_path / "store", "runtime": Runtime(clock=virtual_clock, roll=lambda: 0.5), "concurrency": 2}


class Shaky(Exception):
    retryable = True


async def shaky(url, ctx: Context):
    await asyncio.sleep(2)
    if url.endswith("3") and ctx.attempt < 3:
        raise Shaky("once more")
    if url.endswith("4"):
        raise ValueError("never")
    return url


URLS = [f"https://shop.test/{number}" for number in range(5)]


def samples(text):
    return {
        (each.name, *(f"{name}={value}" for name, value in sorted(each.labels.items()) if name != "job")): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def fetched(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/metrics", None, 200),
        ("/metrics", "localhost:9464", 200),
        ("/metrics", "[::1]:9464", 200),
        ("/metrics?x=1", None, 200),
        ("/metrics", "evil.test:9464", 403),
        ("/metrics", "127.0.0.1.evil.test", 403),
        ("/", None, 404),
        ("/metrics/x", None, 404),
    ],
)
def test_it_is_served_at_its_path_alone_and_under_the_names_of_this_machine(path, host, status, unused_tcp_port):
    metrics = Metrics("shop", clock=lambda: 0.0)
    metrics.serve(port := unused_tcp_port)
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host} if host else {})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                found, said = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                found, said = error.code, error.read()
    finally:
        asyncio.run(metrics.close())
    assert found == status
    assert bool(said) == (status == 200)


async def test_a_textfile_holds_what_the_run_did(options, tmp_path):
    path = tmp_path / "shop.prom"
    async with Run("shop", config=JobConfiguration(metrics={"textfile": str(path)}), **options) as run:
        await run.process(shaky, URLS)
    told = samples(path.read_text())
    assert told["outlast_items_total", "outcome=done"] == 4
    assert told["outlast_items_total", "outcome=failed"] == 1
    assert told["outlast_attempts_total", "class=ok", "host=shop.test"] == 4
    assert told["outlast_attempts_total", "class=programming", "host=shop.test"] == 1
    assert sum(value for name, value in told.items() if name[0] == "outlast_attempts_total") == 7
    assert told["outlast_item_duration_seconds_count",] == 7
    assert told["outlast_item_duration_seconds_sum",] == pytest.approx(14)
    assert told["outlast_retry_delay_seconds_count",] == 2
    assert {told["outlast_items_pending", f"state={state}"] for state in ("pending", "leased", "deferred")} == {0}
    assert told["outlast_items_recorded", "state=done"] == 4
    assert told["outlast_items_recorded", "state=failed"] == 1
    assert told["outlast_checkpoints_total", "result=created"] >= 1
    assert told["outlast_checkpoint_size_bytes",] > 0
    assert told["outlast_last_success_timestamp_seconds",] > 1_000_000_000
    assert told["outlast_process_tree_resident_memory_bytes", "role=own"] > 1_000_000
    assert told["outlast_events_total", "severity=info", "type=run_ended"] == 1
    assert [name for name in told if name[0] == "outlast_build_info"]
    assert not list(tmp_path.glob("shop.prom.*"))


@pytest.mark.real_time
async def test_they_are_served_on_this_machine_while_the_run_lasts(tmp_path, monkeypatch, unused_tcp_port):
    monkeypatch.chdir(tmp_path)
    port, seen = unused_tcp_port, []

    async def handle(item):
        seen.append(await asyncio.to_thread(fetched, port))
        return item

    async with Run("shop", config=JobConfiguration(metrics={"port": port}), store=tmp_path / "store") as run:
        await run.process(handle, ["a"])
        assert samples(await asyncio.to_thread(fetched, port))["outlast_items_total", "outcome=done"] == 1
    assert samples(seen[0])["outlast_events_total", "severity=info", "type=run_started"] == 1
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(fetched, port)
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


async def test_a_port_that_is_taken_is_a_warning(options, caplog):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = JobConfiguration(metrics={"port": taken.getsockname()[1]})
        async with Run("shop", config=config, **options) as run:
            summary = await run.process(shaky, URLS[:1])
    assert summary.done == 1
    assert [each for each in caplog.records if "metrics are not served" in each.getMessage()]


@pytest.mark.real_time
async def test_many_who_say_nothing_and_some_who_go_away_keep_nobody_from_the_metrics(
    tmp_path, monkeypatch, capfd, unused_tcp_port
):
    monkeypatch.chdir(tmp_path)
    port = unused_tcp_port

    def probe(rude):
        rude.extend(socket.create_connection(("127.0.0.1", port)) for _ in range(200))
        for each in rude[150:]:
            with suppress(OSError):
                each.sendall(b"GET /" + b"x" * 100_000)
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                each.close()
        return fetched(port), [each for each in threading.enumerate() if "process_request" in each.name]

    async with Run("shop", config=JobConfiguration(metrics={"port": port}), store=tmp_path / "store") as run:
        await run.process(nothing, ["a"])
        rude = []
        text, threads = await asyncio.to_thread(probe, rude)
        for each in rude:
            each.close()
    assert samples(text)["outlast_items_total", "outcome=done"] == 1
    assert len(threads) <= 2 * CONNECTIONS_MAX
    assert capfd.readouterr().err == ""


@pytest.mark.real_time
async def test_a_disk_that_hangs_keeps_no_run_from_its_end(options, tmp_path, caplog, monkeypatch):
    hangs = threading.Event()
    monkeypatch.setattr("outlast.integrations.prometheus.write_to_textfile", lambda *_: hangs.wait())
    monkeypatch.setattr("outlast.integrations.prometheus.WRITE_SECONDS", 0.1)
    config = JobConfiguration(metrics={"textfile": str(tmp_path / "shop.prom")})
    async with Run("shop", config=config, **options) as run:
        summary = await run.process(shaky, URLS)
    hangs.set()
    assert summary.done == 4
    assert len([each for each in caplog.records if "does not answer" in each.getMessage()]) == 1


async def test_what_alerts_wait_for_is_there_from_the_start(options, tmp_path):
    path = tmp_path / "shop.prom"
    seen = Metrics("shop", clock=lambda: 0.0)
    begun = samples(generate_latest(seen.registry).decode())
    assert begun["outlast_run_active",] == 1
    assert begun["outlast_run_start_timestamp_seconds",] > 0
    assert begun["outlast_checkpoints_total", "result=corrupted"] == 0
    async with Run("shop", config=JobConfiguration(metrics={"textfile": str(path)}), **options) as run:
        await run.process(shaky, URLS)
    assert samples(path.read_text())["outlast_run_active",] == 0


async def nothing(item):
    return item


async def test_a_file_that_cannot_be_written_is_told_once(options, tmp_path, caplog):
    config = JobConfiguration(metrics={"textfile": str(tmp_path / "gone" / "shop.prom")})
    async with Run("shop", config=config, **options) as run:
        summary = await run.process(shaky, URLS)
    assert summary.done == 4
    assert len([each for each in caplog.records if "metrics cannot be written" in each.getMessage()]) == 1


async def test_without_the_section_nothing_is_loaded_for_it(options, monkeypatch):
    monkeypatch.setattr("outlast.jobs.observing.entry_points", lambda **_: pytest.fail("somebody asked"))
    monkeypatch.setattr("outlast.jobs.observing._traces_are_taken", lambda: False)
    async with Run("shop", **options) as run:
        await run.process(shaky, URLS[:1])


def metrics(job="shop"):
    return Metrics(job, clock=lambda: 0.0)


def exposed(made):
    return generate_latest(made.registry).decode()


def event(kind, job="shop", **data):
    return ResilienceEvent.of(kind, job, data, datetime(2026, 1, 31, tzinfo=UTC))


def test_only_so_many_hosts_are_told_apart():
    made = metrics()
    for number in range(3 * HOSTS_MAX):
        task = Task(Lease(number, "k", None, 0, 1), "k", f"h{number}.test", False)
        made.ended(0.0, task, Record(task.lease, ItemStatus.DONE, 1), None)
    hosts = set(re.findall(r'outlast_attempts_total\{.*host="([^"]*)"', exposed(made)))
    assert len(hosts) == HOSTS_MAX + 1
    assert "other" in hosts


def test_hosts_that_share_a_label_are_down_while_one_of_them_is():
    made = metrics()
    made._host = Capped(1)
    for host in ("a.test", "b.test", "c.test"):
        made.note(event(EventType.HOST_PARKED, host=host))
    made.note(event(EventType.HOST_RECOVERED, host="b.test"))
    made.note(event(EventType.HOST_RECOVERED, host="a.test"))
    told = samples(exposed(made))
    assert told["outlast_host_paused", "host=a.test"] == 0
    assert told["outlast_host_paused", "host=other"] == 1
    made.note(event(EventType.HOST_RECOVERED, host="c.test"))
    assert samples(exposed(made))["outlast_host_paused", "host=other"] == 0


def test_what_is_hostile_stays_in_its_line():
    made = metrics('shop\n"\x1b[2J\udc80')
    hostile = 'x"}\noutlast_items_total{job="forged"} 9 \x1b[2J\udc80' + "y" * 1_000_000
    task = Task(Lease(1, hostile, None, 0, 1), hostile, hostile, False)
    made.ended(0.0, task, Record(task.lease, ItemStatus.FAILED, 1, error="no json \udc80"), None)
    made.note(event(EventType.HOST_PARKED, 'shop\n"\x1b[2J\udc80', host=hostile))
    text = exposed(made)
    assert len(text) < 30_000
    assert "\x1b" not in text
    assert not [line for line in text.splitlines() if line.startswith('outlast_items_total{job="forged"}')]
    assert [each for each in text_string_to_metric_families(text) if each.name == "outlast_items"]


async def test_what_browsers_aborts_and_the_monitor_tell_is_counted():
    made = metrics()
    made.note(event(EventType.BROWSER_RESTARTED, reason="memory", duration=1.0))
    made.note(event(EventType.ABORT_TRIGGERED, policy_id="default", decision="abort"))
    made.note(event(EventType.CHECKPOINT_FAILED, reason="full"))
    made.note(event(EventType.CHECKPOINT_CORRUPTED, checkpoint_id="c"))
    made.note(event(EventType.CHECKPOINT_CORRUPTED, job="other", checkpoint_id="c"))
    sample = dict.fromkeys(("pending", "leased", "deferred", "done", "failed", "ignored", "in_flight"), 0)
    memory = {"memory_bytes": 300, "browser_memory_bytes": 200, "memory_limit_bytes": 1_000}
    await made.sampled({**sample, **memory})
    told = samples(exposed(made))
    assert told["outlast_browser_restarts_total", "reason=memory"] == 1
    assert told["outlast_aborts_total", "policy=default"] == 1
    assert told["outlast_checkpoints_total", "result=failed"] == 1
    assert told["outlast_checkpoints_total", "result=corrupted"] == 1
    assert told["outlast_process_tree_resident_memory_bytes", "role=own"] == 100
    assert told["outlast_process_tree_resident_memory_bytes", "role=browser"] == 200
    assert told["outlast_memory_limit_bytes",] == 1_000


def families():
    """Every metric there is: its name as it is asked for, its type, its labels, what it says."""
    made = metrics()
    for family in made.registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield name, family.type, family.documentation


def selected(expression):
    """The metrics that a query asks for, each with the labels that it is chosen by. Raises `ValueError` for what is no PromQL."""
    for variable in re.findall(r"\[\$\w+\]", expression):
        expression = expression.replace(variable, "[5m]")
    found = []

    def seen(node):
        if isinstance(node, promql_parser.VectorSelector):
            found.append((node.name, {each.name for each in node.matchers.matchers}))

    promql_parser.walk(promql_parser.parse(expression), seen)
    return found


def unknown_in(expression):
    """What a query asks for that there is not: metrics, and labels that they do not have."""
    labels = labels_of_metrics()
    return [
        (name, sorted(chosen - labels.get(name, set())))
        for name, chosen in selected(expression)
        if name not in labels or chosen - labels[name]
    ]


def labels_of_metrics():
    """The labels of every metric, by the names under which it can be asked for."""
    rows = [line.split("|") for line in REFERENCE.read_text().splitlines() if line.startswith("| `outlast_")]
    labels = {}
    for _, name, kind, stated, *_ in rows:
        known = {*re.findall(r"`(\w+)`", stated), "job", "instance"}
        if kind.strip() == "histogram":
            labels |= {f"{name.strip(' `')}{part}": {*known, "le"} for part in ("_bucket", "_sum", "_count")}
        else:
            labels[name.strip(" `")] = known
    return labels


def test_the_reference_lists_every_metric():
    text = REFERENCE.read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| `outlast_")
    ]
    assert [(row[0].strip("`"), row[1], row[3]) for row in rows] == list(families())


def test_the_dashboard_is_well_formed_and_asks_for_metrics_that_there_are():
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["title"]
    assert dashboard["schemaVersion"] >= 36
    panels = [each for each in dashboard["panels"] if each["type"] != "row"]
    assert len({each["id"] for each in dashboard["panels"]}) == len(dashboard["panels"])
    expressions = [target["expr"] for each in panels for target in each["targets"]]
    assert all(selected(each) for each in expressions)
    assert not [each for expression in expressions for each in unknown_in(expression)]
    for each in panels:
        assert each["title"]
        assert set(each["gridPos"]) == {"h", "w", "x", "y"}
        assert each["gridPos"]["x"] + each["gridPos"]["w"] <= 24
    queried = [each["query"] for each in dashboard["templating"]["list"] if each["type"] == "query"]
    names = {
        name
        for each in queried
        for name in re.findall(r"outlast_\w+", each if isinstance(each, str) else each["query"])
    }
    assert names <= set(labels_of_metrics())


def test_the_alert_rules_are_well_formed_and_ask_for_metrics_that_there_are():
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    assert set(group) == {"name", "rules"}
    assert len(group["rules"]) >= 5
    for rule in group["rules"]:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}, rule
        assert selected(rule["expr"])
        assert unknown_in(rule["expr"]) == []
        assert re.fullmatch(r"\d+[smh]", rule["for"])
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "description"}


@pytest.mark.parametrize(
    "wrong", ["outlast_run_active > and 900", "rate(outlast_aborts_total)", "sum by (job outlast_run_active", "f(1)"]
)
def test_what_is_no_query_is_found(wrong):
    with pytest.raises(ValueError, match=r"."):
        selected(wrong)


def test_a_metric_or_a_label_that_there_is_not_is_found():
    assert unknown_in('outlast_run_actve == 1 and outlast_items_total{status="failed"}') == [
        ("outlast_run_actve", []),
        ("outlast_items_total", ["status"]),
    ]


RUN = """
import asyncio, sys, outlast
async def handle(item):
    return item
asyncio.run(outlast.job("x", store=sys.argv[1])(handle).run([1]))
print(sorted({"prometheus_client", "opentelemetry", "structlog"} & set(sys.modules)))
"""


@pytest.mark.real_time
def test_a_run_that_asks_for_neither_loads_neither(tmp_path):
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("OUTLAST_", "OTEL_"))}
    command = [sys.executable, "-c", RUN, str(tmp_path / "store")]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
