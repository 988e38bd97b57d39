"""Numbers about a cohort: counts by state, means of those with a conclusion of their own, groups with suppression."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import numpy as np

from competency_dx.arrays import Z95, Bools, Floats, value
from competency_dx.competencies import STATES, Competency, DeficitProfiles
from competency_dx.groups import SMALLEST, suppressed
from competency_dx.reports.report_context import Branch

CELL_NUMBERS = ("percent", "percent_low", "percent_high", "share", "share_low", "share_high")
MOST_VALUES = 8  # different numbers in a column that are shown one by one


@value
class Summary:
    """One competency over the cohort; mean, error and quantiles are NaN with fewer than `SMALLEST` persons.

    `n` counts the persons with a conclusion of their own, `error` is the half-width of the 95 % interval of the mean,
    `q05` and `q95` bound the middle 90 % of these persons.
    """

    competency: Competency
    depth: int
    counts: tuple[int, ...]
    n: int
    n_strong: int
    mean: float
    error: float
    q05: float
    q95: float


@value
class GroupCell:
    """One competency in a group, of n persons with a conclusion: mean percent and share of confirmed deficits, in percent.

    Both have a 95 % interval; cells that are not shown carry no numbers.
    """

    n: int
    percent: float
    percent_low: float
    percent_high: float
    share: float
    share_low: float
    share_high: float
    shown: bool


@value
class Group:
    """One group of persons with a cell for each competency; `n` is 0 where it is not shown."""

    name: str
    n: int
    shown: bool
    cells: tuple[GroupCell, ...]


def summaries(profiles: DeficitProfiles, tree: Sequence[Branch]) -> tuple[Summary, ...]:
    """Return the summary of every competency in the order of the tree."""
    return tuple(_summary(profiles, branch) for branch in tree)


def _summary(profiles: DeficitProfiles, branch: Branch) -> Summary:
    c = branch.index
    state = profiles.state[:, c]
    counts = np.bincount(state, minlength=len(STATES))
    percent = profiles.percent[:, c][state < len(STATES) - 1]
    percent = percent[np.isfinite(percent)]
    n = int(percent.size)
    mean, error, q05, q95 = math.nan, math.nan, math.nan, math.nan
    if n >= SMALLEST:
        mean, error = float(percent.mean()), Z95 * float(percent.std(ddof=1)) / math.sqrt(n)
        q05, q95 = (float(q) for q in np.quantile(percent, [0.05, 0.95]))
    return Summary(
        competency=branch.competency,
        depth=branch.depth,
        counts=tuple(counts.tolist()),
        n=n,
        n_strong=int((profiles.strength[:, c] < 2).sum()),
        mean=mean,
        error=error,
        q05=q05,
        q95=q95,
    )


def wilson(k: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share in percent (Wilson 1927)."""
    p, z2 = k / n, Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return 100 * max(0.0, centre - half), 100 * min(1.0, centre + half)


def natural(text: str) -> list[str | int]:
    """Return a key that sorts numbers within texts as numbers."""
    return [int(part) if k % 2 else part for k, part in enumerate(re.split(r"(\d+)", text))]


def binned(labels: Sequence[str], language: str) -> list[str]:
    """Return a column of many different numbers as quarters of the persons, ``"3–9"``; any other column as it is."""
    try:
        x = np.array([float(label.replace(",", ".")) if label else math.nan for label in labels])
    except ValueError:
        return list(labels)
    there = x[np.isfinite(x)]
    if np.unique(there).size <= MOST_VALUES:
        return list(labels)
    quarter = np.searchsorted(np.unique(np.quantile(there, [0.25, 0.5, 0.75])), x)
    members = {k: x[(quarter == k) & np.isfinite(x)] for k in np.unique(quarter)}
    ends = {k: [f"{end:g}" for end in (part.min(), part.max())] for k, part in members.items() if part.size}
    names = {k: "–".join(dict.fromkeys(pair)).replace(".", "," if language == "ru" else ".") for k, pair in ends.items()}
    return [names[k] if math.isfinite(value) else "" for k, value in zip(quarter, x, strict=True)]


def groups(labels: Sequence[Sequence[str]], percent: Floats, confirmed: Bools) -> tuple[tuple[Group, ...], ...]:
    """Return the groups of several divisions of the same persons, with what may be shown of them together.

    Parameters
    ----------
    labels : sequence of T sequences of str
        Group of each person in each division.
    percent : array (P, C)
        Percent of each person in each competency, NaN where nothing is concluded.
    confirmed : array (P, C) of bool
        Whether a deficit is confirmed.
    """
    names = [sorted(set(column), key=natural) for column in labels]
    places = [{name: k for k, name in enumerate(column)} for column in names]
    codes = np.array([[place[x] for x in column] for place, column in zip(places, labels, strict=True)]).T
    none = [np.zeros(len(column), dtype=np.bool_) for column in names]
    closed, cover = suppressed(codes, np.zeros((len(codes), 0)), none), []
    for x, deficit in zip(percent.T, confirmed.T, strict=True):
        there = np.isfinite(x)
        cover.append(suppressed(codes[there], np.column_stack([x, 100.0 * deficit])[there], closed))
    return tuple(
        tuple(
            Group(
                name=name,
                n=0 if closed[t][g] else int((codes[:, t] == g).sum()),
                shown=not closed[t][g],
                cells=tuple(_cells(percent, confirmed, codes[:, t] == g, [bool(c[t][g]) for c in cover])),
            )
            for g, name in enumerate(column)
        )
        for t, column in enumerate(names)
    )


def _cells(percent: Floats, confirmed: Bools, members: Bools, hidden: Sequence[bool]) -> Iterator[GroupCell]:
    """Yield the cells of a group by competency."""
    for c, closed in enumerate(hidden):
        x = percent[members, c]
        there = np.isfinite(x) & (not closed)
        n, k = int(there.sum()), int((confirmed[members, c] & there).sum())
        numbers = [math.nan] * 6
        if n:
            mean, half = float(x[there].mean()), Z95 * float(x[there].std(ddof=1)) / math.sqrt(n)
            numbers = [mean, mean - half, mean + half, 100 * k / n, *wilson(k, n)]
        yield GroupCell(n=n, shown=not closed, **dict(zip(CELL_NUMBERS, numbers, strict=True)))
