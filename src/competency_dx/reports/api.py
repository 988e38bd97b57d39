"""The verb of the room: write what a result says so that a person can open, print and pass it on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args
from urllib.parse import quote

from competency_dx.adaptive import NextItems
from competency_dx.competencies import DeficitProfiles
from competency_dx.errors import ReportError
from competency_dx.reports.cohort_page import cohort_view
from competency_dx.reports.files import Sheet, csv_bytes, file_names, frame_sheet, workbook_bytes
from competency_dx.reports.follow_up_form import form_sheets, form_view
from competency_dx.reports.person_page import person_view
from competency_dx.reports.profile_sheets import profile_sheets
from competency_dx.reports.report_context import Language, ReportContext, environment, render, report_context, strings
from competency_dx.reports.result_page import result_view
from competency_dx.result import Result

RESULT_FILES = {".html": "index.html", ".csv": "table.csv", ".xlsx": "table.xlsx", ".json": "result.json"}
PROFILE_FILES = {".html": "index.html", ".csv": "profiles.csv", ".xlsx": "profiles.xlsx", ".json": "profiles.json"}
FILES = tuple(RESULT_FILES)
NOT_WRITTEN = (".pdf", ".docx", ".doc", ".htm", ".xls", ".txt", ".md", ".tsv", ".parquet", ".pkl")
PERSONS = "persons"
MADE_HERE = 'name="generator" content="competency_dx"'


def report(result: Result, folder_or_file: str | Path, *, language: Language = "ru") -> Path:
    """Write a result as pages and tables that need neither this library nor a network to be read.

    Parameters
    ----------
    result : Result
        `DeficitProfiles` become a cohort page, one page per person and the tables ``profiles.csv``, ``.xlsx`` and
        ``.json``; `NextItems` become the follow-up form, a page to print and a workbook to fill in; any other result becomes
        one page with its summary, findings, pictures and table, and ``table.csv``, ``table.xlsx`` and ``result.json``.
    folder_or_file : str or Path
        A folder, which may exist and keeps what else is in it; or a file ending in .html, .csv, .xlsx or .json, and
        only this one is written.
    language : {"ru", "en"}
        Language of pages and workbook, and decimal comma or point in the CSV.

    Returns
    -------
    Path
        What a person would open: ``index.html`` of the folder, or the file.

    Raises
    ------
    ReportError
        When the result, the language or the ending of the file is none of these.
    MissingDependencyError
        When jinja2, matplotlib or xlsxwriter is needed and not installed.
    """
    target = _check(result, folder_or_file, language)
    s = report_context(result, language) if isinstance(result, DeficitProfiles) else None
    if target.suffix.lower() in FILES and not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_single(result, target.suffix.lower(), language, s, {}))
        return target
    environment()
    pages = file_names(map(str, result.persons)) if isinstance(result, DeficitProfiles) else {}
    names = PROFILE_FILES if isinstance(result, DeficitProfiles) else RESULT_FILES
    links = {person: f"{PERSONS}/{quote(name)}.html" for person, name in pages.items()}
    files = {name: _single(result, suffix, language, s, links) for suffix, name in names.items()}
    if isinstance(result, DeficitProfiles) and s is not None:
        for profile in result:
            values = {"v": person_view(profile, s), "s": s, "back": "../index.html"}
            files[f"{PERSONS}/{pages[profile.person]}.html"] = render("person.html", language, values).encode()
    _forget(target / PERSONS, set(files))
    for name, content in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return target / "index.html"


def _forget(folder: Path, kept: set[str]) -> None:
    """Remove the pages of an earlier report on persons who are not in this one; other files stay."""
    for page in folder.glob("*.html") if folder.is_dir() else ():
        if (
            f"{folder.name}/{page.name}" not in kept
            and MADE_HERE in page.read_text(encoding="utf-8", errors="replace")[:400]
        ):
            page.unlink()


def _check(result: object, folder_or_file: str | Path, language: object) -> Path:
    if language not in get_args(Language):
        raise ReportError(f"There is no report in language {language!r}; choose 'ru' or 'en'")
    if not isinstance(result, Result):
        raise ReportError(
            f"Expected a result of this library (profiles, scores, a calibration, a bank …), got {type(result).__name__}; "
            "take one person's page from report(profiles, folder)"
        )
    target = Path(folder_or_file)
    if target.suffix.lower() in NOT_WRITTEN and not target.is_dir():
        raise ReportError(
            f"A report is not written as {target.suffix}: name a folder or a file ending in {', '.join(FILES)}; "
            "for PDF print the HTML page"
        )
    if target.is_file() and target.suffix.lower() not in FILES:
        raise ReportError(f"{target.name} is a file; name a folder, or a file ending in {', '.join(FILES)}")
    return target


def _single(
    result: Result, suffix: str, language: Language, s: ReportContext | None, links: Mapping[str, str]
) -> bytes:
    """Return the one file with this ending; profiles bring the context of their report and links to pages of persons."""
    if suffix == ".json":
        return result.to_json().encode()
    if suffix == ".csv":
        return csv_bytes(result.to_frame(), language)
    if suffix == ".xlsx":
        return workbook_bytes(*_sheets(result, language, s))
    if isinstance(result, DeficitProfiles) and s is not None:
        template, view = "cohort.html", {"v": cohort_view(result, s, links), "s": s}
    elif isinstance(result, NextItems):
        template, view = "form.html", {"v": form_view(result, language)}
    else:
        template, view = "result.html", {"v": result_view(result, language)}
    return render(template, language, view).encode()


def _sheets(result: Result, language: Language, s: ReportContext | None) -> tuple[Sequence[Sheet], str]:
    """Return the sheets of a workbook and its title."""
    t = strings(language)
    if isinstance(result, DeficitProfiles) and s is not None:
        return profile_sheets(result, s), t["cohort_title"]
    if isinstance(result, NextItems):
        return form_sheets(result, language), t["form_title"]
    return [frame_sheet(t["sheet_table"], result.to_frame(), {})], next(iter(result.summary()), result.kind)
