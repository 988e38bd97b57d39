"""Numbers about a cohort: counts by state, means of those with a conclusion of their own, groups with suppression."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from competency_dx.arrays import Z95, Bools, Floats, Ints, value
from competency_dx.competencies import STATES, Competency, DeficitProfiles
from competency_dx.reports.report_context import Branch

SMALLEST = 10  # groups of fewer persons are not shown
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
    """A percent in a group of n persons with its 95 % interval; suppressed cells carry no numbers."""

    n: int
    percent: float
    low: float
    high: float
    shown: bool


@value
class Group:
    """One group of persons with a cell for each column of the values; `n` is 0 where it is suppressed.

    `small` tells a group below the limit from one that is only suppressed so that the small one cannot be computed.
    """

    name: str
    n: int
    shown: bool
    small: bool
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


def hidden(n: Ints, closed: Bools) -> Bools:
    """Return which counts n must be suppressed: those already `closed`, and those from 1 to `SMALLEST` - 1.

    If that is exactly one, the next smallest positive count is suppressed too, because the one could otherwise be computed
    from the total. A count of zero tells nothing about anybody.
    """
    out = closed | ((n > 0) & (n < SMALLEST))
    rest = np.flatnonzero(~out & (n > 0))
    if out.sum() == 1 and rest.size:
        out[rest[np.argmin(n[rest])]] = True
    return out


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
    names = {
        k: "–".join(dict.fromkeys(pair)).replace(".", "," if language == "ru" else ".") for k, pair in ends.items()
    }
    return [names[k] if math.isfinite(value) else "" for k, value in zip(quarter, x, strict=True)]


def groups(labels: Sequence[str], values: Floats, shares: Bools) -> tuple[Group, ...]:
    """Return persons by group with means and shares.

    Parameters
    ----------
    labels : sequence of str
        Group of each person.
    values : array (P, K)
        Percent of each person in each column, NaN where nothing is concluded; a share has 100 and 0.
    shares : array (K,) of bool
        Which columns are shares; their intervals are Wilson's, those of means are normal.
    """
    keys = np.array(labels, dtype=object)
    names = sorted(set(keys.tolist()), key=natural)
    members = [np.flatnonzero(keys == name) for name in names]
    sizes = np.array([m.size for m in members])
    closed = hidden(sizes, np.zeros(len(sizes), dtype=np.bool_))
    n = np.array([np.isfinite(values[m]).sum(axis=0) for m in members])
    cover = np.column_stack([hidden(column, closed) for column in n.T])
    return tuple(
        Group(
            name=name,
            n=0 if closed[g] else int(sizes[g]),
            shown=not closed[g],
            small=bool(sizes[g] < SMALLEST),
            cells=tuple(
                _cell(x[np.isfinite(x)], shown=not cover[g, j], share=bool(shares[j]))
                for j, x in enumerate(values[members[g]].T)
            ),
        )
        for g, name in enumerate(names)
    )


def _cell(x: Floats, *, shown: bool, share: bool) -> GroupCell:
    if not shown or not x.size:
        return GroupCell(n=0, percent=math.nan, low=math.nan, high=math.nan, shown=shown)
    mean, half = float(x.mean()), Z95 * float(x.std(ddof=1)) / math.sqrt(x.size)
    low, high = wilson(round(x.sum() / 100), x.size) if share else (mean - half, mean + half)
    return GroupCell(n=int(x.size), percent=mean, low=low, high=high, shown=True)
