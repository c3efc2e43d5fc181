"""A run's spans, as the SDK of OpenTelemetry gets them."""

import asyncio

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from outlast.correlation import correlation_id, traceparent
from outlast.integrations import opentelemetry as ours
from outlast.jobs import Context, Run
from outlast.jobs.athand import Task
from outlast.jobs.observing import About
from outlast.jobs.store import job_directory
from outlast.ledger.port import ItemStatus, Lease, Record
from outlast.logs import read_events
from outlast.runtime import Runtime

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def exporter(monkeypatch):
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


@pytest.fixture
def options(tmp_path, virtual_clock, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRACEPARENT", raising=False)
    return {"store": tmp_path / "store", "runtime": Runtime(clock=virtual_clock, roll=lambda: 0.5), "concurrency": 2}


class Shaky(Exception):
    retryable = True


async def shaky(url, ctx: Context):
    with trace.get_tracer("user").start_as_current_span("request"):
        await asyncio.sleep(1)
    if url.endswith("1") and ctx.attempt == 1:
        raise Shaky("once more")
    if url.endswith("2"):
        raise ValueError("never token=x")
    return traceparent()


URLS = [f"https://shop.test/{number}" for number in range(3)]


async def work(options, urls=URLS, handler=shaky):
    async with Run("shop", **options) as run:
        await run.process(handler, urls)
        return run.run_id, correlation_id()


def named(exporter, name):
    return [span for span in exporter.get_finished_spans() if span.name == name]


def item_of(exporter, url):
    [span] = [each for each in named(exporter, "outlast.item") if each.attributes["outlast.item.key"] == url]
    return span


async def test_spans_stand_in_each_other(exporter, options):
    run_id, correlation = await work(options)
    [run] = named(exporter, "outlast.run")
    assert run.parent is None
    assert (run.attributes["outlast.job.id"], run.attributes["outlast.run.id"]) == ("shop", run_id)
    assert trace.format_trace_id(run.context.trace_id) == correlation
    items, attempts, requests = (named(exporter, name) for name in ("outlast.item", "outlast.attempt", "request"))
    assert (len(items), len(attempts), len(requests)) == (3, 4, 4)
    assert {each.parent.span_id for each in items} == {run.context.span_id}
    assert {each.parent.span_id for each in attempts} == {each.context.span_id for each in items}
    assert {each.parent.span_id for each in requests} == {each.context.span_id for each in attempts}
    assert {each.attributes["server.address"] for each in items} == {"shop.test"}
    assert len({each.context.trace_id for each in exporter.get_finished_spans()}) == 1


async def test_an_error_that_was_retried_stands_in_its_attempt_alone(exporter, options):
    await work(options)
    item = item_of(exporter, URLS[1])
    first, second = sorted(
        (each for each in named(exporter, "outlast.attempt") if each.parent.span_id == item.context.span_id),
        key=lambda each: each.attributes["outlast.attempt"],
    )
    assert first.status.status_code is StatusCode.ERROR
    assert first.attributes["error.type"].endswith("Shaky")
    assert first.attributes["outlast.failure.class"] == "unknown"
    assert second.status.status_code is item.status.status_code is StatusCode.UNSET
    assert "error.type" not in second.attributes
    assert "error.type" not in item.attributes
    assert item.start_time <= first.start_time
    assert item.end_time >= second.end_time


async def test_an_item_that_is_given_up_has_the_error(exporter, options):
    await work(options)
    item = item_of(exporter, URLS[2])
    assert (item.status.status_code, item.attributes["error.type"]) == (StatusCode.ERROR, "ValueError")


async def good(url):
    return url


async def test_the_span_of_a_run_says_how_it_ended(exporter, options):
    await work(options, handler=good)
    async with Run("shop", **options) as run:
        run.stop()
        await run.process(good, ["https://shop.test/8"])
    fine, stopped = named(exporter, "outlast.run")
    assert fine.attributes["outlast.outcome"] == "completed"
    assert fine.status.status_code is StatusCode.UNSET
    assert stopped.attributes["outlast.outcome"] == "stopped"
    assert stopped.status.status_code is StatusCode.UNSET


async def test_the_span_of_a_run_that_went_wrong_is_an_error(exporter, options):
    await work(options)
    with pytest.raises(RuntimeError):
        async with Run("other", **options):
            raise RuntimeError("no room, token=x")
    failed, broken = named(exporter, "outlast.run")
    assert failed.attributes["outlast.outcome"] == failed.attributes["error.type"] == "completed_with_failures"
    assert failed.status.status_code is StatusCode.ERROR
    assert broken.attributes["outlast.outcome"] == "error"
    assert broken.attributes["error.type"] == "RuntimeError"
    assert broken.status.description == "no room, token=***"


async def test_a_resumed_run_is_linked_to_the_one_before(exporter, options):
    await work(options)
    await work(options, [*URLS, "https://shop.test/7"])
    first, second = named(exporter, "outlast.run")
    [link] = second.links
    assert (link.context.trace_id, link.context.span_id) == (first.context.trace_id, first.context.span_id)
    assert first.context.trace_id != second.context.trace_id
    assert not first.links


async def test_the_span_that_is_active_is_the_parent(exporter, options):
    with trace.get_tracer("user").start_as_current_span("mine") as mine:
        _, correlation = await work(options)
    [run] = named(exporter, "outlast.run")
    assert run.parent.span_id == mine.get_span_context().span_id
    assert trace.format_trace_id(mine.get_span_context().trace_id) == correlation


async def test_a_traceparent_is_the_parent_where_no_span_is_active(exporter, options, monkeypatch):
    monkeypatch.setenv("TRACEPARENT", f"00-{TRACE}-00f067aa0ba902b7-01")
    _, correlation = await work(options)
    [run] = named(exporter, "outlast.run")
    assert correlation == TRACE
    assert (run.parent.trace_id, run.parent.span_id) == (int(TRACE, 16), 0x00F067AA0BA902B7)


async def test_events_and_children_name_trace_and_span(exporter, options, tmp_path):
    seen = []

    async def handle(url):
        seen.append(traceparent())
        raise ValueError("never")

    _, correlation = await work(options, URLS[:1], handle)
    [attempt] = named(exporter, "outlast.attempt")
    span = trace.format_span_id(attempt.context.span_id)
    assert seen == [f"00-{correlation}-{span}-01"]
    entries = {each.event_type: each for each in read_events(job_directory(tmp_path / "store", "shop").path)}
    assert entries["permanent_failure"].span_id == span
    assert {each.correlation_id for each in entries.values()} == {correlation}


async def test_what_happens_to_the_run_is_an_event_of_its_span(exporter, options):
    await work(options)
    [run] = named(exporter, "outlast.run")
    assert {"outlast.run_started", "outlast.run_ended", "outlast.checkpoint_created"} <= {
        each.name for each in run.events
    }
    assert run.attributes["outlast.items.in_flight"] == 0


async def test_a_run_that_is_cancelled_ends_its_spans(exporter, options):
    task = asyncio.ensure_future(work(options, URLS, _stuck))
    await asyncio.sleep(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(named(exporter, "outlast.run")) == 1
    assert {each.attributes["error.type"] for each in named(exporter, "outlast.attempt")} == {
        "asyncio.exceptions.CancelledError"
    }
    assert len(named(exporter, "outlast.item")) == len(named(exporter, "outlast.attempt")) == 2
    assert not trace.get_current_span().get_span_context().is_valid


async def _stuck(url):
    await asyncio.sleep(1_000)


async def test_between_two_attempts_no_span_is_active(exporter, options):
    async with Run("shop", **options) as run:
        about = About(job_id="shop", run_id="r", config=run._config, runtime=options["runtime"])
        traces = ours.observer(about)
        task = Task(Lease(1, "k", None, 0, 1), "k", "", False)
        begun = traces.began(task, 1)
        assert trace.get_current_span() is begun.attempt
        traces.ended(begun, task, Record(task.lease, ItemStatus.DONE, 1), None)
        assert not trace.get_current_span().get_span_context().is_valid
        await traces.close()


async def test_items_that_wait_with_an_open_span_are_bounded(exporter, options, monkeypatch):
    monkeypatch.setattr(ours, "OPEN_ITEMS_MAX", 2)
    tried = set()

    async def handle(url):
        if url not in tried:
            tried.add(url)
            raise Shaky
        return url

    await work(options, [f"https://shop.test/{number}" for number in range(20)], handle)
    items = named(exporter, "outlast.item")
    assert 20 < len(items) <= 40
    assert len(named(exporter, "outlast.attempt")) == 40


async def test_hostile_keys_and_messages_are_bounded(exporter, options):
    async def handle(url):
        raise ValueError("\x1b[2J\n" + "y" * 1_000_000)

    await work(options, ["https://shop.test/" + "x" * 100_000], handle)
    [item] = named(exporter, "outlast.item")
    assert len(item.attributes["outlast.item.key"]) < 2_100
    assert len(item.status.description) < 2_100


async def test_without_a_provider_nothing_watches(options, monkeypatch):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    async with Run("shop", **options) as run:
        assert not run._session.diary._watched
        assert correlation_id()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", trace.NoOpTracerProvider())
    async with Run("shop", **options) as run:
        assert not run._session.diary._watched


async def test_an_api_that_is_not_installed_is_no_error(options, monkeypatch):
    class Point:
        def load(self):
            raise ImportError("no", name="opentelemetry")

    monkeypatch.setattr("outlast.jobs.observing.entry_points", lambda **_: [Point()])
    async with Run("shop", **options) as run:
        assert not run._session.diary._watched


async def test_a_provider_that_raises_stops_no_run(exporter, options, caplog, monkeypatch):
    def fail(*_, **__):
        raise StopIteration("no such provider")

    for place, name in ((trace, "get_tracer_provider"), (trace.get_tracer("outlast").__class__, "start_span")):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, fail)
            async with Run(f"shop-{name}", **options) as run:
                summary = await run.process(plain, URLS)
        assert summary.done == 3
    assert len([each for each in caplog.records if "opentelemetry failed to begin" in each.getMessage()]) == 2


async def test_secrets_are_masked_before_they_leave(exporter, options):
    await work(options, ["https://me:hunter2@shop.test/2?token=hunter2"], leaks)
    spans = exporter.get_finished_spans()
    told = str(
        [(span.attributes, span.status.description, [each.attributes for each in span.events]) for span in spans]
    )
    assert "shop.test/2?token=***" in told
    assert "hunter2" not in told


async def plain(url):
    return url


async def leaks(url):
    raise ValueError(f"password=hunter2 did not do at {url}")
