"""The verb of the room: write what a result says so that a person can open, print and pass it on."""

import re
from collections.abc import Sequence
from concurrent.futures import Executor
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from competency_dx.bank import refuse_self_report
from competency_dx.display import toml_content
from competency_dx.errors import ReportError, checked
from competency_dx.reports.files import csv_parts, write_workbook
from competency_dx.reports.pages import Language, Written, environment
from competency_dx.result import DataFrame, Result
from competency_dx.storage import whole_file, whole_folder

Shown = Literal["persons", "aggregates"]
FILES = (".html", ".csv", ".xlsx", ".json", ".docx", ".pdf")
NOT_WRITTEN = re.compile(r"\.(?:[a-z]{2,5}\d?|parquet|pickle|feather|sqlite|7z)", re.IGNORECASE)
"""Endings of files; folders may be called ``2026.09`` or ``schools.v2``."""
LONGEST_PRINT = 1000  # pages of a .docx or .pdf, each of which takes some 7 MB while it is set
MADE_HERE = 'name="generator" content="competency_dx"'


@checked(ReportError)
def report(
    result: Result | Sequence[Result],
    folder_or_file: str | Path,
    *,
    language: Language = "ru",
    show: Shown = "persons",
    executor: Executor | None = None,
    demand: Sequence[DataFrame] = (),
) -> Path:
    """Write a result as pages and tables that need neither this library nor a network to be read.

    Returns what a person would open: ``index.html`` of the folder, or the file. Raises `ReportError` when the result, the language or
    the ending of the file is none of these, aggregates would be of fewer than ten persons, or a .docx or .pdf of more than 1,000.
    Raises `StorageError` when the place cannot be written or another process is writing it; what stood there stands there still. Raises
    `MissingDependencyError` when jinja2, matplotlib, xlsxwriter, python-docx or typst is needed and not installed.

    Parameters
    ----------
    result : Result, or sequence of GroupReport. `DeficitProfiles` become a cohort page and one page per person; `GroupReport` the pages
        of a region, its municipalities and schools; `Routes` the demand for programmes and a draft for each person; `Decisions` the
        protocol and an extract for each person; `Growth`, `ItemBank` (its technical passport), `ItemAnalysis` and any other result one
        page; `NextItems` the follow-up form. Tables stand beside them: ``profiles.csv``, ``.xlsx`` and ``.json``, or ``table.csv``,
        ``table.xlsx`` and ``result.json``. Reports on groups of several categories of teachers, each with its own bank, become one page
        that compares none of them and sums what is needed (`groups.total_demand`), with a folder of pages for each; no JSON.
    folder_or_file : A folder, which may exist, keeps what else is in it and is exchanged as a whole; or a file ending in .html, .csv,
        .xlsx, .json, .docx or .pdf, and only this one is written. A .docx or .pdf has all pages one after the other, of
        `DeficitProfiles` those of the persons.
    language : Language of pages and workbook, and decimal comma or point in the CSV.
    show : Aggregates are written of profiles: the cohort page, a page for each group and ``cohort.csv`` and ``.xlsx``; of a growth: its
        page, ``programmes.csv`` and ``.xlsx``. No person and nothing about fewer than ten stands in these or can be computed from them
        (`kernels.suppression`). What an earlier report with persons wrote into the folder is removed.
    executor : Where the pages of persons are made (processes; threads gain nothing); None is here, one after the other. The files have
        the same bytes.
    demand : Beside reports on several categories: the tables of `Routes.demand`, one for each in their order.
    """
    one = result if isinstance(result, Result) and not len(demand) else None
    target = target_of(folder_or_file, "aggregates" if one is None else show)
    if one is None:
        from competency_dx.reports.outcome_pages import categories_report

        written = categories_report([result] if isinstance(result, Result) else result, demand, language)
    else:
        written = _written(one, language, show, executor)
    if (suffix := target.suffix.lower()) in FILES and not target.is_dir():
        with whole_file(target) as draft:
            _write(draft, suffix, language, written, alone=True)
        return target
    environment()
    document = "result" if written.table == "table" else written.table
    names = {".html": "index.html", ".csv": f"{written.table}.csv", ".xlsx": f"{written.table}.xlsx", ".json": f"{document}.json"}
    if show == "aggregates" or one is None:
        names.pop(".json")
    earlier = _is_page(target / "index.html")
    with whole_folder(target, replaced=lambda path: _is_ours(target, path, show) if earlier else False) as new:
        for name, content in written.further():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(content)
        for suffix, name in names.items():
            _write(new / name, suffix, language, written, alone=False)
    return target / "index.html"


def _written(result: Result, language: Language, show: Shown, executor: Executor | None) -> Written:
    """Return how a result of this kind is written; what that takes is imported only when there is such a result."""
    if result.kind == "responses":
        refuse_self_report(result)
    makers = toml_content("reports", "makers")[show]
    if show == "aggregates" and result.kind not in makers:
        raise ReportError("reports.aggregates_of", given=type(result).__name__)
    if result.kind == "deficit_profiles" and not len(getattr(result, "persons", ())):
        raise ReportError("reports.nobody")
    module, name = makers.get(result.kind, ("result_page", "result_report"))
    own: dict[str, dict[str, Any]] = {"profile_report": {"executor": executor}, "growth_report": {"persons": show == "persons"}}
    made: Written = getattr(import_module(f"competency_dx.reports.{module}"), name)(result, language, **own.get(name, {}))
    if made.frames is tuple:
        made = made._replace(frames=lambda: [result.to_table(language)])
    return made if made.document is not tuple else made._replace(document=lambda: [result.to_json()])


def _is_page(path: Path) -> bool:
    """Tell whether a file is a page that this library wrote."""
    if path.suffix != ".html" or not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as page:
        return MADE_HERE in page.read(400)


def _is_ours(folder: Path, name: str, show: Shown) -> bool:
    """Tell whether a file is from an earlier report on a cohort: of a person or group that may not be in this one, or a table."""
    place = Path(name)
    if place.parent.name in {"persons", "groups"}:
        return _is_page(folder / place)
    stems = {"profiles", "cohort", *(["table", "result"] if show == "aggregates" else [])}
    return len(place.parts) == 1 and place.stem in stems and place.suffix in FILES[1:]


def target_of(folder_or_file: str | Path, show: Shown = "persons") -> Path:
    """Return the place of a report; raises `ReportError` when its ending is of no file that a report can be."""
    target = Path(folder_or_file)
    if NOT_WRITTEN.fullmatch(target.suffix) and target.suffix.lower() not in FILES and not target.is_dir():
        raise ReportError("reports.ending", suffix=target.suffix, files=FILES)
    if show == "aggregates" and target.suffix.lower() == ".json" and not target.is_dir():
        raise ReportError("reports.aggregates_json", target=target.name)
    if target.is_file() and target.suffix.lower() not in FILES:
        raise ReportError("reports.not_a_folder", target=target.name, files=FILES)
    return target


def _write(file: Path, suffix: str, language: Language, written: Written, *, alone: bool) -> None:
    """Write the one file with this ending; `alone` means that no other file stands beside it."""
    with file.open("wb") as out:
        if suffix == ".json":
            out.writelines(part.encode() for part in written.document())
        elif suffix == ".csv":
            out.writelines(csv_parts(written.frames(), language))
        elif suffix in {".docx", ".pdf"}:
            from competency_dx.reports.prints import pages_docx, pages_pdf

            first = [written.page(False)] if written.leads else []  # noqa: FBT003 - of a callable
            pages = [*first, *(content.decode() for name, content in written.further() if name.endswith(".html"))]
            if len(pages) > LONGEST_PRINT:
                raise ReportError("reports.too_long", pages=len(pages), most=LONGEST_PRINT, suffix=suffix)
            out.write((pages_docx if suffix == ".docx" else pages_pdf)(pages, language))
        elif suffix == ".xlsx":
            write_workbook(out, *written.sheets())
        else:
            out.write(written.page(not alone).encode())
