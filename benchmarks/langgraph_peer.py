"""LangGraph's SqliteSaver, as the peer of `checkpoint`. Run by the interpreter of `.venv-peers` (`make peers`), which has no outlast."""

import json
import sys
import time
from statistics import median

__all__ = ["main"]


def main(arguments: list[str]) -> None:
    """`DIRECTORY ITEMS TIMES`: the p50 of put and get_tuple in milliseconds and the bytes of a put, as a line of JSON."""
    from langgraph.checkpoint.base import empty_checkpoint
    from langgraph.checkpoint.sqlite import SqliteSaver

    from benchmarks.states import state

    directory, items, times = arguments[0], int(arguments[1]), int(arguments[2])
    data = state(items)
    puts, gets, sizes = [], [], []
    with SqliteSaver.from_conn_string(f"{directory}/langgraph.db") as saver:
        config = {"configurable": {"thread_id": "bench", "checkpoint_ns": ""}}
        for step in range(times + 1):
            checkpoint = empty_checkpoint()
            checkpoint["channel_values"] = {"state": data}
            checkpoint["channel_versions"] = {"state": step + 1}
            metadata = {"source": "loop", "step": step, "parents": {}}
            before = time.perf_counter()
            stored = saver.put(config, checkpoint, metadata, {"state": step + 1})
            puts.append(time.perf_counter() - before)
            before = time.perf_counter()
            got = saver.get_tuple(stored)
            gets.append(time.perf_counter() - before)
            assert got is not None and len(got.checkpoint["channel_values"]["state"]["items"]) == items
            [(size,)] = saver.conn.execute("SELECT length(checkpoint) FROM checkpoints ORDER BY rowid DESC LIMIT 1")
            sizes.append(size)
    # The first put creates the tables.
    print(json.dumps({"put": median(puts[1:]) * 1e3, "get": median(gets[1:]) * 1e3, "kb": median(sizes) / 1024}))


if __name__ == "__main__":
    main(sys.argv[1:])
