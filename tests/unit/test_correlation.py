"""One id for one chain of work."""

import asyncio
import os
import re
from contextvars import Context, copy_context

import pytest

from outlast.correlation import (
    adopt,
    child_environment,
    correlated,
    correlation_id,
    handed_on,
    new_correlation_id,
    spanned,
    trace_id_of,
    traceparent,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_an_id_is_a_trace_id_and_stays_the_same_in_its_context():
    def twice():
        return correlation_id(), correlation_id()

    first, second = Context().run(twice)
    assert first == second
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert Context().run(correlation_id) != first


def test_a_traceparent_is_taken_up(monkeypatch):
    monkeypatch.setenv("TRACEPARENT", PARENT)
    assert Context().run(correlation_id) == TRACE


def test_a_malformed_traceparent_is_ignored(monkeypatch):
    monkeypatch.setenv("TRACEPARENT", "nonsense")
    assert re.fullmatch(r"[0-9a-f]{32}", Context().run(correlation_id))


@pytest.mark.parametrize(
    ("header", "trace_id"),
    [
        (PARENT, TRACE),
        (f"  {PARENT}\n", TRACE),
        (f"cc-{TRACE}-00f067aa0ba902b7-01-of-the-future", TRACE),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", None),
        (f"{PARENT}-more", None),
        (PARENT.upper(), None),
        (PARENT[:-1], None),
        ("", None),
    ],
)
def test_a_header_is_read_as_the_standard_says(header, trace_id):
    assert trace_id_of(header) == trace_id


def test_a_block_has_its_own_id_and_gives_the_old_one_back():
    def block():
        before = correlation_id()
        with correlated("ab" * 16) as given, correlated() as fresh:
            assert (given, correlation_id()) == ("ab" * 16, fresh)
        return before == correlation_id()

    assert copy_context().run(block)


def test_the_old_id_comes_back_after_an_error():
    with correlated("ab" * 16):
        with pytest.raises(ValueError, match="x"), correlated():
            raise ValueError("x")
        assert correlation_id() == "ab" * 16


async def test_a_task_inherits_the_id():
    async def inside():
        return correlation_id()

    with correlated() as ours:
        task = asyncio.create_task(inside())
    assert await task == ours


def test_fresh_ids_differ():
    assert len({new_correlation_id() for _ in range(100)}) == 100


def test_a_child_process_is_handed_the_trace_and_the_span():
    def told():
        adopt(TRACE)
        with spanned("00f067aa0ba902b7"):
            return child_environment({"PATH": "/bin"})

    assert Context().run(told) == {"PATH": "/bin", "TRACEPARENT": PARENT}


def test_without_a_named_span_the_context_is_one():
    first, second = Context().run(lambda: (traceparent(), traceparent()))
    assert first == second
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", first)
    assert trace_id_of(first)


@pytest.mark.parametrize("before", [None, PARENT])
def test_what_is_started_meanwhile_is_handed_the_trace_and_nothing_is_left(monkeypatch, before):
    monkeypatch.delenv("TRACEPARENT", raising=False)
    if before is not None:
        monkeypatch.setenv("TRACEPARENT", before)

    def told():
        with correlated("ab" * 16), handed_on():
            return os.environ["TRACEPARENT"]

    assert trace_id_of(Context().run(told)) == "ab" * 16
    assert os.environ.get("TRACEPARENT") == before
