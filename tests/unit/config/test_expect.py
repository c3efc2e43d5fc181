"""`[expect]`: what may stand there, and how it goes together with the other layers."""

import pytest

from outlast.config import ExpectConfiguration, JobConfiguration, load_configuration
from outlast.errors import ConfigurationError
from outlast.jobs.options import configured


def refused(**settings):
    with pytest.raises(ConfigurationError) as caught:
        JobConfiguration(**settings)
    return caught.value.message


def test_all_of_it_as_it_is_written(tmp_path):
    (tmp_path / "job.toml").write_text(
        """
        max_time = "6h"
        [expect]
        max_failed = "1%"
        min_items = 100_000
        fields = { price = 0.98, title = "100%" }
        items_increase_every = "10m"
        compared_with_last = "20%"
        yield_drop = 0.5
        check_every = "1m"
        stop = true
        """
    )
    config = load_configuration(file=tmp_path / "job.toml", environ={}, directory=tmp_path).configuration
    expect = config.expect
    assert (config.max_time, str(config.max_failed)) == (21_600, "1%")
    assert dict(expect.fields) == {"price": 0.98, "title": 1.0}
    assert (expect.min_items, expect.items_increase_every, expect.check_every) == (100_000, 600, 60)
    assert (expect.compared_with_last, expect.yield_drop, expect.stop, expect.results) == (0.2, 0.5, True, True)


def test_the_environment_has_words_for_it(tmp_path):
    environ = {
        "OUTLAST_EXPECT__FIELDS": "price=0.98, title=1",
        "OUTLAST_EXPECT__MIN_ITEMS": "7",
        "OUTLAST_EXPECT__RESULTS": "true",
        "OUTLAST_EXPECT__MAX_FAILED": "3",
        "OUTLAST_MAX_TIME": "none",
    }
    loaded = load_configuration(environ=environ, directory=tmp_path)
    config = loaded.configuration
    assert (dict(config.expect.fields), config.expect.min_items) == ({"price": 0.98, "title": 1.0}, 7)
    assert (config.max_time, config.max_failed.items) == (None, 3)
    assert loaded.origins["max_failed"] == "OUTLAST_EXPECT__MAX_FAILED"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"expect": {"fields": {"price": 2}}}, "expect.fields: 'price' should be a share such as 0.98 or '98%'"),
        ({"expect": {"fields": ["price"]}}, "expect.fields: should be fields and the share"),
        ({"expect": {"fields": "price"}}, "expect.fields: should be fields and their shares"),
        ({"expect": {"compared_with_last": True}}, "expect.compared_with_last: should be a share"),
        ({"expect": {"yield_drop": "101%"}}, "expect.yield_drop: should be a share"),
        ({"expect": {"min_itms": 1}}, "expect.min_itms: unknown key; did you mean 'min_items'?"),
        ({"expect": {"min_items": -1}}, "expect.min_items: "),
        ({"expect": {"check_every": 0}}, "expect.check_every: "),
        ({"expect": 3}, "expect: is a section"),
        ({"max_time": 0}, "max_time: should be greater than 0"),
        (
            {"expect": {"results": False, "min_items": 3, "yield_drop": 0.5}},
            "expect: results = false says that there are none, and min_items and yield_drop should be true of them",
        ),
        (
            {"max_failed": 1, "expect": {"max_failed": 2}},
            "max_failed and expect.max_failed are the same setting: give one of them",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(settings, said):
    assert refused(**settings).startswith(said)


@pytest.mark.parametrize("given", ["2%", 5])
def test_the_allowance_for_failures_may_stand_in_either_place(given):
    assert JobConfiguration(expect={"max_failed": given}).max_failed == JobConfiguration(max_failed=given).max_failed
    section = ExpectConfiguration(max_failed=given)
    assert JobConfiguration(expect=section).max_failed == JobConfiguration(max_failed=given).max_failed


def test_of_the_two_places_for_the_allowance_the_later_layer_wins(tmp_path):
    (tmp_path / "job.toml").write_text("[expect]\nmax_failed = '1%'\nmin_items = 3\n")
    (tmp_path / "plain.toml").write_text("max_failed = '1%'\n")

    def found(file, **options):
        config = configured({"config": tmp_path / file, **options}, {})
        return str(config.max_failed), config.expect.min_items

    assert found("job.toml") == ("1%", 3)
    assert found("job.toml", max_failed=7) == ("7", 3)
    assert found("plain.toml", expect={"max_failed": 7}) == ("7", 0)


def test_the_expectations_of_a_decorator_show_through_key_by_key(tmp_path, monkeypatch):
    (tmp_path / "job.toml").write_text("[expect]\nmin_items = 3\n")
    decorated = {"expect": {"min_items": 1, "stop": True, "max_failed": "5%"}}
    monkeypatch.setenv("OUTLAST_EXPECT__CHECK_EVERY", "7")
    config = configured({"config": tmp_path / "job.toml", "expect": {"yield_drop": "50%"}}, decorated)
    expect = config.expect
    assert (expect.min_items, expect.stop, expect.check_every, expect.yield_drop) == (3, True, 7, 0.5)
    assert str(config.max_failed) == "5%"
    given = JobConfiguration(expect={"min_items": 3})
    config = configured({"config": given, "expect": ExpectConfiguration(yield_drop=0.5)}, decorated)
    assert (config.expect.min_items, config.expect.stop, config.expect.yield_drop) == (3, True, 0.5)
    with pytest.raises(ConfigurationError, match="give one of them"):
        configured({"max_failed": 1, "expect": {"max_failed": 2}}, {})
    with pytest.raises(ConfigurationError, match="expect: is a section"):
        configured({"expect": 3}, decorated)
