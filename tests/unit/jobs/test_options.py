"""What a job is told in code: an option that nobody knows is an error, not a setting without effect."""

import pytest

from outlast import job
from outlast.errors import ConfigurationError
from outlast.jobs.options import RunOptions, configured


async def test_a_misspelt_option_of_the_decorator_is_an_error_that_names_the_right_one(tmp_path):
    @job("typo", concurency=4, store=tmp_path)
    async def fetch(item):
        return item

    with pytest.raises(ConfigurationError, match="concurency: unknown option of a job; did you mean 'concurrency'"):
        await fetch.run(["a"])
    assert list(tmp_path.iterdir()) == []


def test_a_section_that_belongs_into_the_job_file_says_so():
    with pytest.raises(ConfigurationError, match="checkpoint: is said in the job file"):
        configured({"checkpoint": {"interval": 3}}, {})


def test_all_that_is_unknown_is_told_at_once():
    with pytest.raises(ConfigurationError) as refused:
        configured({"b": 1}, {"a": 1})
    assert [each["path"] for each in refused.value.context["complaints"]] == ["a", "b"]


def test_every_option_is_known():
    assert {"config", "key", "fresh", "concurrency", "abort"} <= set(RunOptions.__annotations__)
