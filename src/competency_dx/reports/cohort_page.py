"""The page of a cohort: what was concluded and what was not, means, item map, findings, groups, persons by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from competency_dx.arrays import value
from competency_dx.competencies import STATES, DeficitProfiles
from competency_dx.display import (
    LOOKS,
    IntervalRow,
    count,
    decimal,
    interval,
    interval_svg,
    percent,
    stacked_svg,
    wright_svg,
)
from competency_dx.reports.cohort import SMALLEST, Group, GroupShare, Summary, groups, summaries
from competency_dx.reports.report_context import (
    Branch,
    ReportContext,
    Sign,
    clusters,
    column_title,
    named,
    several,
)

MOST_SUPPRESSED_ROWS = 6


@value
class SummaryLine:
    """One competency in the tables of states and means."""

    code: str
    title: str
    depth: int
    counts: tuple[str, ...]
    n: str
    strong: str
    mean: str
    spread: str


@value
class GroupLine:
    """One group: its size and one text per cluster."""

    name: str
    n: str
    cells: tuple[str, ...]


@value
class GroupTable:
    """One background column; `note` counts the groups left out of `lines`."""

    title: str
    lines: tuple[GroupLine, ...]
    note: str


@value
class PersonLine:
    """One person in the list: id, page, items used, state of every cluster, number of confirmed deficits."""

    person: str
    link: str
    n_items: int
    signs: tuple[Sign, ...]
    n_confirmed: int


@value
class CohortView:
    """What the template of the cohort page shows."""

    persons: str
    clusters: tuple[str, ...]
    lines: tuple[SummaryLine, ...]
    states: str
    means: str
    map: str
    map_counts: str
    groups: tuple[GroupTable, ...]
    people: tuple[PersonLine, ...]


def cohort_view(profiles: DeficitProfiles, s: ReportContext, links: Mapping[str, str]) -> CohortView:
    """Gather what the page shows; `links` leads from a person to the page, and may be empty."""
    rows, units = summaries(profiles, s.tree), clusters(s.tree)
    loose = [fact.status == "provisional" for fact in profiles.items]
    placed = np.isfinite([fact.difficulty for fact in profiles.items])
    return CohortView(
        persons=several(len(profiles), "person", s.language),
        clusters=tuple(s.titles[b.competency.code] for b in units),
        lines=tuple(_line(row, s) for row in rows),
        states=_states(rows, s),
        means=_means(rows, s),
        map=_map(profiles, s),
        map_counts=s.t["map_counts"].format(n=int(placed.sum()), loose=int((placed & np.array(loose, bool)).sum())),
        groups=tuple(_group_tables(profiles, units, s)),
        people=tuple(_people(profiles, units, s, links)),
    )


def _line(row: Summary, s: ReportContext) -> SummaryLine:
    language = s.language
    few = s.t["few"].format(n=SMALLEST)
    known = row.n >= SMALLEST
    return SummaryLine(
        code=row.competency.code,
        title=s.titles[row.competency.code],
        depth=row.depth,
        counts=tuple(count(n, language) for n in row.counts),
        n=count(row.n, language),
        strong=count(row.n_strong, language),
        mean=f"{decimal(row.mean, 1, language)} ± {percent(row.error, language, 1)}" if known else few,
        spread=interval(row.q05, row.q95, language),
    )


def _states(rows: Sequence[Summary], s: ReportContext) -> str:
    return stacked_svg(
        [s.titles[row.competency.code] for row in rows],
        [row.counts for row in rows],
        [s.t[state] for state in STATES],
        title=s.t["states"],
        depths=[row.depth for row in rows],
    )


def _means(rows: Sequence[Summary], s: ReportContext) -> str:
    shown = [row for row in rows if row.n >= SMALLEST]
    marks = [
        IntervalRow(
            label=s.titles[row.competency.code],
            depth=row.depth,
            point=row.mean,
            low=row.q05,
            high=row.q95,
            look=LOOKS[3],
            figures=percent(row.mean, s.language),
            words=several(row.n, "person", s.language),
        )
        for row in shown
    ]
    return interval_svg(marks, s.cuts, title=s.t["means"], axis=s.t["axis"]) if marks else ""


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
    columns = [b.index for b in units]
    confirmed, concluded = profiles.state[:, columns] == 0, profiles.state[:, columns] < len(STATES) - 1
    out = []
    for name, labels in profiles.background.items():
        found = groups([named(str(x), s.language) for x in labels], confirmed, concluded)
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


def _group_line(g: Group, s: ReportContext) -> GroupLine:
    if not g.shown:
        words = s.t["suppressed"].format(n=SMALLEST) if g.small else s.t["complementary"]
        return GroupLine(name=g.name, n=words, cells=tuple("—" for _ in g.cells))
    return GroupLine(name=g.name, n=count(g.n, s.language), cells=tuple(_cell(c, s) for c in g.cells))


def _cell(c: GroupShare, s: ReportContext) -> str:
    if not c.shown:
        return s.t["complementary"]
    if c.n == 0:
        return s.t["no_conclusion"]
    bounds = interval(100 * c.low, 100 * c.high, s.language)
    return f"{percent(100 * c.share, s.language)} (n\u00a0=\u00a0{c.n}; {bounds})"


def _people(
    profiles: DeficitProfiles, units: Sequence[Branch], s: ReportContext, links: Mapping[str, str]
) -> list[PersonLine]:
    columns = [b.index for b in units]
    used, confirmed = profiles.n_items.max(axis=1, initial=0), (profiles.state == 0).sum(axis=1)
    return [
        PersonLine(
            person=str(profiles.persons[p]),
            link=links.get(str(profiles.persons[p]), ""),
            n_items=int(used[p]),
            signs=tuple(s.signs[STATES[profiles.state[p, c]]] for c in columns),
            n_confirmed=int(confirmed[p]),
        )
        for p in sorted(range(len(profiles)), key=lambda p: str(profiles.persons[p]))
    ]
