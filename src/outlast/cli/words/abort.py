"""Why a job is suspended or was aborted, in lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from outlast.cli.phrases import moment, plainly, quoted, safe, units
from outlast.cli.words.pause import paused_text

__all__ = ["aborted_lines", "aborted_steps", "suspended_line", "taken_back_lines", "why"]

REASON_WIDTH_MAX = 300
CAUSE_WIDTH_MAX = 300
SLOWER = "10/min"
_FOR_ASKING_TOO_MUCH = frozenset({"blocked", "throttled"})
_BY_ASKING_LESS = frozenset({"blocked", "throttled", "timeout", "server_error", "network"})


def why(note: Mapping[str, Any]) -> str:
    """The reason, as one reads it; what somebody has given as one stays as it was said."""
    if note.get("ordered"):
        return safe(str(note.get("reason")).strip().rstrip("."), REASON_WIDTH_MAX)
    return safe(plainly(str(note.get("reason") or "going on seemed pointless")), REASON_WIDTH_MAX)


def suspended_line(note: Mapping[str, Any], *, paused: bool = False) -> str:
    """Where a job stands that runs, and hands out nothing but probes; `paused` as a whole, not even those, and it gives nothing up."""
    since = f"suspended since {moment(str(note.get('since')))}: {why(note)}"
    if paused:
        return f"{since}; nobody is probed while the job is paused"
    probe = note.get("next_probe")
    rest = f"probing, next at {moment(str(probe))}" if probe else "waiting for what is in flight"
    if note.get("silence"):
        rest = "each of them is probed"
    return f"{since}; {rest}; gives up at {moment(str(note.get('gives_up')))}"


def aborted_lines(note: Mapping[str, Any]) -> list[str]:
    """What is known of why it was aborted: since when, where, what failed, what was well."""
    hosts, seen = _names(note.get("hosts")), note.get("hosts_seen")
    where = f" at {len(hosts)} of {seen} hosts: {paused_text(hosts)}" if hosts and any(hosts) else ""
    # Somebody has decided: that there was trouble is not said.
    lines = [] if note.get("ordered") else [f"  in trouble since {moment(str(note.get('since')))}{where}"]
    cause, analysis = note.get("cause"), note.get("analysis") or {}
    if analysis.get("total_failures"):
        lines.append(f"  {safe(str(analysis['cause']), CAUSE_WIDTH_MAX)}")
    elif cause:
        lines.append(f"  most failed with {safe(plainly(str(cause)), CAUSE_WIDTH_MAX)}")
    healthy = _names(analysis.get("healthy_hosts"))
    return [
        *lines,
        *([f"  well until the end: {paused_text(healthy)}"] if healthy else []),
        *taken_back_lines(note.get("taken_back")),
    ]


def taken_back_lines(count: object) -> list[str]:
    """What was given up while it went wrong."""
    if not isinstance(count, int) or not count:
        return []
    wait = "waits" if count == 1 else "wait"
    return [f"  {units(count, 'item')} given up meanwhile {wait} again"]


def aborted_steps(name: str, note: Mapping[str, Any], hint: str, down: Sequence[str]) -> list[tuple[str, str]]:
    """What may help, beyond going on: without the host that is in trouble, or asking it less often."""
    troubled, seen = _names(note.get("hosts")), note.get("hosts_seen")
    # Where all of them are in trouble, there is nothing to go on with.
    some = troubled if isinstance(seen, int) and len(troubled) < seen else []
    host = next(filter(None, [*down, *some]), None)
    word = quoted(name)
    # Where what failed is what is left, no later run would come to an end of it.
    by_policy = note.get("taken_back") and not note.get("ordered")
    steps = [("let them fail", f"outlast resume {word} --abort-policy never{hint}")] if by_policy else []
    if host is None:
        return steps + (_slower(word, troubled, hint) if note.get("failure_class") in _FOR_ASKING_TOO_MUCH else [])
    named = quoted(host)
    steps += [("go on without it", f"outlast resume {word} --pause-host {named}{hint}")]
    if note.get("failure_class") in _BY_ASKING_LESS:
        steps += _slower(word, [host], hint)
    return steps


def _slower(word: str, hosts: Sequence[str], hint: str) -> list[tuple[str, str]]:
    """How to ask a host less often, or all of them."""
    if not any(hosts):
        return []
    whom, them = (hosts[0], "it") if len(hosts) == 1 else ("*", "them")
    return [(f"ask {them} less often", f"outlast resume {word} --rate {quoted(f'{whom}={SLOWER}')}{hint}")]


def _names(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else []
