"""Runs the benchmarks and prints what they found. Nothing here fails because a machine is slow: it says what was missed."""

import argparse
import json
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks.machine import description
from benchmarks.table import Row, shown

__all__ = ["BENCHMARKS", "main"]

# By name: the module whose `rows(full=...)` measures, in processes of its own, and gives the rows; its docstring's first line is the title.
BENCHMARKS = {
    "noop": "noop",
    "resume": "resume",
    "memory": "memory",
    "outage": "outage",
    "checkpoint": "checkpoint",
    "delta": "delta",
    "crawl": "crawl",
    "import": "imports",
    "retry": "retry",
    "abort": "abort",
    "resources": "resources",
    "browser": "browser",
    "live": "live",
}


def main(arguments: list[str]) -> int:
    """Exit code 0 when everything was measured, whether the bars were met or not."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure, against a peer in the same run."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--full", action="store_true", help="the large sizes: a million items; takes some ten minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    machine = description()
    print(f"{machine}\nmedian (least to most of the rounds)", flush=True)
    found = {name: _measure(name, full=options.full) for name in options.names or BENCHMARKS}
    if options.json is not None:
        content = {
            "machine": machine,
            "full": options.full,
            "rows": {n: [r.to_dict() for r in f] for n, f in found.items()},
        }
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 0


def _measure(name: str, *, full: bool) -> list[Row]:
    module = import_module(f"benchmarks.{BENCHMARKS[name]}")
    title = (module.__doc__ or "").partition("\n")[0]
    print(f"\n{name}: {title}", flush=True)
    before = time.monotonic()
    rows: list[Row] = module.rows(full=full)
    print(f"{shown(rows)}\n  measured in {time.monotonic() - before:.0f} s", flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
