"""The page of a cohort: what was concluded and what was not, means, groups with suppression, persons by id, item map, findings."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from competency_dx.arrays import Z95, Bools, Floats, value
from competency_dx.competencies import STATES, STATUSES, Competency, DeficitProfiles
from competency_dx.display import IntervalRow, count, decimal, interval, item_map, percent
from competency_dx.kernels.agreement import wilson
from competency_dx.kernels.suppression import SMALLEST, suppressed
from competency_dx.reports.pages import macro, several
from competency_dx.reports.report_context import Branch, ReportContext, clusters, column_key, column_title, false_share, named

CELL_NUMBERS = ("percent", "percent_low", "percent_high", "share", "share_low", "share_high")
OPEN = re.compile(r"(?:(до|менее|меньше|не более|under|below|less than|up to|<)|более|больше|свыше|over|above|more than|>) *\d")
ALIKE = 10.0  # percents that are all nearer to each other than this: their mean tells each of them
UNMEASURED = [STATUSES.index(name) for name in ("no_items", "low_effort", "misfit")]
MOST_VALUES = 8  # different numbers in a column that are shown one by one
MOST_SUPPRESSED_ROWS = 6
PLACES = ("column_school", "column_municipality", "column_region", "column_form")  # numbers in these are names


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


def cohort_view(profiles: DeficitProfiles, s: ReportContext, links: Mapping[str, str]) -> dict[str, Any]:
    """Return what the template shows; `links` leads from a person to the page, and may be empty."""
    items = sorted((f for f in profiles.items if np.isfinite(f.difficulty)), key=lambda f: -f.difficulty)
    loose, rows = sum(fact.status == "provisional" for fact in items), [r for r in summaries(profiles, s.tree) if r.concluded]
    return aggregate_view(profiles, s, background_groups(profiles, s)) | {
        "false_share": false_share(profiles.expected_false_share, s),
        "lines": rows,
        "unconcluded": _unconcluded(profiles, s),
        "means": _means(rows, s, persons=True),
        "map": _map(profiles, s),
        "map_counts": s.t["map_counts"].format(n=len(items), loose=loose),
        "on_map": [(f.item, f.title.text(s.language), decimal(f.difficulty, 1, s.language)) for f in items],
        "people": _people(profiles, top_units(s), s, links),
    }


def aggregate_view(
    profiles: DeficitProfiles,
    s: ReportContext,
    found: Sequence[tuple[str, Sequence[Group]]],
    links: Mapping[tuple[str, str], str] | None = None,
) -> dict[str, Any]:
    """Gather what may be shown of groups of `SMALLEST` persons or more; `links` lead to their pages by column and group."""
    rows, units = impersonal(summaries(profiles, s.tree), profiles)[0], top_units(s)
    own = int((profiles.state < len(STATES) - 1).any(axis=1).sum())
    few = tuple(s.titles[row.competency.code] for row in rows if 0 < row.concluded < SMALLEST)
    why = {"titles": few, "why": s.t["suppressed"].format(n=SMALLEST), "target": ""}
    shown = [row for row in rows if row.concluded >= SMALLEST]
    deficits = int((profiles.state == 0).any(axis=1).sum())
    return {
        "persons": several(len(profiles), "person", s.language),
        "with_own": s.t["persons_with_own"].format(n=count(own, s.language)),
        "false_share": false_share(profiles.expected_false_share, s) if deficits >= SMALLEST else "",
        "clusters": [s.titles[b.competency.code] for b in units],
        "lines": shown,
        "unconcluded": [*_unconcluded(profiles, s), *([why] if few else [])],
        "means": _means(shown, s, persons=False),
        "groups": [
            {"title": column_title(name, s.language, dict(found))} | _group_table(name, members, units, s, links)
            for name, members in found
        ],
        "people": (),
    }


def top_units(s: ReportContext) -> list[Branch]:
    """Return the whole test and the clusters."""
    return [*s.tree[:1], *(b for b in clusters(s.tree) if b.index != s.tree[0].index)]


def _unconcluded(profiles: DeficitProfiles, s: ReportContext) -> list[dict[str, Any]]:
    """Return the competencies on which nothing is concluded of anybody, with the most frequent reason."""
    found: dict[tuple[str, int], list[str]] = {}
    for b in s.tree:
        if (profiles.state[:, b.index] == len(STATES) - 1).all():
            pairs = zip(profiles.status[:, b.index].tolist(), profiles.reported_at[:, b.index].tolist(), strict=True)
            (status, at), _ = Counter(pairs).most_common(1)[0]
            found.setdefault((STATUSES[status], at), []).append(s.titles[b.competency.code])
    codes = [c.code for c in profiles.competencies]
    return [
        {"titles": titles, "why": s.t[f"status_{status}"], "target": s.titles[codes[at]] if at >= 0 else ""}
        for (status, at), titles in found.items()
    ]


def _means(rows: Sequence[Summary], s: ReportContext, *, persons: bool) -> str:
    """Return the picture of means, with the middle 90 % of the persons or, without `persons`, the interval of the mean alone."""
    spans = [(row.q05, row.q95) if persons else (row.mean - row.error, row.mean + row.error) for row in rows]
    marks = [
        IntervalRow(
            label=s.titles[row.competency.code],
            depth=row.depth,
            at=(row.mean, low, high),
            figures=f"{decimal(row.mean, 1, s.language)} ± {percent(row.error, s.language, 1)}",
            words=f"{interval(low, high, s.language)}; n\u00a0=\u00a0{count(row.n, s.language)}",
        )
        for row, (low, high) in zip(rows, spans, strict=True)
        if row.n >= SMALLEST and np.isfinite(row.mean)
    ]
    return macro("interval_table", marks, s.standards.cuts, s.zones, s.t["means"]) if marks else ""


def _map(profiles: DeficitProfiles, s: ReportContext) -> str:
    """Return the item map, the items without data behind their difficulty hollow."""
    root, items = s.tree[0].index, profiles.items
    theta, difficulty = profiles.theta[profiles.n_items[:, root] > 0, root], np.array([fact.difficulty for fact in items])
    hollow = [fact.status == "provisional" for fact in items]
    return macro("item_map", item_map(theta, difficulty, [fact.item for fact in items], hollow=hollow, language=s.language), s.t)


def background_groups(
    profiles: DeficitProfiles, s: ReportContext, silent: Bools | None = None
) -> tuple[tuple[str, tuple[Group, ...]], ...]:
    """Return name and groups of each background column that divides the persons; `silent` as in `groups`."""
    labels = {}
    for name, column in profiles.background.items():
        texts = [str(x) for x in column]
        texts = texts if column_key(name) in PLACES else binned(texts, s.language)
        if len(set(texts)) > 1:
            labels[name] = texts
    return tuple(zip(labels, groups([*labels.values()], *measured(profiles), silent) if labels else (), strict=True))


def _group_table(
    name: str, found: Sequence[Group], units: Sequence[Branch], s: ReportContext, links: Mapping[tuple[str, str], str] | None
) -> dict[str, Any]:
    """Return the mean of the whole test and the shares of confirmed deficits; with `links` small groups are only counted."""
    closed = [g for g in found if not g.shown]
    if len(closed) == len(found):
        note = f"{several(len(found), 'group', s.language)}. {s.t['all_suppressed'].format(n=SMALLEST)}"
        return {"lines": [], "note": note}
    brief = links is not None or len(closed) > MOST_SUPPRESSED_ROWS
    lines = [(g, named(g.name, s.language), (links or {}).get((name, g.name), "")) for g in found if g.shown or not brief]
    more = s.t["more_suppressed"].format(groups=several(len(closed), "group", s.language))
    note = f"{more}: {s.t['complementary'].format(n=SMALLEST)}." if brief and closed else ""
    return {"lines": lines, "note": note, "units": [b.index for b in units], "least": SMALLEST}


def _people(profiles: DeficitProfiles, units: Sequence[Branch], s: ReportContext, links: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return each person: id, page, items used, the whole test, state of every cluster, number of confirmed deficits.

    A deficit counts where none below it is confirmed.
    """
    root, used, deficit = units[0].index, profiles.n_items.max(axis=1, initial=0), profiles.state == 0
    confirmed = np.sum([deficit[:, b.index] & ~deficit[:, [*b.below]].any(axis=1) for b in s.tree], axis=0)
    drawn = profiles.state[:, root] < len(STATES) - 1
    return [
        {
            "person": str(profiles.persons[p]),
            "link": links.get(str(profiles.persons[p]), ""),
            "n_items": int(used[p]),
            "whole": percent(profiles.percent[p, root], s.language) if drawn[p] else "—",
            "signs": [s.signs[STATES[profiles.state[p, b.index]]] for b in units],
            "n_confirmed": int(confirmed[p]),
        }
        for p in sorted(range(len(profiles)), key=lambda p: natural(str(profiles.persons[p])))
    ]
