"""The report without persons: cohort page, a page for each group that may be shown, one table; nothing in it is about a few."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from competency_dx.competencies import DeficitProfiles
from competency_dx.display import count
from competency_dx.errors import ReportError
from competency_dx.findings import Finding
from competency_dx.groups import SMALLEST
from competency_dx.reports.cohort import CELL_NUMBERS, Group, conclusions, everybody, summaries
from competency_dx.reports.cohort_page import aggregate_view, background_groups
from competency_dx.reports.files import Sheet, SheetCell, file_names, sheet_of
from competency_dx.reports.pages import FindingLine, Language, Written, finding_lines, render, strings
from competency_dx.reports.profile_report import cohort_sheet, note_sheets
from competency_dx.reports.report_context import ReportContext, column_title, named, report_context
from competency_dx.result import frame

GROUPS = "groups"
Divisions = Sequence[tuple[str, Sequence[Group]]]


def aggregate_report(profiles: DeficitProfiles, language: Language) -> Written:
    """Return how a cohort is written without its persons.

    Raises `ReportError` when there are conclusions about too few persons for anything to be shown.
    """
    concluded = int((profiles.n_items > 0).any(axis=1).sum())
    if concluded < SMALLEST:
        raise ReportError("reports.too_few", n=concluded, least=SMALLEST)
    s = replace(report_context(profiles, language), findings=_impersonal(profiles, language))
    found = background_groups(profiles, s)
    shown = [(name, group) for name, members in found for group in members if group.shown]
    files = file_names(f"{name}-{group.name}" for name, group in shown)
    links = {(name, g.name): f"{GROUPS}/{quote(files[f'{name}-{g.name}'])}.html" for name, g in shown}

    def further() -> Iterator[tuple[str, bytes]]:
        for name, group in shown:
            values = {
                "s": s,
                "group": f"{column_title(name, s.language)}: {named(group.name, s.language)}",
                "n": count(group.n, language),
                "cells": group.cells,
                "least": SMALLEST,
            }
            yield f"{GROUPS}/{files[f'{name}-{group.name}']}.html", render("group.html", language, values).encode()

    table = _table(profiles, found, s)
    sheets: tuple[Sheet, ...] = (cohort_sheet(summaries(profiles, s.tree), s, persons=False),)
    sheets += (sheet_of(s.t["sheet_groups"], table, s.language, 2), *note_sheets(s))
    return Written(
        table="cohort",
        page=lambda beside: render("cohort.html", language, {"v": aggregate_view(profiles, s, found, links if beside else {}), "s": s}),
        sheets=lambda: (sheets, s.t["cohort_title"]),
        further=further,
        frames=lambda: [frame(**table).astype({"n": "Int64"})],
    )


def _table(profiles: DeficitProfiles, found: Divisions, s: ReportContext) -> dict[str, list[SheetCell]]:
    """Return the columns of a table with one row per group and competency, the cohort first; what is not shown is empty."""
    divisions = [("", (everybody(*conclusions(profiles)),)), *found]
    rows = [(name, group, b) for name, members in divisions for group in members if group.shown for b in s.tree]
    cells = [group.cells[b.index] for _, group, b in rows]
    return {
        "column": [name for name, _, _ in rows],
        "group": [group.name for _, group, _ in rows],
        "persons": [group.n for _, group, _ in rows],
        "competency": [b.competency.code for _, _, b in rows],
        "title": [s.titles[b.competency.code] for _, _, b in rows],
        "n": [cell.n if cell.shown else None for cell in cells],
        **{number: [round(getattr(cell, number), 1) for cell in cells] for number in CELL_NUMBERS},
    }


def _impersonal(profiles: DeficitProfiles, language: Language) -> tuple[FindingLine, ...]:
    """Return the findings, the words of those that name a person left out."""
    persons = frozenset(map(str, profiles.persons))
    lines = finding_lines(profiles.findings, language)
    silent = strings(language)["finding_of_persons"]
    return tuple(
        replace(line, text=silent, scope="") if _names_one(finding, persons) else line
        for finding, line in zip(profiles.findings, lines, strict=True)
    )


def _names_one(finding: Finding, persons: frozenset[str]) -> bool:
    """Tell whether an id of a person stands in a finding, as a word of its sentence or among its facts."""
    words = {w.strip(".,;:()«»'\"") for text in (finding.ru, finding.en) for w in text.split()}
    if not persons.isdisjoint(words | set(finding.scope) | set(_texts(finding.facts))):
        return True
    return any(person in finding.en for person in persons if " " in person)


def _texts(fact: object) -> Iterator[str]:
    if isinstance(fact, Mapping):
        fact = list(fact.values())
    if isinstance(fact, str):
        yield fact
    elif isinstance(fact, Iterable):
        for part in fact:
            yield from _texts(part)
