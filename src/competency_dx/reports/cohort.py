"""Numbers about a cohort: counts by state, means of those with a conclusion of their own, groups with suppression."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from competency_dx.arrays import Bools, Ints, value
from competency_dx.competencies import STATES, Competency, DeficitProfiles
from competency_dx.reports.report_context import Branch

SMALLEST = 10  # groups of fewer persons are not shown
Z95 = 1.959963984540054


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
class GroupShare:
    """A share in a group: k of n persons with a Wilson interval; suppressed cells carry no numbers."""

    n: int
    share: float
    low: float
    high: float
    shown: bool


@value
class Group:
    """One group of persons: its cells stand in the order of the clusters; `n` is 0 where it is suppressed.

    `small` tells a group below the limit from one that is only suppressed so that the small one cannot be computed.
    """

    name: str
    n: int
    shown: bool
    small: bool
    cells: tuple[GroupShare, ...]


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
    """Return the 95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return math.nan, math.nan
    p, z2 = k / n, Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


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


def groups(labels: Sequence[str], confirmed: Bools, concluded: Bools) -> tuple[Group, ...]:
    """Return persons by group with the share of confirmed deficits.

    Parameters
    ----------
    labels : sequence of str
        Group of each person.
    confirmed, concluded : array (P, K) of bool
        Whether a deficit is confirmed, and whether a conclusion of its own was drawn, for each of K clusters.
    """
    keys = np.array([str(x) for x in labels], dtype=object)
    names = sorted(set(keys.tolist()))
    members = [np.flatnonzero(keys == name) for name in names]
    sizes = np.array([m.size for m in members])
    closed = hidden(sizes, np.zeros(len(sizes), dtype=np.bool_))
    n = np.array([concluded[m].sum(axis=0) for m in members]).reshape(len(names), -1)
    k = np.array([(confirmed & concluded)[m].sum(axis=0) for m in members]).reshape(len(names), -1)
    cover = np.column_stack([hidden(n[:, j], closed) for j in range(n.shape[1])]) if n.shape[1] else n > 0
    return tuple(
        Group(
            name=name,
            n=0 if closed[g] else int(sizes[g]),
            shown=not closed[g],
            small=bool(sizes[g] < SMALLEST),
            cells=tuple(_cell(int(k[g, j]), int(n[g, j]), shown=not cover[g, j]) for j in range(n.shape[1])),
        )
        for g, name in enumerate(names)
    )


def _cell(k: int, n: int, *, shown: bool) -> GroupShare:
    if not shown or n == 0:
        return GroupShare(n=0, share=math.nan, low=math.nan, high=math.nan, shown=shown)
    low, high = wilson(k, n)
    return GroupShare(n=n, share=k / n, low=low, high=high, shown=True)
