"""Rates mean what they look like, in code, in files and in the environment."""

import pytest

from outlast.config import JobConfiguration, load_configuration
from outlast.config.rates import Rate, Rates, rate_in
from outlast.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "spacing"),
    [("2/s", 0.5), ("30/min", 2.0), ("100/h", 36.0), ("0.5/s", 2.0), (" 30 / min ", 2.0), ("1/h", 3_600.0)],
)
def test_a_rate_is_a_spacing(text, spacing):
    assert rate_in(text).spacing == pytest.approx(spacing)
    assert rate_in(str(rate_in(text))) == rate_in(text)


@pytest.mark.parametrize(
    "text", ["", "30", "30/m", "30/day", "-1/s", "0/s", "1e3/s", "nan/s", "100000/s", "0.01/h", "٣/s"]
)
def test_what_is_no_rate_is_refused_with_its_host(text):
    with pytest.raises(ConfigurationError, match=r"rate: 'a.example' should be") as refused:
        JobConfiguration(rate={"a.example": text})
    assert repr(text) in str(refused.value)


def test_a_rate_that_is_wrong_is_told_once_and_plainly():
    with pytest.raises(ConfigurationError) as refused:
        JobConfiguration(rate={"x": "5", "y": "1/s"})
    assert str(refused.value) == "rate: 'x' should be a rate such as '2/s', '30/min' or '100/h', not '5'"


@pytest.mark.parametrize("value", ["a.example", ["a"], {"": "1/s"}, {1: "1/s"}, 5])
def test_what_is_no_table_of_hosts_is_refused(value):
    with pytest.raises(ConfigurationError, match="rate: should be hosts and their rates"):
        JobConfiguration(rate=value)


def test_hosts_are_written_in_any_case():
    assert JobConfiguration(rate={"Shop.Example": "1/s"}).rate.pairs == (("shop.example", Rate(1.0, "s")),)


def test_a_configuration_with_rates_is_a_value():
    one, other = JobConfiguration(rate={"a": "1/s", "b": "2/s"}), JobConfiguration(rate={"b": "2/s", "a": "1/s"})
    assert one == other
    assert hash(one) == hash(other)
    assert one.model_dump()["rate"] == {"a": "1/s", "b": "2/s"}
    assert JobConfiguration(**one.model_dump()) == one
    assert (len(one.rate), dict(Rates())) == (2, {})


def test_the_layers_join_host_by_host_and_the_environment_speaks_for_all(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.outlast]\nrate."a" = "1/s"\nrate."*" = "9/s"\n')
    (tmp_path / "job.toml").write_text('rate."a" = "2/s"\n')
    found = load_configuration(
        directory=tmp_path, file=tmp_path / "job.toml", environ={}, arguments={"rate": {"b": "3/s"}}
    )
    assert found.configuration.rate.texts() == {"*": "9/s", "a": "2/s", "b": "3/s"}
    assert (found.origins["rate.a"], found.origins["rate.b"]) == ("job.toml", "argument")
    environ = {"OUTLAST_RATE": "c=4/s, d=5/min"}
    found = load_configuration(directory=tmp_path, environ=environ)
    assert found.configuration.rate.texts() == {"c": "4/s", "d": "5/min"}
    found = load_configuration(directory=tmp_path, environ=environ, arguments={"rate": {"b": "3/s"}})
    assert found.configuration.rate.texts() == {"b": "3/s"}
