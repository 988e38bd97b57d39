"""Pairs of items that nearly repeat one another: the same answers by the same persons."""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Bools, Codes
from competency_dx.errors import Finding, listed

ALIKE = 0.95  # correlation of two items among the persons who answered both
LEAST_COMMON = 30
PERSONS = 4_000


def near_duplicates(items: tuple[str, ...], codes: Codes, observed: Bools) -> tuple[Finding, ...]:
    """Return a warning about pairs of items whose answers correlate above .95 among at least 30 common persons.

    About 4,000 persons spread over the table are looked at: a repetition shows itself in them.
    """
    some = slice(None, None, max(1, len(codes) // PERSONS))
    x, seen = codes[some].astype(np.float32), observed[some].astype(np.float32)
    x = x * seen
    n = seen.T @ seen
    sum_i, sum_ij, square = x.T @ seen, x.T @ x, (x**2).T @ seen
    with np.errstate(invalid="ignore", divide="ignore"):
        cov = sum_ij - sum_i * sum_i.T / n
        var = square - sum_i**2 / n
        r = cov / np.sqrt(var * var.T)
    pairs = np.argwhere(np.triu((n >= LEAST_COMMON) & (np.nan_to_num(r) > ALIKE), 1))
    if not len(pairs):
        return ()
    named = [f"{items[i]}, {items[j]}" for i, j in pairs]
    return (
        Finding(
            code="calibration.near_duplicate",
            severity="warning",
            ru=f"Задания почти повторяют друг друга (корреляция ответов выше {ALIKE:g}): {'; '.join(named[:5])}. "
            "Их дискриминации завышены; оставьте одно из каждой пары.",
            en=f"Items nearly repeat one another (answers correlate above {ALIKE:g}): {'; '.join(named[:5])}. "
            "Their slopes are inflated; keep one of each pair.",
            scope=tuple(items[k] for k in np.unique(pairs)),
        ),
    )


def repeated(findings: tuple[Finding, ...]) -> str:
    """Return the items said to repeat one another, for a sentence; empty where there are none."""
    for finding in findings:
        if finding.code == "calibration.near_duplicate":
            return listed(finding.scope)
    return ""
