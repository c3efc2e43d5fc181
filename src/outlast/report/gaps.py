"""What a report does not know, said in words: nothing that is missing is made up."""

from outlast.report.chronicle import Chronicle
from outlast.report.numbers import Numbers
from outlast.report.told import Told
from outlast.report.words import clean, day_and_clock, number, plural

__all__ = ["gaps"]


def gaps(told: Told, chronicle: Chronicle, counted: Numbers, run: str = "") -> tuple[str, ...]:
    """A sentence for each thing that is not known."""
    told_of = [
        *_of_the_ledger(told),
        *_of_the_log(told, chronicle, run),
        *(
            [f"{plural(chronicle.lost, 'line')} of the event log could not be written at the time."]
            if chronicle.lost
            else []
        ),
        *(
            [f"{plural(chronicle.unread, 'line')} of the event log cannot be read: torn by a kill, or damaged."]
            if chronicle.unread
            else []
        ),
        *(["A part of the event log is sealed by a key that is not at hand."] if chronicle.sealed_parts else []),
        *_of_what_was_left_out(chronicle),
        *_of_retries(counted),
    ]
    if run and not told.unread:
        told_of.append(
            "Items, failures, attempts and checkpoints are those of the whole job: the ledger does not tell runs apart."
        )
    return tuple(told_of)


def _of_the_ledger(told: Told) -> list[str]:
    return (
        [f"The ledger cannot be read, so nothing is known of items and failures: {clean(told.unread)}"]
        if told.unread
        else []
    )


def _of_the_log(told: Told, chronicle: Chronicle, run: str) -> list[str]:
    runs = [each for each in chronicle.in_order if each.id]
    if not runs:
        has_run = told.counts.total or told.standing.run
        return ["There is no event log, so nothing is known of when things happened."] if has_run else []
    first = runs[0]
    if first.resumed is False or run:
        return []
    return [f"There is no event log before {day_and_clock(first.first)}: what happened until then is not known."]


def _of_what_was_left_out(chronicle: Chronicle) -> list[str]:
    if not chronicle.left_out:
        return []
    return [
        f"{number(chronicle.left_out)} events of items were counted and not written one by one: what came of them is not known."
    ]


def _of_retries(counted: Numbers) -> list[str]:
    if not counted.crashes or counted.retries is None:
        return []
    return ["What stopped without a word may have retried more often in its last seconds than the event log tells."]
