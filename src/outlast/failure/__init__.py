"""What went wrong: whose fault it was, whether it passes, and how to tell two failures of a kind."""

from outlast.failure.classify import classify
from outlast.failure.describe import Failure, describe
from outlast.failure.model import Classification, FailureClass, Fault

__all__ = ["Classification", "Failure", "FailureClass", "Fault", "classify", "describe"]
