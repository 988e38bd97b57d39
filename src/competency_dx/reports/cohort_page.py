"""The page of a cohort: what was concluded and what was not, means, groups, persons by id, item map, findings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from competency_dx.arrays import Bools
from competency_dx.competencies import STATES, STATUSES, DeficitProfiles
from competency_dx.display import IntervalRow, count, decimal, interval, interval_table, map_svg, percent
from competency_dx.groups import SMALLEST
from competency_dx.reports.cohort import Group, Summary, binned, groups, impersonal, measured, natural, summaries
from competency_dx.reports.pages import several
from competency_dx.reports.report_context import Branch, ReportContext, clusters, column_key, column_title, false_share, named

MOST_SUPPRESSED_ROWS = 6
PLACES = ("column_school", "column_municipality", "column_region", "column_form")  # numbers in these are names


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
    return interval_table(marks, s.standards.cuts, s.zones, s.t["means"]) if marks else ""


def _map(profiles: DeficitProfiles, s: ReportContext) -> str:
    """Return the item map, the items without data behind their difficulty hollow."""
    root, items = s.tree[0].index, profiles.items
    theta, difficulty = profiles.theta[profiles.n_items[:, root] > 0, root], np.array([fact.difficulty for fact in items])
    words, hollow = [s.t[name] for name in ("map", "map_left", "map_right")], [fact.status == "provisional" for fact in items]
    return map_svg(theta, difficulty, [fact.item for fact in items], hollow=hollow, words=words, language=s.language)


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
