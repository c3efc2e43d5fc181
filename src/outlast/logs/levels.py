"""From the words for how grave something is to the levels of the standard library."""

import logging
from collections.abc import Mapping

from outlast.events import Severity

__all__ = ["LEVELS", "severity_in"]

LEVELS: Mapping[Severity, int] = {
    Severity.INFO: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.ERROR: logging.ERROR,
    Severity.CRITICAL: logging.CRITICAL,
}

# Failure events may use these words too.
_OTHER_WORDS = {"low": Severity.INFO, "medium": Severity.WARNING, "high": Severity.ERROR}


def severity_in(word: object, usual: Severity) -> Severity:
    """What a word says about how grave something is; `usual` for any that says nothing."""
    text = str(word).lower()
    return Severity(text) if text in set(Severity) else _OTHER_WORDS.get(text, usual)
