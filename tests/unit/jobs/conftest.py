"""What the tests of jobs share."""

import pytest


class Watcher:
    """Who is told that an output had to be kept; `mends` is what mending the ledger finds."""

    run_id = "RUN"

    def __init__(self):
        self.kept_as = []
        self.mends = False

    async def mend(self):
        return self.mends

    async def kept(self, path):
        self.kept_as.append(path)


@pytest.fixture
def watcher():
    return Watcher()
