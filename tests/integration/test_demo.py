"""The demonstration keeps its word."""

import json
import subprocess
import sys

import pytest


def demo(directory):
    command = [sys.executable, "-m", "outlast", "demo", "--keep", str(directory)]
    return subprocess.run(command, capture_output=True, text=True, timeout=280)


@pytest.mark.real_time
@pytest.mark.timeout(300)
def test_the_demo_is_killed_twice_and_records_every_page_once(tmp_path):
    ended = demo(tmp_path / "demo")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("*** kill -9") == 2
    assert "Every page was recorded exactly once." in ended.stdout
    with (tmp_path / "demo" / "pages.jsonl").open() as file:
        urls = [json.loads(line)["url"] for line in file]
    assert len(urls) == len(set(urls)) > 500
