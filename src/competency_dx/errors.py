"""Faults and findings: what the library says when something is wrong, and the form it says it in.

An error is raised when no honest result exists. A `Finding` is data inside a result: something a person has to know
about a number that nevertheless could be computed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "warning", "error"]

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

    def __init__(self, message: str, state: object) -> None:
        super().__init__(message)
        self.state = state


class ScoringError(CompetencyDxError, ValueError):
    """Answers and parameters cannot be brought together."""


class DiagnosisError(CompetencyDxError, ValueError):
    """Standards, rule and bank do not allow a diagnosis."""


class DocumentError(CompetencyDxError, ValueError):
    """A JSON document is not one that this version reads."""


class MissingDependencyError(CompetencyDxError, ImportError):
    """An optional package is needed for what was asked."""


class CompetencyDxWarning(UserWarning):
    """Category of the Python warnings that accompany findings."""


def listed(ids: Iterable[object], shown: int = SHOWN_IDS) -> str:
    """Name at most `shown` ids and count the rest: ``"a, b, c and 12 more"``."""
    names = [str(i) for i in ids]
    head = ", ".join(names[:shown])
    rest = len(names) - shown
    return f"{head} and {rest} more" if rest > 0 else head


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to know about a result, in both languages, with the ids it concerns.

    Attributes
    ----------
    code : str
        Stable identifier, ``room.what``, for example ``"calibration.negative_slope"``.
    severity : {"info", "warning", "error"}
        How far the finding reaches into what may be concluded.
    ru, en : str
        One sentence each: what was found and what to do.
    scope : tuple of str
        Items, persons or columns concerned.
    """

    code: str
    severity: Severity
    ru: str
    en: str
    scope: tuple[str, ...] = ()

    def text(self, language: str) -> str:
        """Return the sentence in the language asked for."""
        return self.ru if language == "ru" else self.en


def announce(findings: Sequence[Finding], *, stacklevel: int = 3) -> None:
    """Repeat every finding of severity warning or error as a Python warning."""
    for finding in findings:
        if finding.severity != "info":
            warnings.warn(f"{finding.en} [{finding.code}]", CompetencyDxWarning, stacklevel=stacklevel)


def require(package: str, extra: str, purpose: str) -> MissingDependencyError:
    """Make the error for a missing optional package."""
    return MissingDependencyError(
        f"{purpose} needs the package {package}, which is not installed; "
        f"install it by: pip install 'competency-dx[{extra}]'"
    )
