"""Campaigns: thousands of seeded histories, a tenth of them in the ordinary suite, all of them with OUTLAST_SOAK=1."""

import importlib.util
import os
import sys
from pathlib import Path
from time import perf_counter

import pytest

SOAK_FACTOR = 10
TRACED = 50
"""So many cases of a campaign count for coverage; tracing all of them would more than double its time."""


@pytest.fixture(scope="session")
def campaign_size():
    """How many cases to run where the ordinary suite runs `ci`."""
    return lambda ci: ci * SOAK_FACTOR if os.environ.get("OUTLAST_SOAK") == "1" else ci


def _loaded(name):
    spec = importlib.util.spec_from_file_location(f"campaigns_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def checkpoint_history():
    """The module: `CheckpointHistory` and what belongs to it."""
    return _loaded("checkpoint_history")


@pytest.fixture(scope="session")
def ledger_history():
    """The module: `LedgerHistory` and what belongs to it."""
    return _loaded("ledger_history")


@pytest.fixture(scope="session")
def abort_simulation():
    """The module: `Simulation` and what belongs to it."""
    return _loaded("abort_simulation")


@pytest.fixture
def tracing():
    """Tracing may be switched off: after the test it is on again."""
    tracer = sys.gettrace()
    yield
    sys.settrace(tracer)


@pytest.fixture
def campaign(request, campaign_size, tracing):
    """Run `history(seed)` for its share of the seeds 0, 1, 2, ...; a failure says how to replay it alone.

    With OUTLAST_SEED only that seed runs. What the histories return is added up and printed.
    """

    def run(history, ci, *, shard=0, shards=1):
        chosen = os.environ.get("OUTLAST_SEED")
        seeds = range(campaign_size(ci)) if chosen is None else [int(chosen)]
        seeds = [seed for seed in seeds if seed % shards == shard]
        if not seeds:
            pytest.skip(f"seed {chosen} belongs to another shard")
        totals = {}
        started = perf_counter()
        for place, seed in enumerate(seeds):
            if place == TRACED:
                sys.settrace(None)
            try:
                found = history(seed)
            except Exception as error:
                test = request.node.nodeid
                pytest.fail(f"seed {seed}: {error}\nreplay it: OUTLAST_SEED={seed} .venv/bin/pytest '{test}'")
            for name, number in (found or {}).items():
                totals[name] = totals.get(name, 0) + number
        seconds = perf_counter() - started
        figures = ", ".join(f"{number} {name}" for name, number in totals.items())
        print(f"seeds {seeds[0]}..{seeds[-1]}: {len(seeds)} histories, {len(seeds) / seconds:.0f}/s; {figures}")
        return totals

    return run
