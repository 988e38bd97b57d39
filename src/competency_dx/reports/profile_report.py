"""The report on deficit profiles: cohort page, a page for each person, and the sheets of the workbook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from urllib.parse import quote

from competency_dx.arrays import blocks
from competency_dx.competencies import STATES, DeficitProfiles
from competency_dx.groups import SMALLEST
from competency_dx.reports.cohort import Summary, summaries
from competency_dx.reports.cohort_page import cohort_view
from competency_dx.reports.files import Sheet, SheetCell, file_names, findings_sheet, sheet_of
from competency_dx.reports.pages import Language, Written, macro, render
from competency_dx.reports.person_page import evidence_list, figure_rows, person_view
from competency_dx.reports.report_context import ReportContext, report_context
from competency_dx.result import DataFrame

PERSONS = "persons"
BLOCK = 250  # persons whose rows are in memory at a time


def profile_report(profiles: DeficitProfiles, language: Language) -> Written:
    """Return how profiles are written: the cohort page links to the persons' pages where they stand beside it."""
    s, pages = report_context(profiles, language), file_names(map(str, profiles.persons))
    links = {person: f"{PERSONS}/{quote(name)}.html" for person, name in pages.items()}

    def persons() -> Iterator[tuple[str, bytes]]:
        shared = {"legend": macro("legend", s.signs, s.t), "methods": macro("methods", s.methods, s.t)}
        head, end, tail = macro("table", s.t["figure_heads"].split("|"), (), 2).partition("</tbody>")
        for profile in profiles:
            view = person_view(profile, s)
            parts = {"figures": f"{head}{figure_rows(view)}{end}{tail}", "evidence": evidence_list(view)}
            values = {"v": view, "s": s, "back": "../index.html"} | parts | shared
            yield f"{PERSONS}/{pages[profile.person]}.html", render("person.html", language, values).encode()

    return Written(
        table="profiles",
        page=lambda linked: render("cohort.html", language, {"v": cohort_view(profiles, s, links if linked else {}), "s": s}),
        sheets=lambda: (profile_sheets(profiles, s), s.t["cohort_title"]),
        further=persons,
        frames=lambda: (block.to_frame() for block in _blocks(profiles)),
        document=lambda: _document(profiles),
        leads=False,
    )


def _blocks(profiles: DeficitProfiles) -> Iterator[DeficitProfiles]:
    """Yield the profiles of so many persons at a time that tables of them take little memory."""
    for rows in blocks(len(profiles), BLOCK):
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
        _long_sheet(s.t["sheet_profiles"], profiles, s, _profile_columns),
        _long_sheet(s.t["sheet_strengths"], profiles, s, _strength_columns),
        cohort_sheet(summaries(profiles, s.tree), s, persons=True),
        *note_sheets(s),
    )


def note_sheets(s: ReportContext) -> tuple[Sheet, Sheet]:
    """Return methods and findings."""
    notes = [*s.methods, (s.t["caveat"], ""), (s.t["purpose"], "")]
    methods = Sheet(name=s.t["sheet_methods"], heads=(s.t["settings"], ""), columns=tuple(zip(*notes, strict=True)), frozen=0)
    return methods, findings_sheet(s.findings, s.language)


def _long_sheet(
    name: str,
    profiles: DeficitProfiles,
    s: ReportContext,
    columns: Callable[[DeficitProfiles, ReportContext], dict[str, list[SheetCell]]],
) -> Sheet:
    """Return a sheet with a row per person and competency; its columns are made for so many persons at a time."""
    first, *_ = rest = [*blocks(len(profiles), BLOCK)] or [slice(0, 0)]
    parts = [profiles.persons[rows] for rows in rest[1:]]
    return replace(
        sheet_of(name, columns(profiles.select(profiles.persons[first]), s), s.language, 3),
        further=sum(map(len, parts)) * len(profiles.competencies),
        more=lambda: ([*columns(profiles.select(persons), s).values()] for persons in parts),
    )


def _profile_columns(profiles: DeficitProfiles, s: ReportContext) -> dict[str, list[SheetCell]]:
    columns = _columns(profiles.to_frame(), profiles, s)
    columns["state"] = [s.t[str(state)] for state in columns["state"]]
    columns["level"] = [s.levels.get(str(code), "") for code in columns["level"]]
    return columns | {"status": [s.t[f"status_{status}"] for status in columns["status"]]}


def _strength_columns(profiles: DeficitProfiles, s: ReportContext) -> dict[str, list[SheetCell]]:
    columns = _columns(profiles.strengths_frame(), profiles, s)
    return columns | {"strength": [s.t[f"strength_state_{state}"] for state in columns["strength"]]}


def _columns(frame: DataFrame, profiles: DeficitProfiles, s: ReportContext) -> dict[str, list[SheetCell]]:
    """Return the columns of a table with a row per person and competency, titles in the language of the report."""
    columns = {str(name): frame[name].tolist() for name in frame.columns}
    return columns | {"title": [c.title.text(s.language) for c in profiles.competencies] * len(profiles)}


def cohort_sheet(rows: Sequence[Summary], s: ReportContext, *, persons: bool) -> Sheet:
    """Return states and means; without `persons` nothing that is about fewer than `SMALLEST` of them, and no quantiles."""
    columns: dict[str, list[SheetCell]] = {
        "competency": [row.competency.code for row in rows],
        "title": [row.competency.title.text(s.language) for row in rows],
    }
    shown = [persons or row.n >= SMALLEST or not row.n for row in rows]
    for k, state in enumerate(STATES):
        columns[s.t[state]] = [row.counts[k] if open_ else None for row, open_ in zip(rows, shown, strict=True)]
    for key in ("n", "mean", "error", "q05", "q95") if persons else ("n", "mean", "error"):
        columns[key] = [getattr(row, key) if open_ else None for row, open_ in zip(rows, shown, strict=True)]
    return sheet_of(s.t["sheet_cohort"], columns, s.language, 2)
