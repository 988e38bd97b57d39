"""The page of a cohort: what was concluded and what was not, means, groups, persons by id, item map, findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from competency_dx.arrays import value
from competency_dx.competencies import STATES, STATUSES, DeficitProfiles
from competency_dx.display import (
    LOOKS,
    IntervalRow,
    count,
    decimal,
    interval,
    interval_table,
    percent,
    stacked_bar,
    wright_svg,
)
from competency_dx.reports.cohort import (
    SMALLEST,
    Group,
    GroupCell,
    Summary,
    binned,
    groups,
    natural,
    summaries,
)
from competency_dx.reports.pages import several
from competency_dx.reports.person_page import Unconcluded
from competency_dx.reports.report_context import (
    Branch,
    ReportContext,
    Sign,
    clusters,
    column_key,
    column_title,
    false_share,
    named,
)

MOST_SUPPRESSED_ROWS = 6
PLACES = ("column_school", "column_municipality", "column_region", "column_form")  # numbers in these are names


@value
class StateLine:
    """One competency in the table of states."""

    title: str
    depth: int
    bar: str
    counts: tuple[str, ...]
    strong: str


@value
class GroupTable:
    """One background column: rows of name, number of persons and cells; `note` counts the groups left out."""

    title: str
    lines: tuple[tuple[str, ...], ...]
    note: str


@value
class PersonLine:
    """One person in the list: id, page, items used, the whole test, state of every cluster, number of confirmed deficits."""

    person: str
    link: str
    n_items: int
    whole: str
    signs: tuple[Sign, ...]
    n_confirmed: int


@value
class CohortView:
    """What the template of the cohort page shows."""

    persons: str
    with_own: str
    false_share: str
    clusters: tuple[str, ...]
    lines: tuple[StateLine, ...]
    unconcluded: tuple[Unconcluded, ...]
    means: str
    map: str
    map_counts: str
    items: tuple[tuple[str, ...], ...]
    groups: tuple[GroupTable, ...]
    people: tuple[PersonLine, ...]


def cohort_view(profiles: DeficitProfiles, s: ReportContext, links: Mapping[str, str]) -> CohortView:
    """Gather what the page shows; `links` leads from a person to the page, and may be empty."""
    rows = [r for r in summaries(profiles, s.tree) if r.n]
    units = [*s.tree[:1], *(b for b in clusters(s.tree) if b.index != s.tree[0].index)]
    items = sorted((f for f in profiles.items if np.isfinite(f.difficulty)), key=lambda f: -f.difficulty)
    loose = sum(fact.status == "provisional" for fact in items)
    own = int((profiles.state < len(STATES) - 1).any(axis=1).sum())
    return CohortView(
        persons=several(len(profiles), "person", s.language),
        with_own=s.t["persons_with_own"].format(n=count(own, s.language)),
        false_share=false_share(profiles.expected_false_share, s),
        clusters=tuple(s.titles[b.competency.code] for b in units),
        lines=tuple(_state_line(row, s) for row in rows),
        unconcluded=tuple(_unconcluded(profiles, s)),
        means=_means(rows, s),
        map=_map(profiles, s),
        map_counts=s.t["map_counts"].format(n=len(items), loose=loose),
        items=tuple((f.item, f.title.text(s.language), decimal(f.difficulty, 1, s.language)) for f in items),
        groups=tuple(_group_tables(profiles, units, s)),
        people=tuple(_people(profiles, units, s, links)),
    )


def _state_line(row: Summary, s: ReportContext) -> StateLine:
    return StateLine(
        title=s.titles[row.competency.code],
        depth=row.depth,
        bar=stacked_bar(row.counts),
        counts=tuple(count(n, s.language) for n in row.counts),
        strong=count(row.n_strong, s.language),
    )


def _unconcluded(profiles: DeficitProfiles, s: ReportContext) -> list[Unconcluded]:
    """Return the competencies on which nothing is concluded of anybody, with the most frequent reason."""
    found: dict[tuple[str, int], list[str]] = {}
    for b in s.tree:
        if (profiles.state[:, b.index] == len(STATES) - 1).all():
            pairs = zip(profiles.status[:, b.index].tolist(), profiles.reported_at[:, b.index].tolist(), strict=True)
            (status, at), _ = Counter(pairs).most_common(1)[0]
            found.setdefault((STATUSES[status], at), []).append(s.titles[b.competency.code])
    codes = [c.code for c in profiles.competencies]
    return [
        Unconcluded(titles=tuple(titles), why=s.t[f"status_{status}"], target=s.titles[codes[at]] if at >= 0 else "")
        for (status, at), titles in found.items()
    ]


def _means(rows: Sequence[Summary], s: ReportContext) -> str:
    marks = [
        IntervalRow(
            label=s.titles[row.competency.code],
            depth=row.depth,
            point=row.mean,
            low=row.q05,
            high=row.q95,
            look=LOOKS[3],
            figures=f"{decimal(row.mean, 1, s.language)} ± {percent(row.error, s.language, 1)}",
            words=f"{interval(row.q05, row.q95, s.language)}; n\u00a0=\u00a0{count(row.n, s.language)}",
        )
        for row in rows
        if row.n >= SMALLEST
    ]
    return interval_table(marks, s.standards.cuts, s.zones, s.t["means"]) if marks else ""


def _map(profiles: DeficitProfiles, s: ReportContext) -> str:
    items, root = profiles.items, [b.index for b in s.tree[:1]]
    return wright_svg(
        profiles.theta[:, root][profiles.n_items[:, root] > 0],
        [fact.difficulty for fact in items],
        [fact.item for fact in items],
        provisional=[fact.status == "provisional" for fact in items],
        words=(s.t["map"], s.t["map_left"], s.t["map_right"], s.t["map_more"]),
        language=s.language,
    )


def _group_tables(profiles: DeficitProfiles, units: Sequence[Branch], s: ReportContext) -> list[GroupTable]:
    """Return a table for each background column: mean of the whole test, share of confirmed deficits of the clusters."""
    columns = [b.index for b in (*units[:1], *units)]
    state = profiles.state[:, columns]
    values = np.where(state == 0, 100.0, 0.0)
    values[:, :1] = profiles.percent[:, columns[:1]]
    values[state == len(STATES) - 1] = np.nan
    out = []
    for name, column in profiles.background.items():
        labels = [str(x) for x in column]
        if column_key(name) not in PLACES:
            labels = binned(labels, s.language)
        found = groups(labels, values, np.arange(len(columns)) > 0)
        if len(found) > 1:
            out.append(_group_table(column_title(name, s.language), found, s))
    return out


def _group_table(title: str, found: Sequence[Group], s: ReportContext) -> GroupTable:
    if not any(g.shown for g in found):
        note = f"{several(len(found), 'group', s.language)}. {s.t['all_suppressed'].format(n=SMALLEST)}"
        return GroupTable(title=title, lines=(), note=note)
    closed = [g for g in found if not g.shown]
    brief = len(closed) > MOST_SUPPRESSED_ROWS
    lines = [_group_line(g, s) for g in found if g.shown or not brief]
    more = s.t["more_suppressed"].format(groups=several(len(closed), "group", s.language))
    note = f"{more}: {s.t['suppressed'].format(n=SMALLEST)}." if brief else ""
    return GroupTable(title=title, lines=tuple(lines), note=note)


def _group_line(g: Group, s: ReportContext) -> tuple[str, ...]:
    name = named(g.name, s.language)
    if not g.shown:
        words = s.t["suppressed"].format(n=SMALLEST) if g.small else s.t["complementary"]
        return (name, words, *("—" for _ in g.cells))
    return (name, count(g.n, s.language), *(_cell(c, s) for c in g.cells))


def _cell(c: GroupCell, s: ReportContext) -> str:
    if not c.shown:
        return s.t["complementary"]
    if c.n == 0:
        return s.t["insufficient_data"]
    return f"{percent(c.percent, s.language)} ({interval(c.low, c.high, s.language)}; n\u00a0=\u00a0{c.n})"


def _people(
    profiles: DeficitProfiles, units: Sequence[Branch], s: ReportContext, links: Mapping[str, str]
) -> list[PersonLine]:
    root, narrow = units[0].index, [b.index for b in s.tree if not b.below]
    used, confirmed = profiles.n_items.max(axis=1, initial=0), (profiles.state[:, narrow] == 0).sum(axis=1)
    drawn = profiles.state[:, root] < len(STATES) - 1
    return [
        PersonLine(
            person=str(profiles.persons[p]),
            link=links.get(str(profiles.persons[p]), ""),
            n_items=int(used[p]),
            whole=percent(profiles.percent[p, root], s.language) if drawn[p] else "—",
            signs=tuple(s.signs[STATES[profiles.state[p, b.index]]] for b in units),
            n_confirmed=int(confirmed[p]),
        )
        for p in sorted(range(len(profiles)), key=lambda p: natural(str(profiles.persons[p])))
    ]
