"""Findings: what a person has to know about a number that could be computed, as data inside a result."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from competency_dx.errors import CompetencyDxWarning

Severity = Literal["info", "warning", "error"]


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
