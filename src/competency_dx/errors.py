"""Errors of the library: raised when no honest result exists. What qualifies a result is a `Finding` (findings.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

SHOWN_IDS = 5


class CompetencyDxError(Exception):
    """Root of every error this library raises on purpose."""


class BankError(CompetencyDxError, ValueError):
    """An item bank or a competency framework is not well formed."""


class ResponsesError(CompetencyDxError, ValueError):
    """A table of answers cannot be read without guessing."""


class ModelError(CompetencyDxError, ValueError):
    """Item parameters, families or populations do not fit together."""


class CalibrationError(CompetencyDxError, ValueError):
    """The data cannot support the calibration that was asked for."""


class ConvergenceError(CompetencyDxError, RuntimeError):
    """An estimation did not reach its maximum; `state` carries where it stood."""

    def __init__(self, message: str, state: object = None) -> None:
        super().__init__(message)
        self.state = state

    def __reduce__(self) -> tuple[type[ConvergenceError], tuple[str, object]]:
        return type(self), (str(self), self.state)


class ScoringError(CompetencyDxError, ValueError):
    """Answers and parameters cannot be brought together."""


class DiagnosisError(CompetencyDxError, ValueError):
    """Standards, rule and bank do not allow a diagnosis."""


class ReportError(CompetencyDxError, ValueError):
    """A report cannot be written as asked."""


class CommandError(CompetencyDxError, ValueError):
    """A command cannot be carried out as it was given."""


class DocumentError(CompetencyDxError, ValueError):
    """A JSON document is not one that this version reads."""


class MissingDependencyError(CompetencyDxError, ImportError):
    """An optional package is needed for what was asked."""


class CompetencyDxWarning(UserWarning):
    """Category of the Python warnings that accompany findings."""


def listed(ids: Iterable[object], shown: int = SHOWN_IDS, *, language: str = "en") -> str:
    """Name at most `shown` ids and count the rest: ``"a, b, c and 12 more"``, ``"a, b, c и ещё 12"``."""
    names = [str(i) for i in ids]
    head, rest = ", ".join(names[:shown]), len(names) - shown
    if rest <= 0:
        return head
    return f"{head} и ещё {rest}" if language == "ru" else f"{head} and {rest} more"


def require(package: str, extra: str, purpose: str) -> MissingDependencyError:
    """Make the error for a missing optional package."""
    return MissingDependencyError(
        f"{purpose} needs the package {package}, which is not installed; "
        f"install it by: pip install 'competency-dx[{extra}]'"
    )


def repeated(ids: Iterable[str]) -> list[str]:
    """Return the ids that occur more than once, in the order in which they first appear."""
    return [i for i, n in Counter(ids).items() if n > 1]
