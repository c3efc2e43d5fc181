"""An event in the words of CloudEvents 1.0 (https://cloudevents.io): a dozen lines, so no SDK."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from outlast.correlation import at_work, traceparent

__all__ = ["cloudevent"]


def cloudevent(
    event: Mapping[str, Any],
    *,
    run_id: str | None = None,
    item_key: str | None = None,
    span_id: str | None = None,
) -> dict[str, Any]:
    """A `ResilienceEvent.to_dict()` as a CloudEvent in JSON; its id follows from what it says.

    Run and item are those given; else those that the event names, or that are worked on here.
    """
    job_id, data = str(event["job_id"]), event["data"]
    job, run, key, attempt = at_work.get() or (None, None, None, 0)
    here = job == job_id
    run_id = run_id or data.get("run_id") or (run if here else None)
    subject = item_key or data.get("key") or (key if here and attempt else None)
    told = {
        "source": _source(job_id, run_id),
        "type": f"outlast.{event['event_type']}",
        **({"subject": str(subject)} if subject else {}),
        "time": str(event["timestamp"]).replace("+00:00", "Z"),
        "severity": event["severity"],
        "component": event["component"],
        "data": data,
    }
    whole = json.dumps([told, event["correlation_id"]], sort_keys=True, default=str)
    return {
        "specversion": "1.0",
        "id": sha256(whole.encode()).hexdigest()[:32],
        "datacontenttype": "application/json",
        "traceparent": traceparent(event["correlation_id"], span_id),
        **told,
    }


def _source(job_id: str, run_id: object) -> str:
    # A lone surrogate has no place in a URI.
    job = f"/jobs/{quote(job_id.encode('utf-8', 'backslashreplace'), safe='')}"
    return job if run_id is None else f"{job}/runs/{quote(str(run_id), safe='')}"
