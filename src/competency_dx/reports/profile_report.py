"""The report on deficit profiles: cohort page, pages of persons, or of groups alone with nothing about a few, sheets of a workbook."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from itertools import chain
from urllib.parse import quote

from competency_dx.arrays import blocks
from competency_dx.competencies import STATES, DeficitProfiles
from competency_dx.display import count
from competency_dx.errors import ReportError
from competency_dx.findings import Finding
from competency_dx.groups import SMALLEST
from competency_dx.kernels.blocks import mapped_ahead
from competency_dx.reports import cohort
from competency_dx.reports.cohort import Group, Summary, aggregate_view, cohort_view, everybody, impersonal, measured, summaries
from competency_dx.reports.files import file_names, findings_sheet, sheet_of
from competency_dx.reports.pages import Language, Sheet, SheetCell, Written, finding_lines, macro, render, strings
from competency_dx.reports.person_page import evidence_list, figure_rows, person_view
from competency_dx.reports.report_context import ReportContext, column_title, named, report_context
from competency_dx.result import DataFrame, frame

PERSONS, GROUPS = "persons", "groups"
BLOCK = 250  # persons whose rows are in memory at a time
PAGES = 50  # and whose pages
WORDED = {"state": "{}", "status": "status_{}", "strength": "strength_state_{}"}  # sentences of codes by their column
Divisions = Sequence[tuple[str, Sequence[Group]]]


def profile_report(profiles: DeficitProfiles, language: Language, executor: Executor | None = None) -> Written:
    """Return how profiles are written: the cohort page links to the persons' pages where they stand beside it."""
    s, pages = report_context(profiles, language), file_names(map(str, profiles.persons))
    links = {person: f"{PERSONS}/{quote(name)}.html" for person, name in pages.items()}
    made = partial(_person_pages, language=language, pages=pages)
    return Written(
        table="profiles",
        page=lambda linked: render("cohort.html", language, {"v": cohort_view(profiles, s, links if linked else {}), "s": s}),
        sheets=lambda: (profile_sheets(profiles, s), s.t["cohort_title"]),
        further=lambda: chain.from_iterable(mapped_ahead(made, _blocks(profiles, PAGES), executor)),
        frames=lambda: (block.to_frame() for block in _blocks(profiles)),
        document=lambda: _document(profiles),
        leads=False,
    )


def _person_pages(profiles: DeficitProfiles, language: Language, pages: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Return paths and pages of a block of persons."""
    s, out = report_context(profiles, language), []
    shared = {"legend": macro("legend", s.signs, s.t), "methods": macro("methods", s.methods, s.t)}
    head, end, tail = macro("table", s.t["figure_heads"].split("|"), (), 2).partition("</tbody>")
    for profile in profiles:
        view = person_view(profile, s)
        parts = {"figures": f"{head}{figure_rows(view)}{end}{tail}", "evidence": evidence_list(view)}
        values = {"v": view, "s": s, "back": "../index.html"} | parts | shared
        out.append((f"{PERSONS}/{pages[profile.person]}.html", render("person.html", language, values).encode()))
    return out


def _blocks(profiles: DeficitProfiles, size: int = BLOCK) -> Iterator[DeficitProfiles]:
    """Yield the profiles of so many persons at a time that what is made of them takes little memory."""
    for rows in blocks(len(profiles), size):
        yield profiles.select(profiles.persons[rows])


def _document(profiles: DeficitProfiles) -> Iterator[str]:
    """Yield the document of the profiles in parts; persons come last in it, after what they share."""
    for k, block in enumerate(_blocks(profiles)):
        head, mark, persons = block.to_json().partition('"profiles":[')
        yield f"{'' if k else head + mark}{',' if k else ''}{persons.removesuffix(']}')}"
    yield "]}"


def profile_sheets(profiles: DeficitProfiles, s: ReportContext) -> tuple[Sheet, ...]:
    """Return profiles, strengths, cohort summary, methods and findings."""
    return (
        _long_sheet(s.t["sheet_profiles"], profiles, s, DeficitProfiles.to_frame),
        _long_sheet(s.t["sheet_strengths"], profiles, s, DeficitProfiles.strengths_frame),
        cohort_sheet(summaries(profiles, s.tree), s, persons=True),
        *note_sheets(s),
    )


def note_sheets(s: ReportContext) -> tuple[Sheet, Sheet]:
    """Return methods and findings."""
    notes = [*s.methods, (s.t["caveat"], ""), (s.t["purpose"], "")]
    methods = Sheet(name=s.t["sheet_methods"], heads=(s.t["settings"], ""), columns=tuple(zip(*notes, strict=True)), frozen=0)
    return methods, findings_sheet(s.findings, s.language)


def _long_sheet(name: str, profiles: DeficitProfiles, s: ReportContext, table: Callable[[DeficitProfiles], DataFrame]) -> Sheet:
    """Return a sheet with a row per person and competency, its codes in words; columns are made for so many persons at a time."""
    titles = [c.title.text(s.language) for c in profiles.competencies]

    def columns(rows: slice) -> dict[str, list[SheetCell]]:
        rows_of = profiles.select(profiles.persons[rows])
        frame = table(rows_of)
        out = {str(name): frame[name].tolist() for name in frame.columns} | {"title": titles * len(rows_of)}
        worded = {column: [s.t[key.format(code)] for code in out[column]] for column, key in WORDED.items() if column in out}
        return out | worded | ({"level": [s.levels.get(str(code), "") for code in out["level"]]} if "level" in out else {})

    first, *rest = [*blocks(len(profiles), BLOCK)] or [slice(0, 0)]
    further = (len(profiles) - len(profiles.persons[first])) * len(titles)
    sheet = sheet_of(name, columns(first), s.language, 3)
    return replace(sheet, further=further, more=lambda: ([*columns(rows).values()] for rows in rest))


def cohort_sheet(rows: Sequence[Summary], s: ReportContext, *, persons: bool) -> Sheet:
    """Return states and means; without `persons` nothing that is about fewer than `SMALLEST` of them, and no quantiles."""
    of = [row.competency for row in rows]
    columns: dict[str, list[SheetCell]] = {"competency": [c.code for c in of], "title": [c.title.text(s.language) for c in of]}
    shown = [persons or row.concluded >= SMALLEST or not row.concluded for row in rows]
    for k, state in enumerate(STATES):
        columns[s.t[state]] = [row.counts[k] if open_ else None for row, open_ in zip(rows, shown, strict=True)]
    for key in ("n", "mean", "error", "q05", "q95") if persons else ("n", "mean", "error"):
        columns[key] = [getattr(row, key) if open_ else None for row, open_ in zip(rows, shown, strict=True)]
    return sheet_of(s.t["sheet_cohort"], columns, s.language, 2)


def aggregate_report(profiles: DeficitProfiles, language: Language) -> Written:
    """Return how a cohort is written without its persons; raises `ReportError` with too few conclusions to show anything."""
    concluded = int((profiles.n_items > 0).any(axis=1).sum())
    if concluded < SMALLEST:
        raise ReportError("reports.too_few", n=concluded, least=SMALLEST)
    s = replace(report_context(profiles, language), findings=_impersonal(profiles, language))
    rows, silent = impersonal(summaries(profiles, s.tree), profiles)
    found = cohort.background_groups(profiles, s, silent)
    shown = [(name, group) for name, members in found for group in members if group.shown]
    files = file_names(f"{name}-{group.name}" for name, group in shown)
    links = {(name, g.name): f"{GROUPS}/{quote(files[f'{name}-{g.name}'])}.html" for name, g in shown}

    def further() -> Iterator[tuple[str, bytes]]:
        for name, group in shown:
            title = f"{column_title(name, s.language, dict(found))}: {named(group.name, s.language)}"
            values = {"s": s, "group": title, "n": count(group.n, language), "cells": group.cells, "least": SMALLEST}
            yield f"{GROUPS}/{files[f'{name}-{group.name}']}.html", render("group.html", language, values).encode()

    table = _table([("", (everybody(*measured(profiles), silent),)), *found], s)
    sheets: tuple[Sheet, ...] = (cohort_sheet(rows, s, persons=False),)
    sheets += (sheet_of(s.t["sheet_groups"], table, s.language, 2), *note_sheets(s))
    return Written(
        table="cohort",
        page=lambda beside: render("cohort.html", language, {"v": aggregate_view(profiles, s, found, links if beside else {}), "s": s}),
        sheets=lambda: (sheets, s.t["cohort_title"]),
        further=further,
        frames=lambda: [frame(**table).astype({"n": "Int64"})],
    )


def _table(divisions: Divisions, s: ReportContext) -> dict[str, list[SheetCell]]:
    """Return the columns of a table with one row per group and competency; what is not shown is empty."""
    rows = [(name, group, b) for name, members in divisions for group in members if group.shown for b in s.tree]
    cells = [group.cells[b.index] for _, group, b in rows]
    return {
        "column": [name for name, _, _ in rows],
        "group": [group.name for _, group, _ in rows],
        "persons": [group.n for _, group, _ in rows],
        "competency": [b.competency.code for _, _, b in rows],
        "title": [s.titles[b.competency.code] for _, _, b in rows],
        "n": [cell["n"] if cell["shown"] else None for cell in cells],
        **{number: [round(cell[number], 1) for cell in cells] for number in cohort.CELL_NUMBERS},
    }


def _impersonal(profiles: DeficitProfiles, language: Language) -> tuple[Mapping[str, str], ...]:
    """Return the findings, the words of those that name a person left out."""
    persons = frozenset(map(str, profiles.persons))
    silent = strings(language)["finding_of_persons"]
    pairs = zip(profiles.findings, finding_lines(profiles.findings, language), strict=True)
    return tuple({**line, "text": silent, "scope": ""} if _names_one(finding, persons) else line for finding, line in pairs)


def _names_one(finding: Finding, persons: frozenset[str]) -> bool:
    """Tell whether an id of a person stands in a finding, as a word of its sentence or among its facts."""
    words = {w.strip(".,;:()«»'\"") for text in (finding.ru, finding.en) for w in text.split()}
    said = words | set(finding.scope) | set(_texts(finding.facts))
    return not persons.isdisjoint(said) or any(person in finding.en for person in persons if " " in person)


def _texts(fact: object) -> Iterator[str]:
    if isinstance(fact, Mapping):
        fact = list(fact.values())
    if isinstance(fact, str):
        yield fact
    elif isinstance(fact, Iterable):
        for part in fact:
            yield from _texts(part)
