"""Every published interface stands in the package, letter by letter, and each manager keeps its own."""

import inspect
from pathlib import Path

import pytest

import outlast

# Under this name, annotations of both print alike. The logging section is named in the text, but not spelled out.
PUBLISHED = {"__name__": "outlast.events", "LoggingConfiguration": outlast.LoggingConfiguration}
exec(Path(__file__).with_name("resilience_api.pyi.txt").read_text(), PUBLISHED)  # noqa: S102 - our own file

INTERFACES = sorted(name for name in PUBLISHED if name.startswith("I") and inspect.isclass(PUBLISHED[name]))
METHODS = [
    (interface, name)
    for interface in INTERFACES
    for name, member in vars(PUBLISHED[interface]).items()
    if inspect.isfunction(member)
]
MANAGERS = {
    "CheckpointManager": "ICheckpointManager",
    "FailureHandler": "IFailureHandler",
    "LoggingIntegration": "ILoggingIntegration",
    "RetryManager": "IRetryManager",
}
KEPT = [(manager, name) for manager, kept in MANAGERS.items() for interface, name in METHODS if interface == kept]


def shape(function):
    """Names, kinds and defaults."""
    return [(each.name, each.kind, each.default) for each in inspect.signature(function).parameters.values()]


def test_seven_interfaces_are_published_and_no_other_name_of_ours_looks_like_one():
    ours = [name for name in outlast.__all__ if name[0] == "I" and name[1].isupper()]
    assert sorted(ours) == INTERFACES
    assert len(INTERFACES) == 7


@pytest.mark.parametrize(("interface", "method"), METHODS, ids=[".".join(each) for each in METHODS])
def test_the_signature_is_the_published_one(interface, method):
    published, ours = vars(PUBLISHED[interface])[method], vars(getattr(outlast, interface))[method]
    assert str(inspect.signature(ours)) == str(inspect.signature(published))
    assert inspect.iscoroutinefunction(ours)
    assert inspect.getdoc(ours).strip() == inspect.getdoc(published).strip()


@pytest.mark.parametrize("interface", INTERFACES)
def test_an_interface_has_the_published_methods_all_abstract(interface):
    published = {name for owner, name in METHODS if owner == interface}
    ours = getattr(outlast, interface)
    assert ours.__abstractmethods__ == published
    with pytest.raises(TypeError, match="abstract"):
        ours()


@pytest.mark.parametrize(("manager", "method"), KEPT, ids=[".".join(each) for each in KEPT])
def test_a_manager_takes_what_its_interface_says(manager, method):
    ours = getattr(outlast, manager)
    assert shape(getattr(ours, method)) == shape(getattr(getattr(outlast, MANAGERS[manager]), method))
    assert inspect.iscoroutinefunction(getattr(ours, method))


@pytest.mark.parametrize("manager", MANAGERS)
def test_a_manager_is_its_interface_and_needs_only_its_section(manager):
    ours = getattr(outlast, manager)
    assert issubclass(ours, getattr(outlast, MANAGERS[manager]))
    required = [
        each for each in list(inspect.signature(ours).parameters.values()) if each.default is inspect.Parameter.empty
    ]
    assert len(required) <= 1
    assert hasattr(ours, "__aenter__")
    assert hasattr(ours, "__aexit__")
