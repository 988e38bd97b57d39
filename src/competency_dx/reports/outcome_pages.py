"""What follows from profiles: groups and their needs, routes of persons, decisions, changes between two diagnoses, next items."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import fromstring, tostring

import numpy as np

from competency_dx.adaptive import NextItems
from competency_dx.bank import Stimulus
from competency_dx.competencies import OUTCOMES, REASONS, STATUSES, Decisions
from competency_dx.display import IntervalRow, number, percent
from competency_dx.errors import ReportError
from competency_dx.groups import GroupReport, total_demand
from competency_dx.growth import SURE, Growth
from competency_dx.kernels.suppression import SMALLEST
from competency_dx.reports.files import file_names, findings_sheet, frame_sheet, sheet_of
from competency_dx.reports.pages import Language, Sheet, Written, about, bounded, finding_lines, macro, pages_of, plain, render, strings
from competency_dx.reports.report_context import branches, column_key, column_title, level_ranges, unit_title
from competency_dx.result import DataFrame, Result
from competency_dx.routes import NOT_OFFERED, WHY, Routes, day_text

PLACES = ("column_school", "column_municipality", "column_region")
NEEDS, HALF = 3, 0.5
JOINER = "\u2060"  # at which no line is broken


def region_report(groups: GroupReport, language: Language, *, back: str = "") -> Written:
    """Return how groups are written: the page of the whole, with a way `back` if any, and a page for each group that is shown."""
    shown = [r for r in range(1, len(groups)) if groups.shown[r]]
    files = [f"groups/{file}.html" for file in file_names(groups.groups[r] for r in shown).values()]
    links = {r: quote(file) for r, file in zip(shown, files, strict=True)}
    below, t, above = {r: f"../{link}" for r, link in links.items()}, strings(language), {"back": back}
    template, title = ("self_report.html", "selfreport_title") if groups.of_statements else ("region.html", "group_title")
    tables = {"groups": lambda: groups.to_table(language), "indicators": groups.indicators}
    return Written(
        page=lambda beside: render(template, language, _group_view(groups, 0, links if beside else {}, language) | above),
        sheets=lambda: ([frame_sheet(t[f"sheet_{name}"], table(), language) for name, table in tables.items()], t[title]),
        further=lambda: pages_of(template, files, language, lambda k: _group_view(groups, shown[k], below, language)),
    )


def categories_report(reports: Sequence[Result], demand: Sequence[DataFrame], language: Language) -> Written:
    """Return how group reports of several categories are written: one page on all, and in a folder each what stands in its report."""
    if len(categories := [one for one in reports if isinstance(one, GroupReport)]) < max(len(reports), 1):
        raise ReportError("reports.several", given=[type(one).__name__ for one in reports])
    t, places, first = strings(language), total_demand(categories, demand), categories[0]
    folders = file_names(groups.competencies[0].code for groups in categories).values()
    inside = {folder: region_report(one, language, back="../index.html") for folder, one in zip(folders, categories, strict=True)}
    values = {"places": places.to_dict("records"), "columns": column_title(first.by[0], language), "hours": len(demand) > 0}
    values["categories"] = [(one.competencies[0].title.text(language), _group_view(one, 0, {}, language)) for one in categories]
    links = [f"{quote(folder)}/index.html" for folder in folders]
    tables = {folder: one.to_table for folder, one in zip(folders, categories, strict=True)}

    def further() -> Iterator[tuple[str, bytes]]:
        for folder, written in inside.items():
            yield f"{folder}/index.html", written.page(True).encode()  # noqa: FBT003 - of a callable
            yield from ((f"{folder}/{name}", content) for name, content in written.further())

    return Written(
        page=lambda beside: render("categories.html", language, values | {"links": [link * beside for link in links]}),
        sheets=lambda: (
            [frame_sheet(name, x(language), language) for name, x in ({t["categories_places"]: lambda _: places} | tables).items()],
            t["categories_title"],
        ),
        further=further,
        frames=lambda: [places],
    )


def part_of(low: float, high: float) -> str:
    """Return the key of what an interval of a share says: more or less than half only where all of it is, as printed."""
    return "part_most" if round(low, 2) > HALF else "part_few" if round(high, 2) < HALF else "part_half"


def _group_view(groups: GroupReport, r: int, links: Mapping[int, str], language: Language) -> dict[str, Any]:
    """Return what the template shows of group r: title, needs, the narrowest units of most need, groups inside it by level."""
    level, name, names = int(groups.level[r]), groups.groups[r], groups.groups
    places = [column_key(column) for column in groups.by]
    kind = places[level - 1] if level else PLACES[PLACES.index(places[0]) + 1] if places[0] in PLACES[1:-1] else ""
    tree = branches(groups.competencies)
    inside = [k for k in range(1, len(names)) if groups.level[k] > level and names[k].startswith(f"{name} / " if name else "")]
    shown, levels = [k for k in inside if groups.shown[k]], [column_title(column, language, groups.by) for column in groups.by]
    needs = sorted((b.index for b in tree if not b.below and groups.told[r, b.index]), key=lambda c: -groups.share[r, c, 0])
    return about(groups, language) | {
        "r": r,
        "findings": finding_lines(groups.findings_about(name), language),
        "title": strings(language)[f"group_{kind}" if kind in PLACES else "group_title"],
        "who": name or strings(language)["group_whole"],
        "root": tree[0].index,
        "needs": needs[:NEEDS],
        "part_of": part_of,
        "titles": [unit_title(c, language) for c in groups.competencies],
        "ranges": level_ranges(groups.standards, language),
        "means": _means(groups, r, language),
        "inside": [(k, names[k].removeprefix(f"{name} / "), levels[groups.level[k] - 1], links.get(k, "")) for k in shown],
        "kinds": list(dict.fromkeys(levels[groups.level[k] - 1] for k in shown)),
        "hidden": len(inside) - len(shown),
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
    return macro("interval_table", rows, groups.standards.cuts, (t["zone_deficit"], t["zone_strength"]), t["means"])


def route_report(routes: Routes, language: Language) -> Written:
    """Return how routes are written: the demand for programmes, and a draft for each person."""
    t = strings(language)
    files = [f"persons/{name}.html" for name in file_names(map(str, routes.persons)).values()]
    demand = partial(routes.demand, beside=[*routes.background])
    places = routes.places_frame()  # of them those that the demand shows, where "" stands for all
    places = places[places["group"].isin({*demand(routes, routes.budget_by)["group"]} - {""})] if routes.budgets else places
    led = {"demand_mentors": routes.mentors_frame(), "demand_candidates": routes.candidates_frame()}
    near = (text.split(", ") for text in led["demand_mentors"]["near"])
    led["demand_mentors"]["near"] = [", ".join(column_title(by, language) for by in names) for names in near]
    shared = about(routes, language) | {
        "led": {name: {p: [*one] for p, one in groupby(rows.to_dict("records"), itemgetter("person"))} for name, rows in led.items()},
        "title_of": {c.code: unit_title(c, language) for c in routes.competencies},
        "titles": [unit_title(c, language) for c in routes.competencies],
        "order": sorted(range(len(routes.programmes)), key=lambda k: routes.programmes[k].id),
        "hours": np.array([*(one.hours for one in routes.programmes), 0.0])[routes.steps].sum(axis=1),
        "why": WHY,
        "ranges": level_ranges(routes.standards, language),
        "dates": lambda one: f"{JOINER}–{JOINER}".join(_day(x, language) for x in (one.start, one.end) if x) or t["route_any_time"],
        "not_offered": NOT_OFFERED,
        "day": lambda text: _day(date.fromisoformat(text), language),
        "demand": partial(demand, routes),
        "places": places,
        "columns": {by: column_title(by, language) for by in routes.background},
        "named": lambda one: t["route_programme"].format(title=one.title.text(language), id=one.id),
    }
    return Written(
        page=lambda beside: render("demand.html", language, shared | {"links": [quote(f) * beside for f in files]}),
        sheets=lambda: (
            [
                frame_sheet(t["route_steps"], routes.to_table(language), language),
                frame_sheet(t["route_why"], routes.reasons_frame(), language),
                *([frame_sheet(t["demand_places"], places, language)] if routes.budgets else []),
                *(
                    frame_sheet(f"{t[sheet]} {k}", table(routes, by).rename(columns={"group": column_title(by, language)}), language)
                    for k, by in enumerate(routes.background, 1)
                    for sheet, table in (("demand_sheet", demand), ("peers_sheet", routes.peers))
                ),
                *(frame_sheet(t[name], table, language) for name, table in led.items() if len(table)),
            ],
            t["demand_title"],
        ),
        further=lambda: pages_of("route.html", files, language, lambda p: shared | {"p": p}),
    )


def _day(day: date, language: Language) -> str:
    """Return a day that no line break parts."""
    return day_text(day, language).replace("-", f"{JOINER}-{JOINER}")


def decision_report(decisions: Decisions, language: Language) -> Written:
    """Return how decisions are written: the protocol, and an extract for each person."""
    t, rule = strings(language), decisions.rule
    files = [f"persons/{name}.html" for name in file_names(map(str, decisions.persons)).values()]
    frames = {"log": decisions.to_table(language), "minima": decisions.minima_frame()}
    minima = [(title.text(language), code, rule.minimum[code]) for code, title in zip(decisions.minima, decisions.titles, strict=True)]
    made_up = t["decision_compensation"].format(points=number(rule.compensation, "g", language)) if rule.compensation else ""
    shared = about(decisions, language) | {
        "minima": minima,
        "facts": [
            (t["decision_minima"], "; ".join(f"{title}: {percent(least, language)}" for title, _, least in minima) + made_up),
            (t["decision_certain"], percent(100 * rule.certain, language)),
        ],
        "outcomes": OUTCOMES,
        "reasons": REASONS,
        "statuses": [t[f"status_{status}"] for status in STATUSES],
    }
    return Written(
        page=lambda beside: render("decisions.html", language, shared | {"links": [quote(file) * beside for file in files]}),
        sheets=lambda: ([frame_sheet(t[f"decision_{k}"], x, language) for k, x in frames.items()], t[f"protocol_{rule.purpose}"]),
        further=lambda: pages_of("decision.html", files, language, lambda p: shared | {"p": p}),
    )


def growth_report(growth: Growth, language: Language, *, persons: bool = True) -> Written:
    """Return how a growth is written: one page, with a table of the `persons` or without; raises `ReportError` where these are few."""
    if not persons and len(growth) < SMALLEST:
        raise ReportError("reports.too_few", n=len(growth), least=SMALLEST)
    t, shown, (_, reliable, *more) = strings(language), np.flatnonzero(growth.shown).tolist(), growth.summary(language)
    counts = np.bincount((growth.p_gain[:, 0] >= SURE) + 2 * (growth.p_gain[:, 0] <= 1 - SURE), minlength=3)
    few = not persons and bool(((counts > 0) & (counts < SMALLEST)).any())  # how many gained or lost would tell of these
    values = about(growth, language) | {
        "summary": more if few else [reliable, *more],
        "titles": [unit_title(c, language) for c in growth.competencies],
        "shown": [(g, growth.groups[g] or t["growth_without" if len(growth.groups) > 1 else "group_whole"]) for g in shown],
        "compared": bool(np.isfinite(growth.difference[shown, 0]).any()),
        "said": change_said,
        "ends": growth.ends_of_rule,
        "persons": growth.persons if persons else (),
    }
    frames = ({"persons": growth.to_table(language)} if persons else {}) | {"growth_programmes": growth.programmes()}
    return Written(
        table="table" if persons else "programmes",
        frames=tuple if persons else lambda: [growth.programmes()],
        page=lambda _: render("growth.html", language, values),
        sheets=lambda: ([frame_sheet(t[name].partition(",")[0], frame, language) for name, frame in frames.items()], t["growth_title"]),
    )


def change_said(p_gain: float) -> str:
    """Return the key of what may be said of a change: a gain or a loss only where it is sure."""
    return "growth_gain" if p_gain >= SURE else "growth_loss" if p_gain <= 1 - SURE else "growth_open"


def form_report(items: NextItems, language: Language) -> Written:
    """Return how the next items are written: a form to print, for everybody or for each who is asked, and one to fill in."""
    t, drawings = strings(language), {q.item: drawn(q.stimulus, language) for q in items.questions if q.stimulus and q.stimulus.svg}
    values = about(items, language) | {"bank": items.bank.text(language), "forms": items.forms(), "drawings": drawings}
    return Written(page=lambda _: render("form.html", language, values), sheets=lambda: (form_sheets(items, language), t["form_title"]))


def drawn(stimulus: Stimulus, language: Language) -> str:
    """Return the picture of a stimulus as a part of a page, which has room for it, with words for those who do not see it."""
    root = fromstring(stimulus.svg)
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]  # a page names no name space
    wide, high = (re.sub(r"\D*$", "", root.attrib.pop(side, "")) for side in ("width", "height"))
    root.attrib.setdefault("viewBox", f"0 0 {wide or 400} {high or 300}")
    words = stimulus.alt.text(language) if stimulus.alt else ""
    return tostring(root, encoding="unicode").replace("<svg", f'<svg class="stimulus" role="img" aria-label="{plain(words)}"', 1)


def told(stimulus: Stimulus | None, language: Language) -> str:
    """Return a stimulus in the cell of a workbook: its text, its rows, or what its picture shows."""
    if stimulus is None:
        return ""
    rows = "\n".join(" | ".join(row) for row in stimulus.table)
    return stimulus.text.strip() or rows or (stimulus.alt.text(language) if stimulus.alt else "")


def form_sheets(items: NextItems, language: Language) -> tuple[Sheet, ...]:
    """Return the sheets: answers to fill in (read by `load_responses`), questions, and what is expected to be decided."""
    t, asked = strings(language), items.questions
    frame, decisions = items.to_frame(), items.decisions_frame()
    titles = {c.code: c.title.text(language) for c in items.competencies}
    answers = {"person": frame["person"].tolist(), "item": frame["item"].tolist(), "answer": [None] * len(frame)}
    questions: dict[str, list[Any]] = {
        "item": [q.item for q in asked],
        "stimulus": [told(q.stimulus, language) for q in asked],
        "question": ["\n".join([q.stem.strip(), *(f"{code}) {text}" for code, text in q.left.items())]) for q in asked],
        "options": ["\n".join(f"{code}) {text}" for code, text in q.options.items()) for q in asked],
        "how": [t[f"answer_{q.type}"] for q in asked],
        "points": [q.max_score for q in asked],
        "title": [f"{q.competency} {titles[q.competency]}" for q in asked],
    }
    expected = {name: decisions[name].tolist() for name in ("person", "competency", "title", "p_deficit", "p_decided")}
    expected["title"] = [titles[code] for code in expected["competency"]]
    sheets = (("sheet_answers", answers, 2), ("sheet_questions", questions, 1), ("sheet_decisions", expected, 3))
    written = tuple(sheet_of(t[name], columns, language, frozen) for name, columns, frozen in sheets)
    return written if asked else (*written, findings_sheet(finding_lines(items.findings, language), language))
