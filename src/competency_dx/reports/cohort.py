"""Numbers about a cohort: counts by state, means of those who answered, groups with suppression."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from competency_dx.arrays import Z95, Bools, Floats, value
from competency_dx.competencies import STATES, STATUSES, Competency, DeficitProfiles
from competency_dx.groups import SMALLEST, suppressed
from competency_dx.kernels.agreement import wilson
from competency_dx.reports.report_context import Branch

CELL_NUMBERS = ("percent", "percent_low", "percent_high", "share", "share_low", "share_high")
OPEN = re.compile(r"(?:(до|менее|меньше|не более|under|below|less than|up to|<)|более|больше|свыше|over|above|more than|>) *\d")
ALIKE = 10.0  # percents that are all nearer to each other than this: their mean tells each of them
UNMEASURED = [STATUSES.index(name) for name in ("no_items", "low_effort", "misfit")]
MOST_VALUES = 8  # different numbers in a column that are shown one by one


@value
class Summary:
    """One competency over the cohort; mean, error and quantiles are NaN with fewer than `SMALLEST` persons.

    `counts` are all persons by state, None where that is not shown, `concluded` those with a conclusion; `n` those who answered items
    of it, whether or not something is concluded: who gets a conclusion depends on the answers, and their mean would be off. `error`
    is the half-width of the 95 % interval of the mean, `q05` and `q95` bound the middle 90 % of these persons.
    """

    competency: Competency
    depth: int
    counts: tuple[int | None, ...]
    concluded: int
    n: int
    n_strong: int | None
    mean: float
    error: float
    q05: float
    q95: float


@value
class Group:
    """One group of persons; `n` is 0 where it is not shown. `cells` by competency: n, `shown` and `CELL_NUMBERS`, NaN if not shown."""

    name: str
    n: int
    shown: bool
    cells: tuple[Mapping[str, Any], ...]


def summaries(profiles: DeficitProfiles, tree: Sequence[Branch]) -> tuple[Summary, ...]:
    """Return the summary of every competency in the order of the tree."""
    out, percents = [], measured(profiles)[0]
    for b in tree:
        x = percents[np.isfinite(percents[:, b.index]), b.index]
        numbers = [math.nan] * 4
        if x.size >= SMALLEST:
            numbers = [float(x.mean()), Z95 * float(x.std(ddof=1)) / math.sqrt(x.size), *np.quantile(x, [0.05, 0.95]).tolist()]
        counts = np.bincount(profiles.state[:, b.index], minlength=len(STATES)).tolist()
        row: dict[str, Any] = dict(zip(("mean", "error", "q05", "q95"), numbers, strict=True))
        row |= {"counts": tuple(counts), "concluded": sum(counts[:-1]), "n_strong": int((profiles.strength[:, b.index] < 2).sum())}
        out.append(Summary(competency=b.competency, depth=b.depth, n=x.size, **row))
    return tuple(out)


def impersonal(rows: Sequence[Summary], profiles: DeficitProfiles) -> tuple[tuple[Summary, ...], Bools]:
    """Return summaries for a report without persons, and of which competencies it must not tell the share of confirmed deficits (C,).

    Not shown are counts of 1 to `SMALLEST` - 1 persons, those that are of everybody with a conclusion, and as many more, confirmed
    deficits last, that hidden ones are several and of `SMALLEST` persons together; and means of persons who are all alike.
    """
    out, silent, percent = [], np.zeros(len(profiles.competencies), dtype=np.bool_), measured(profiles)[0]
    for row in rows:
        own, at = np.array(row.counts[:-1], dtype=np.int64), profiles.index(row.competency.code)
        hidden = ((own > 0) & (own < SMALLEST)) | (own == row.concluded)
        for k in sorted(range(len(own)), key=lambda k: (own[k] == 0, k == 0, own[k])):
            hidden[k] |= hidden.any() and (hidden.sum() < 2 or own[hidden].sum() < SMALLEST)
        silent[at], few = hidden[0], 0 < (row.n_strong or 0) < SMALLEST or row.n_strong == row.concluded
        counts = (*(None if h else int(x) for x, h in zip(own, hidden, strict=True)), row.counts[-1])
        alike: dict[str, Any] = {"mean": math.nan, "error": math.nan} if _alike(percent[:, at]) else {}
        out.append(replace(row, counts=counts, n_strong=None if few else row.n_strong, **alike))
    return tuple(out), silent


def _alike(percent: Floats) -> bool:
    """Tell whether all percents that are known differ by less than `ALIKE`."""
    there = percent[np.isfinite(percent)]
    return bool(there.size and np.ptp(there) < ALIKE)


def measured(profiles: DeficitProfiles) -> tuple[Floats, Bools]:
    """Return the percents (P, C) of those who answered, NaN where nobody could conclude from it, and which deficits are confirmed."""
    return np.where(np.isin(profiles.status, UNMEASURED), np.nan, profiles.percent), profiles.state == 0


def natural(text: str) -> list[str | int]:
    """Return a key that sorts numbers within texts as numbers."""
    return [int(part) if k % 2 else part for k, part in enumerate(re.split(r"(\d+)", text))]


def in_order(names: Iterable[str]) -> list[str]:
    """Return the names of groups in order: ranges by where they begin if one is open, ``"до 5"``, otherwise as `natural` says."""
    opened = {name: OPEN.match(name.strip().casefold()) for name in names}
    if not any(opened.values()):
        return sorted(opened, key=natural)

    def begins(name: str) -> tuple[float, list[str | int]]:
        digits, found = re.search(r"\d+", name), opened[name]
        beside = 0.0 if found is None else -0.5 if found[1] else 0.5
        return (float(digits[0]) + beside if digits else math.inf), natural(name)

    return sorted(opened, key=begins)


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


def groups(
    labels: Sequence[Sequence[str]], percent: Floats, confirmed: Bools, silent: Bools | None = None
) -> tuple[tuple[Group, ...], ...]:
    """Return the groups of several divisions of the same persons, with what may be shown of them together.

    `labels` are T sequences of the group of each person, `percent` (P, C) the percents as `measured` has them; `confirmed` (P, C)
    says whether a deficit is. In a report without persons, which has competencies `silent` (C,) about shares, no share is shown
    that is of fewer than `SMALLEST` persons or of all but so few, and no mean of persons who are all alike.
    """
    names = [in_order(column) for column in labels]
    places = [{name: k for k, name in enumerate(column)} for column in names]
    codes = np.array([[place[x] for x in column] for place, column in zip(places, labels, strict=True)]).T
    closed = suppressed(codes, np.zeros((len(codes), 0)), [np.zeros(len(column), dtype=np.bool_) for column in names])
    pairs, strict = [], silent is not None
    for c, (x, deficit) in enumerate(zip(percent.T, confirmed.T, strict=True)):
        there = np.isfinite(x)
        members = [[there & (codes[:, t] == g) for g in range(len(column))] for t, column in enumerate(names)]
        alike = [np.array([strict and _alike(x[of]) for of in column], dtype=np.bool_) for column in members]
        both = np.column_stack([x, 100.0 * deficit])[there]
        cover = suppressed(codes[there], both, [a | b for a, b in zip(closed, alike, strict=True)])
        few = [np.array([min(deficit[of].sum(), (~deficit[of]).sum()) < SMALLEST for of in column]) for column in members]
        few = [h | (strict & (f | bool(silent is not None and silent[c]))) for h, f in zip(cover, few, strict=True)]
        pairs.append((cover, suppressed(codes[there], both[:, 1:], few) if strict else few))
    return tuple(
        tuple(
            Group(
                name=name,
                n=0 if closed[t][g] else int((codes[:, t] == g).sum()),
                shown=not closed[t][g],
                cells=tuple(_cells(percent, confirmed, codes[:, t] == g, [(bool(c[t][g]), bool(k[t][g])) for c, k in pairs])),
            )
            for g, name in enumerate(column)
        )
        for t, column in enumerate(names)
    )


def everybody(percent: Floats, confirmed: Bools, silent: Bools) -> Group:
    """Return all persons as one group; cells with fewer than `SMALLEST` of them or of persons all alike are not shown."""
    n, all_ = np.isfinite(percent).sum(axis=0), np.ones(len(percent), dtype=np.bool_)
    hidden = ((n > 0) & (n < SMALLEST)) | np.array([_alike(x) for x in percent.T])
    cells = _cells(percent, confirmed, all_, [*zip(hidden.tolist(), silent.tolist(), strict=True)])
    return Group(name="", n=len(percent), shown=True, cells=tuple(cells))


def _cells(percent: Floats, confirmed: Bools, members: Bools, hidden: Sequence[tuple[bool, bool]]) -> Iterator[Mapping[str, Any]]:
    """Yield the cells of a group by competency; hidden are the whole cell, the share alone."""
    for c, (closed, silent) in enumerate(hidden):
        x = percent[members, c]
        there = np.isfinite(x) & (not closed)
        n, k = int(there.sum()), int((confirmed[members, c] & there).sum())
        numbers = [math.nan] * 6
        if n:
            mean, half = float(x[there].mean()), Z95 * float(x[there].std(ddof=1)) / math.sqrt(n)
            numbers = [mean, mean - half, mean + half, 100 * k / n]
            numbers += (100 * np.clip(wilson(np.array([k / n]), np.array([float(n)])), 0, 1)).ravel().tolist()
            numbers[3:] = [math.nan] * 3 if silent else numbers[3:]
        yield {"n": n, "shown": not closed, **dict(zip(CELL_NUMBERS, numbers, strict=True))}
