"""What an exception carries by itself."""

from datetime import UTC, datetime

import pytest

from outlast import errors
from outlast.correlation import correlated


def test_an_error_stamps_itself_with_time_and_correlation():
    before = datetime.now(UTC)
    with correlated("ab" * 16):
        error = errors.CheckpointError("gone", context={"id": "7"})
    assert before <= error.timestamp <= datetime.now(UTC)
    assert error.correlation_id == "ab" * 16
    assert (error.message, str(error), error.context) == ("gone", "gone", {"id": "7"})


def test_without_a_message_the_docstring_speaks():
    assert str(errors.JobLockedError()) == "Another process is running this job."


def test_the_context_is_the_errors_own():
    given = {"id": "7"}
    error = errors.JobError(context=given)
    given["id"] = "8"
    assert error.context == {"id": "7"}
    assert errors.JobError().context == {}


def test_an_error_of_a_user_gets_its_code_and_a_message():
    class QuotaSpentError(errors.RetryError):
        pass

    assert QuotaSpentError.error_code == "QUOTA_SPENT_ERROR"
    # A class without a docstring of its own has nothing to say by default.
    assert str(QuotaSpentError()) == ""


@pytest.mark.parametrize("name", errors.__all__)
def test_the_tree_has_one_root_and_a_branch_for_every_concern(name):
    cls = getattr(errors, name)
    assert issubclass(cls, errors.ResilienceException)
    ours = [each for each in cls.__mro__ if each.__module__ == errors.__name__]
    assert len(ours) <= 4


def test_every_class_of_the_module_is_offered():
    classes = {
        name for name, each in vars(errors).items() if isinstance(each, type) and each.__module__ == errors.__name__
    }
    assert classes == set(errors.__all__)
