"""The command line, called in this process or started as one of its own, in a directory of its own."""

import os
import re
import subprocess
import sys
from hashlib import sha256

import pytest

from outlast.cli import main

TARGET = """
import asyncio, outlast

async def scrape(item):
    if "bad" in str(item):
        raise ValueError(f"no price on {item} \\x1b[31m")
    return {"item": item}

@outlast.job("shop", max_failed="50%", store="shop-store")
async def buy(item, ctx):
    return {"bought": item}

async def tally(item, ctx):
    ctx.state["seen"] = ctx.state.get("seen", 0) + 1
    return {"item": item}

async def asks(item, nobody_has_this): ...

async def ends(item):
    raise SystemExit(0)
"""

PROCESS_TARGET = """
import asyncio, os, time

def note(item):
    with open("fetched.txt", "a") as file:
        file.write(item + "\\n")

async def scrape(item):
    note(item)
    await asyncio.sleep(0.05)
    return {"item": item}

async def gated(item):
    note(item)
    while int(item.rpartition("/")[2]) >= 24 and not os.path.exists("go"):
        await asyncio.sleep(0.02)
    return {"item": item}

async def stuck(item):
    note(item)
    await asyncio.sleep(60)

def blocks(item):
    note(item)
    while not os.path.exists("go"):
        time.sleep(0.02)

async def down(item):
    raise ConnectionRefusedError(111, "Connection refused")

async def prints(item):
    print("hello from " + item)
    await asyncio.sleep(0.3)
"""


@pytest.fixture
def outlast(tmp_path, monkeypatch, capsys):
    """Call the command line in a directory of its own; its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in os.environ if name.startswith("OUTLAST_")]:
        monkeypatch.delenv(name)
    (tmp_path / "scrape.py").write_text(TARGET)
    (tmp_path / "urls.txt").write_text("".join(f"https://a.test/{n}\n" for n in range(6)))
    (tmp_path / "some.txt").write_text("good\nbad 1\nbad 2\n")

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments])
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    yield call
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def tree():
    """The digest of every file below a directory, so that a test can say that nothing was changed."""

    def digests(path):
        return {
            str(file.relative_to(path)): sha256(file.read_bytes()).hexdigest()
            for file in sorted(path.rglob("*"))
            if file.is_file()
        }

    return digests


@pytest.fixture
def damage():
    """Flip a bit of a file: at a place, or wherever a text stands in it, in what SQLite has left behind as well."""

    def flip(path, place=-5):
        blob = bytearray(path.read_bytes())
        places = [each.start() for each in re.finditer(re.escape(place), blob)] if isinstance(place, bytes) else [place]
        assert places
        for each in places:
            blob[each] ^= 0x40
        path.write_bytes(blob)

    return flip


@pytest.fixture
def start(tmp_path):
    """Start `outlast` in a directory of its own; what still runs at the end is killed."""
    (tmp_path / "scrape.py").write_text(PROCESS_TARGET)
    (tmp_path / "urls.txt").write_text("".join(f"https://a.test/{n}\n" for n in range(60)))
    started = []

    def call(*arguments, **options):
        environ = {
            name: value for name, value in os.environ.items() if not name.startswith(("OUTLAST_", "NO_COLOR", "FORCE_"))
        }
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
        process = subprocess.Popen(
            [sys.executable, "-m", "outlast", *map(str, arguments)],
            cwd=tmp_path,
            env=environ | options.pop("env", {}),
            **options,
        )
        started.append(process)
        return process

    yield call
    for process in started:
        process.kill()
        process.communicate()
