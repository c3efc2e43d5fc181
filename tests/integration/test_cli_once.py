"""What `run` and `resume` are told for one call."""

import json

import pytest

pytestmark = pytest.mark.real_time


def test_with_exit_zero_findings_are_no_failure_of_the_command(outlast):
    code, _, err = outlast("run", "scrape.py:scrape", "some.txt", "--exit-zero")
    assert (code, err.splitlines()[-1]) == (0, "The exit code is 0, as --exit-zero asks; else it would be 1.")
    code, out, _ = outlast("resume", "scrape", "--exit-zero", "--json")
    assert (code, json.loads(out)["exit_code"]) == (0, 1)
    assert outlast("resume", "scrape")[0] == 1  # it is meant for one call
    code, _, err = outlast("run", "scrape.py:scrape", "--job", "none", "--exit-zero")
    assert (code, "EMPTY" in err) == (0, True)


def test_with_exit_zero_all_that_is_not_finished_keeps_its_code(outlast):
    assert outlast("run", "scrape.py:scrape", "missing.txt", "--exit-zero")[0] == 2
    outlast("run", "scrape.py:scrape", "https://b.test/1")
    outlast("pause", "scrape", "--host", "a.test")
    code, _, err = outlast("run", "scrape.py:scrape", "urls.txt", "--exit-zero")
    assert (code, "exit-zero" in err) == (3, False)
