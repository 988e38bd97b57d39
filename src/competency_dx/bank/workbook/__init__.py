"""The workbook in which a bank is written, as an XLSX file: a template, a bank into a workbook, a workbook into a bank.

Its sheets have headings with notes, lists to choose from, wrapped text, a legend.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from competency_dx.bank.api import load_framework
from competency_dx.bank.bank_file import read_yaml
from competency_dx.bank.framework import SHARED, CompetencyFramework, is_shipped
from competency_dx.bank.item_bank import ItemBank
from competency_dx.bank.workbook.from_sheets import bank_of
from competency_dx.bank.workbook.sheet_plan import NUMBERED, FlatRow, SheetColumn, SheetPlan, sheet_plans
from competency_dx.bank.workbook.sheet_reading import CellFaults, address, read_grids, typed_rows
from competency_dx.display import toml_content
from competency_dx.errors import BankError, checked, needing
from competency_dx.result import encode_fields
from competency_dx.storage import reading, whole_file, write_whole

WorkbookLanguage = Literal["ru", "en"]
EXAMPLES = Path(__file__).with_name("examples.yaml")
READY = 1000
"""Rows down to which a sheet is formatted and has its lists."""
LONGEST = 32_767
WIDTH, PAGE_WIDTH, LINE_HEIGHT, MOST_LINES = 16, 240, 15, 24
MADE = datetime(1980, 1, 1)  # a fixed date: same input, same bytes
Line = Sequence[tuple[Any, Any]]
"""What stands in the cells of a row, with its format."""


@checked(BankError)
def load_bank_workbook(path: str | Path) -> ItemBank:
    """Read the bank that was written in a workbook.

    Spaces at the ends of codes, look-alike letters of the two alphabets, decimal commas and words of the lists in either
    language are read where they mean one thing. Rows of examples are not read.
    Raises `BankError` with every fault of the workbook, each with its cell (``Задания!F12``), what was expected and how to mend
    it. Raises `StorageError` when the file cannot be read.
    """
    path, faults = Path(path), CellFaults()
    with reading(path, BankError):
        bank = bank_of(typed_rows(read_grids(path), faults), faults)
    if bank is None or faults.said:
        raise BankError("bank.workbook_faults", path=path, n=len(faults.said), faults={at: faults.text(at) for at in ("ru", "en")})
    return bank


@checked(BankError)
def save_bank_workbook(bank: ItemBank, path: str | Path, *, language: WorkbookLanguage = "ru") -> Path:
    """Write a bank as a workbook; `load_bank_workbook` gives the same bank.

    Raises `BankError` when something in the bank cannot be told by cells, such as a text longer than a cell holds; nothing is
    written. Raises `StorageError` when the file cannot be written.
    """
    plain: dict[str, Any] = encode_fields(bank)
    if is_shipped(bank.framework):
        del plain["framework"]
    subject = bank.header.subject if bank.header.subject in bank.framework else ""
    book = _Pages(plain, bank.framework, subject=subject, language=language)
    with whole_file(_named(path)) as draft:
        draft.write_bytes(book.workbook())
        if lost := _lost(bank, draft):
            raise BankError("bank.workbook_loses", id=bank.id, places=lost)
    return Path(path)


@checked(BankError)
def save_bank_template(path: str | Path, *, subject: str = "", language: WorkbookLanguage = "ru") -> Path:
    """Write an empty workbook for a new bank, with an example item of each type that is not read.

    The name of the file without its ending is the id of the bank; lists hold the competencies of the `subject` only, a code of the
    framework such as ``"MAT"``; headings, notes and lists are in the `language`.
    Raises `BankError` when the framework has no such subject.
    """
    framework = load_framework("teacher")
    if subject:
        framework.node(subject)
    header = {"schema_version": 3, "id": _named(path).stem, "version": "0.1.0", "subject": subject, "language": language}
    header |= {"framework": {"id": framework.id, "version": framework.version}, "reference_set": "all"}
    bank, examples = {"header": header, "items": [], "parameters": []}, read_yaml(EXAMPLES)[language]
    return write_whole(path, _Pages(bank, framework, subject=subject, language=language, examples=examples).workbook())


def _named(path: str | Path) -> Path:
    if Path(path).suffix.lower() != ".xlsx":
        raise BankError("bank.workbook_name", path=path)
    return Path(path)


def _lost(bank: ItemBank, path: Path) -> list[str]:
    """Return where the bank of a workbook differs from the one it was written from."""
    try:
        again = load_bank_workbook(path)
    except BankError as fault:
        return [fault.text("en")]
    out = [name for name in ("header", "framework") if getattr(bank, name) != getattr(again, name)]
    if [i.id for i in again.items] != [i.id for i in bank.items]:
        return [*out, "items"]
    out += [a.id for a, b in zip(bank.items, again.items, strict=True) if a != b]
    records = [(r.item, r.model_copy(update={"se_b": r.se_b or (None,) * len(r.b)})) for r in bank.parameters]
    return [*out, *(i for (i, a), b in zip(records, again.parameters, strict=True) if a != b)]


class _Pages:
    """The sheets of a bank, given as plain data, with items that serve as examples; lists hold codes of the framework."""

    def __init__(
        self, bank: Mapping[str, Any], framework: CompetencyFramework, *, subject: str, language: str, examples: Sequence[Any] = ()
    ) -> None:
        self.bank, self.framework, self.subject, self.language, self.examples = bank, framework, subject, language, examples
        self.said, self.lists = toml_content("bank", "workbook"), dict[str, str]()
        self.plans = [plan for plan in sheet_plans() if plan.at[0] in bank]

    def workbook(self) -> bytes:
        """Return the workbook as the bytes of an .xlsx file; the same content gives the same bytes."""
        with needing("xlsxwriter", "io", ".xlsx"):
            import xlsxwriter  # type: ignore[import-untyped]  # it ships no types
        out = io.BytesIO()
        with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
            book.set_properties({"title": str(self.bank["header"].get("id", "")), "created": MADE})
            self.styles = {name: book.add_format(style) for name, style in self.said["styles"].items()}
            self._write(book)
        return out.getvalue()

    def _write(self, book: Any) -> None:  # noqa: ANN401 - of a library without types
        """Write the legend, every sheet that the bank has a part for, and the lists to choose from."""
        aside = {name: both[self.language] for name, both in self.said["aside"].items()}
        titles = {"legend": aside["legend"], **{p.id: p.words[self.language] for p in self.plans}, "lists": aside["lists"]}
        pages = {name: book.add_worksheet(title) for name, title in titles.items()}
        self._lists(pages["lists"], titles)
        for plan in self.plans:
            (self._facts if plan.layout == "facts" else self._rows)(pages[plan.id], plan)
        self._fill(pages["legend"], (24, 34, 110), list(self._legend()))
        pages["bank"].activate()

    def _fill(self, page: Any, widths: Sequence[int], lines: Sequence[Line]) -> None:  # noqa: ANN401
        """Write the rows, each as high as its longest text is at the width of its column."""
        for at, line in enumerate(lines):
            tall = 1
            for k, (content, style) in enumerate(line):
                if isinstance(content, int | float):
                    page.write_number(at, k, content, style)
                elif content is not None:
                    page.write_string(at, k, content[:LONGEST], style)
                    tall = max(tall, sum(1 + len(part) // max(widths[k], 1) for part in content.rstrip("\n").split("\n")))
            page.set_row(at, LINE_HEIGHT * min(tall, MOST_LINES))
        for k, width in enumerate(widths):
            page.set_column(k, k, width)
        page.freeze_panes(1, 1)
        page.set_landscape()
        page.set_paper(9)
        page.fit_to_pages(1 + sum(widths) // PAGE_WIDTH, 0)

    def _rows(self, page: Any, plan: SheetPlan) -> None:  # noqa: ANN401
        examples = list(plan.rows({"items": self.examples}))
        rows = [*examples, *plan.rows(self.bank)]
        columns = [part for column in plan.columns for part in self._parts(column, rows)]
        widths = [int(column.words.get("width", WIDTH)) for column in columns]
        lines: list[Line] = [[(column.heading(self.language), self.styles["head"]) for column in columns]]
        for at, row in enumerate(rows):
            style = self.styles["example"] if at < len(examples) else None
            lines.append([self._cell(column, row.get(column.path), style) for column in columns])
        self._fill(page, widths, lines)
        for k, column in enumerate(columns):
            page.set_column(k, k, widths[k], self.styles["number" if column.kind in {"integer", "number"} else "text"])
            page.write_comment(0, k, self._note(column), {"x_scale": 2, "y_scale": 1.2})
            self._choose(page, (1, k, READY - 1, k), column)
        page.autofilter(0, 0, max(len(rows), 1), len(columns) - 1)
        page.repeat_rows(0)

    def _parts(self, column: SheetColumn, rows: Sequence[FlatRow]) -> tuple[SheetColumn, ...]:
        """Return the columns of a column, as many as rows and template need."""
        if column.kind not in NUMBERED:
            return (column,)
        first = 0 if column.kind == "levels" else 1
        taken = [int(path.rpartition(".")[2]) for row in rows for path in row if path.rpartition(".")[0] == column.path]
        last = max([*taken, first + self.said["wide"][column.name] - 1])
        return tuple(part for n in range(first, last + 1) for part in column.numbered(n))

    def _cell(self, column: SheetColumn, content: Any, style: Any = None) -> tuple[Any, Any]:  # noqa: ANN401
        """Return how a cell shows what it says; a number that the file would round is a text."""
        framework, text = self.framework, style or self.styles["text"]
        if isinstance(content, int | float):
            exact = style is None and float(f"{content:.16G}") == content
            return (content, self.styles["number"]) if exact else (repr(content), text)
        if column.choices and content in column.choices:
            content = column.word(content, self.language)
        elif column.refers == "competency" and content in framework:
            content = f"{content} — {framework.title_of(content, self.language)}"
        return content, text

    def _facts(self, page: Any, plan: SheetPlan) -> None:  # noqa: ANN401
        row, text, example = next(plan.rows(self.bank), {}), self.styles["text"], self.styles["example"]
        lines: list[Line] = [[(name, self.styles["head"]) for name in self.said["legend"][f"facts_{self.language}"]]]
        for at, column in enumerate(plan.columns, start=1):
            content = self._cell(column, row.get(column.path))
            lines.append([(column.heading(self.language), text), content, (self._note(column), example)])
            self._choose(page, (at, 1, at, 1), column)
        self._fill(page, (34, 60, 80), lines)
        page.set_column(1, 1, 60, text)

    def _choose(self, page: Any, block: tuple[int, int, int, int], column: SheetColumn) -> None:  # noqa: ANN401
        """Let cells choose from a list; where a code may be written without its title it only advises."""
        own = f"{column.sheet}:{column.path}"
        name = own if own in self.lists else "b" if column.name == "b" else column.refers
        if name in self.lists and column.kind != "codes" and "=" not in column.path:
            page.data_validation(*block, {"validate": "list", "source": self.lists[name], "show_error": name == own})

    def _lists(self, page: Any, titles: Mapping[str, str]) -> None:  # noqa: ANN401
        """Write what cells may hold, a list in each column under its heading, and keep where it stands."""
        framework, subject, named = self.framework, self.subject, self.said["columns"]
        near = {SHARED, [*framework.lineage(subject)][-1].code} if subject else set()
        tops = [(n.code, [*framework.lineage(n.code)][-1]) for n in framework.nodes if not n.replaced_by]
        codes = [code for code, top in tops if not subject or top.kind != "category" or top.code in near]  # of none, or of these
        competencies = [f"{code} — {framework.title_of(code, self.language)}" for code in codes]
        judged = [both[self.language] for both in self.said["difficulty"]["words"].values()]
        lists = {"competency": [named["competencies"][self.language], *competencies], "b": [named["b"][self.language], *judged]}
        for column in (column for plan in self.plans for column in plan.columns if column.choices):
            words = [column.word(choice, self.language) for choice in column.choices]
            lists[f"{column.sheet}:{column.path}"] = [column.heading(self.language), *words]
        for k, (name, cells) in enumerate(lists.items()):
            letter = address(1, k + 1).rstrip("1")
            page.write_column(0, k, cells, self.styles["text"])
            page.set_column(k, k, 60 if name == "competency" else 24)
            self.lists[name] = f"='{page.name}'!${letter}$2:${letter}${len(cells)}"
        for name, sheet in (("item", "items"), ("misconception", "misconceptions")):
            self.lists[name] = f"='{titles[sheet]}'!$A$2:$A${READY}"

    def _legend(self) -> Iterator[Line]:
        """Yield the rows of the legend: how to fill the workbook in, then every column of every sheet."""
        head, text = self.styles["head"], self.styles["text"]
        yield [(name, head) for name in self.said["legend"][self.language]]
        for line in self.said["legend"][f"help_{self.language}"]:
            yield [(None, None), (None, None), (line, text)]
        for plan in self.plans:
            title = plan.words[self.language]
            yield [(part, head) for part in (title, "", plan.words[f"note_{self.language}"])]
            for column in plan.columns:
                name = column.heading(self.language) + (" 1, 2, …" if column.kind in NUMBERED else "")
                yield [(part, text) for part in (title, name, self._note(column))]

    def _note(self, column: SheetColumn) -> str:
        words = ", ".join(column.word(choice, self.language) for choice in column.choices)
        needed = f"{self.said['legend'][f'needed_{self.language}']} " if column.needed else ""
        return needed + column.note(self.language) + (f" ({words})" if words else "")
