"""Which job, run, item and attempt is a log record about? A filter that says so on every record that does not say it itself."""

import logging
from typing import Any

from typing_extensions import override

from outlast.correlation import at_work, correlation_id

__all__ = ["IdFilter", "ids_of_work"]


class IdFilter(logging.Filter):
    """Puts `job_id`, `run_id`, `item_key`, `attempt` and `correlation_id` on each record; lets every record pass.

    For handlers: `handler.addFilter(IdFilter())`. A record that was given one of these keeps its own.
    """

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        given = vars(record)
        for name, value in ids_of_work().items():
            given.setdefault(name, value)
        return True


def ids_of_work() -> dict[str, Any]:
    """The ids of what this task or thread is at; those of an item only while one is tried."""
    ids: dict[str, Any] = {"correlation_id": correlation_id()}
    work = at_work.get()
    if work is not None:
        ids["job_id"], ids["run_id"], key, attempt = work
        if attempt:
            ids["item_key"], ids["attempt"] = key, attempt
    return ids
