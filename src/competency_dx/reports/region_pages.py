"""Reports on a region, a municipality, a school: one page for each group that is shown, the whole first, which leads to the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np

from competency_dx.display import IntervalRow, interval_table
from competency_dx.groups import GroupReport
from competency_dx.reports.files import file_names, frame_sheet
from competency_dx.reports.pages import Language, Written, about, bounded, pages_of, render, strings
from competency_dx.reports.report_context import branches, column_key, column_title, level_ranges, unit_title

PLACES = ("column_school", "column_municipality", "column_region")
NEEDS, HALF = 3, 0.5


def region_report(groups: GroupReport, language: Language) -> Written:
    """Return how groups are written: the page of the whole, and a page for each group that is shown."""
    shown = [r for r in range(1, len(groups)) if groups.shown[r]]
    files = [f"groups/{file}.html" for file in file_names(groups.groups[r] for r in shown).values()]
    links = {r: quote(file) for r, file in zip(shown, files, strict=True)}
    below, t = {r: f"../{link}" for r, link in links.items()}, strings(language)
    return Written(
        page=lambda beside: render("region.html", language, _view(groups, 0, links if beside else {}, language)),
        sheets=lambda: ([frame_sheet(t["sheet_groups"], groups.to_table(language), language)], t["group_title"]),
        further=lambda: pages_of("region.html", files, language, lambda k: _view(groups, shown[k], below, language)),
    )


def part_of(low: float, high: float) -> str:
    """Return the key of what an interval of a share says: more or less than half only where all of it is."""
    return "part_most" if low > HALF else "part_few" if high < HALF else "part_half"


def _view(groups: GroupReport, r: int, links: Mapping[int, str], language: Language) -> dict[str, Any]:
    """Return what the template shows of group r: title, needs, the narrowest units of most need, groups inside it by level."""
    level, name, names = int(groups.level[r]), groups.groups[r], groups.groups
    places = [column_key(column) for column in groups.by]
    kind = places[level - 1] if level else PLACES[PLACES.index(places[0]) + 1] if places[0] in PLACES[:-1] else ""
    tree = branches(groups.competencies)
    narrow = [b.index for b in tree if not b.below]
    inside = [k for k in range(1, len(names)) if groups.level[k] > level and names[k].startswith(f"{name} / " if name else "")]
    levels = [column_title(column, language) for column in groups.by]
    return about(groups, language) | {
        "r": r,
        "title": strings(language)[f"group_{kind}" if kind in PLACES else "group_title"],
        "who": name or strings(language)["group_whole"],
        "root": tree[0].index,
        "needs": sorted(narrow, key=lambda c: -groups.share[r, c, 0])[:NEEDS],
        "part_of": part_of,
        "titles": [unit_title(c, language) for c in groups.competencies],
        "ranges": level_ranges(groups.standards, language),
        "means": _means(groups, r, language),
        "inside": [
            (k, names[k].removeprefix(f"{name} / "), levels[groups.level[k] - 1], links.get(k, "")) for k in inside if groups.shown[k]
        ],
        "kinds": list(dict.fromkeys(levels[groups.level[k] - 1] for k in inside if groups.shown[k])),
        "hidden": sum(not groups.shown[k] for k in inside),
        "back": "../index.html" if links and level else "",
    }


def _means(groups: GroupReport, r: int, language: Language) -> str:
    """Return the picture of the mean percents."""
    t, means = strings(language), np.stack([groups.percent[r], groups.percent_low[r], groups.percent_high[r]], axis=1).tolist()
    rows = [
        IntervalRow(label=unit_title(b.competency, language), depth=b.depth, at=(x, low, high), figures=bounded(x, low, high, language))
        for b in branches(groups.competencies)
        for x, low, high in [means[b.index]]
        if np.isfinite(x)
    ]
    return interval_table(rows, groups.standards.cuts, (t["zone_deficit"], t["zone_strength"]), t["means"])
