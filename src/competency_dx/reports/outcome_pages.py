"""What follows from profiles: routes of persons, decisions by a rule, changes between two diagnoses."""

from __future__ import annotations

from urllib.parse import quote

import numpy as np

from competency_dx.competencies import OUTCOMES, STATUSES, Decisions
from competency_dx.display import percent
from competency_dx.growth import SURE, Growth
from competency_dx.reports.files import file_names, frame_sheet
from competency_dx.reports.pages import Language, Written, about, pages_of, render, strings
from competency_dx.reports.report_context import level_ranges, unit_title
from competency_dx.routes import WHY, Programme, Routes


def route_report(routes: Routes, language: Language) -> Written:
    """Return how routes are written: the demand for programmes, and a draft for each person."""
    t = strings(language)
    files = [f"persons/{name}.html" for name in file_names(map(str, routes.persons)).values()]
    shared = about(routes, language) | {
        "titles": [unit_title(c, language) for c in routes.competencies],
        "order": sorted(range(len(routes.programmes)), key=lambda k: routes.programmes[k].id),
        "hours": np.array([*(one.hours for one in routes.programmes), 0.0])[routes.steps].sum(axis=1),
        "why": WHY,
        "dates": lambda one: _dates(one, language),
    }
    return Written(
        page=lambda beside: render("demand.html", language, shared | {"links": [quote(f) * beside for f in files]}),
        sheets=lambda: (
            [
                frame_sheet(t["route_steps"], routes.to_table(language), language),
                frame_sheet(t["route_why"], routes.reasons_frame(), language),
                *([frame_sheet(t["route_mentor"], routes.mentors_frame(), language)] if (routes.mentor >= 0).any() else []),
            ],
            t["demand_title"],
        ),
        further=lambda: pages_of("route.html", files, language, lambda p: shared | {"p": p, "level": _level(routes, p, language)}),
    )


def _level(routes: Routes, p: int, language: Language) -> tuple[str, str, str] | None:
    """Return the part of the scale that a person has reached in the whole test, its name, and the route that the scale proposes."""
    if routes.level[p] < 0:
        return None
    level = routes.standards.levels[routes.level[p]]
    return level_ranges(routes.standards, language)[level.code], level.title.text(language), level.route.text(language)


def _dates(one: Programme, language: Language) -> str:
    if one.start is None or one.end is None:
        return strings(language)["route_any_time"]
    return "–".join(day.strftime("%d.%m.%Y" if language == "ru" else "%Y-%m-%d") for day in (one.start, one.end))


def decision_report(decisions: Decisions, language: Language) -> Written:
    """Return how decisions are written: the protocol, and an extract for each person."""
    t, rule = strings(language), decisions.rule
    files = [f"persons/{name}.html" for name in file_names(map(str, decisions.persons)).values()]
    minima = [(title.text(language), code, rule.minimum[code]) for code, title in zip(decisions.minima, decisions.titles, strict=True)]
    shared = about(decisions, language) | {
        "minima": minima,
        "facts": [
            (t["decision_minima"], "; ".join(f"{title}: {percent(least, language)}" for title, _, least in minima)),
            (t["decision_certain"], percent(100 * rule.certain, language)),
        ],
        "outcomes": OUTCOMES,
        "statuses": [t[f"status_{status}"] for status in STATUSES],
    }

    return Written(
        page=lambda beside: render("decisions.html", language, shared | {"links": [quote(file) * beside for file in files]}),
        sheets=lambda: ([frame_sheet(t["decision_log"], decisions.to_table(language), language)], t[f"protocol_{rule.purpose}"]),
        further=lambda: pages_of("decision.html", files, language, lambda p: shared | {"p": p}),
    )


def growth_report(growth: Growth, language: Language) -> Written:
    """Return how a growth is written: one page."""
    t, shown = strings(language), np.flatnonzero(growth.shown).tolist()
    whole = t["growth_without" if len(growth.groups) > 1 else "group_whole"]
    values = about(growth, language) | {
        "titles": [unit_title(c, language) for c in growth.competencies],
        "shown": [(g, growth.groups[g] or whole) for g in shown],
        "compared": bool(np.isfinite(growth.difference[shown, 0]).any()),
        "said": change_said,
    }
    frames = {"persons": growth.to_table(language), "growth_programmes": growth.programmes()}
    return Written(
        page=lambda _: render("growth.html", language, values),
        sheets=lambda: ([frame_sheet(t[name].partition(",")[0], frame, language) for name, frame in frames.items()], t["growth_title"]),
    )


def change_said(p_gain: float) -> str:
    """Return the key of what may be said of a change: a gain or a loss only where it is sure."""
    return "growth_gain" if p_gain >= SURE else "growth_loss" if p_gain <= 1 - SURE else "growth_open"
