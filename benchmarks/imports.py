"""What starting costs: `import outlast`, `outlast --help`, the tab key."""

import subprocess
import sys

from benchmarks.machine import cpu_of_children
from benchmarks.table import Row, at_most, row

__all__ = ["rows"]

ROUNDS = 9
PEERS = {
    "python -c pass": ("-c", "pass"),
    "import outlast": ("-c", "import outlast"),
    "import asyncio, sqlite3, json, logging": ("-c", "import asyncio, sqlite3, json, logging"),
    "from outlast import Run": ("-c", "from outlast import Run"),
    "outlast --help": ("-m", "outlast", "--help"),
    "the tab key after `outlast sta`": (
        "-c",
        "import os\n"
        "os.environ |= {'_OUTLAST_COMPLETE': 'bash_complete', 'COMP_WORDS': 'outlast sta', 'COMP_CWORD': '1'}\n"
        "from outlast.cli import main\nmain([])",
    ),
    "a click program with one verb, --help": (
        "-c",
        "import click\n@click.group()\ndef main(): ...\n@main.command()\ndef run(): ...\nmain(['--help'])",
    ),
}


def rows(*, full: bool) -> list[Row]:
    found: dict[str, list[float]] = {name: [] for name in PEERS}
    for _ in range(2 * ROUNDS + 1 if full else ROUNDS):
        for name, arguments in PEERS.items():
            found[name].append(_cpu_ms(arguments))

    def ratio(one: str, other: str) -> list[float]:
        return [mine / theirs for mine, theirs in zip(found[one], found[other], strict=True)]

    help_, tab, click_ = list(PEERS)[4:]
    return [
        *(row(name, values, "ms of CPU") for name, values in found.items()),
        row("import outlast / the standard library's", ratio("import outlast", list(PEERS)[2]), "x", at_most(1.0)),
        row("outlast --help / the click program", ratio(help_, click_), "x", at_most(3.0)),
        row("the tab key / the click program", ratio(tab, click_), "x", at_most(3.0)),
    ]


def _cpu_ms(arguments: tuple[str, ...]) -> float:
    before = cpu_of_children()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return (cpu_of_children() - before) * 1000
