"""The workbook of a bank as an XLSX file: headings with notes, lists to choose from, wrapped text, a legend."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from competency_dx.arrays import value
from competency_dx.bank.framework import CompetencyFramework
from competency_dx.bank.workbook.sheet_plan import NUMBERED, SheetColumn, SheetPlan, sheet_plans, word
from competency_dx.bank.workbook.sheet_rows import FlatRow, rows_of, widths_of
from competency_dx.bank.workbook.xlsx_cells import address
from competency_dx.display import toml_content
from competency_dx.errors import require

READY = 1000
"""Rows down to which a sheet is formatted and has its lists."""
LONGEST = 32_767
WIDTH, PAGE_WIDTH, LINE_HEIGHT, MOST_LINES = 16, 240, 15, 24
MADE = datetime(1980, 1, 1)  # a fixed date: same input, same bytes
Line = Sequence[tuple[Any, Any]]
"""What stands in the cells of a row, with its format."""


@value
class BookContent:
    """What a workbook is written from: a bank as plain data, items that serve as examples, the framework of the lists."""

    bank: Mapping[str, Any]
    framework: CompetencyFramework
    examples: Mapping[str, Any]
    subject: str
    language: str


def workbook_of(content: BookContent) -> bytes:
    """Return the workbook as the bytes of an .xlsx file; the same content gives the same bytes."""
    try:
        import xlsxwriter  # type: ignore[import-untyped]  # it ships no types
    except ImportError:
        raise require("xlsxwriter", "io", ".xlsx") from None
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.set_properties({"title": str(content.bank["header"].get("id", "")), "created": MADE})
        _Pages(book, content).write()
    return out.getvalue()


class _Pages:
    """The sheets while they are written."""

    def __init__(self, book: Any, content: BookContent) -> None:  # noqa: ANN401 - of a library without types
        self.book, self.content, self.language = book, content, content.language
        self.said = toml_content("bank", "workbook")
        wrapped = {"text_wrap": True, "valign": "top"}
        self.head = book.add_format(
            {**wrapped, "bold": True, "bg_color": "#1F3A5F", "font_color": "#FFFFFF", "border": 1}
        )
        self.text = book.add_format({**wrapped, "num_format": "@"})
        self.number = book.add_format({**wrapped, "align": "left"})
        self.example = book.add_format({**wrapped, "num_format": "@", "italic": True, "font_color": "#7A7A7A"})
        self.lists: dict[str, str] = {}

    def write(self) -> None:
        """Write the legend, every sheet that the bank has a part for, and the lists to choose from."""
        plans = [p for p in sheet_plans() if p.at[0] in self.content.bank]
        names = {name: both[self.language] for name, both in self.said["aside"].items()}
        pages = {
            name: self.book.add_worksheet(title)
            for name, title in (
                ("legend", names["legend"]),
                *((plan.id, plan.title(self.language)) for plan in plans),
                ("lists", names["lists"]),
            )
        }
        self._lists(pages["lists"], plans)
        for plan in plans:
            (self._facts if plan.layout == "facts" else self._rows)(pages[plan.id], plan)
        self._fill(pages["legend"], (24, 34, 110), list(self._legend(plans)))
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
                    rows = (1 + len(part) // max(int(widths[k]), 1) for part in content.rstrip("\n").split("\n"))
                    tall = max(tall, sum(rows))
            page.set_row(at, LINE_HEIGHT * min(tall, MOST_LINES))
        for k, width in enumerate(widths):
            page.set_column(k, k, width)
        page.freeze_panes(1, 1)
        page.set_landscape()
        page.set_paper(9)
        page.fit_to_pages(1 + sum(widths) // PAGE_WIDTH, 0)

    def _rows(self, page: Any, plan: SheetPlan) -> None:  # noqa: ANN401
        examples = list(rows_of(plan, self.content.examples))
        rows = [*examples, *rows_of(plan, self.content.bank)]
        columns = [part for column in plan.columns for part in self._parts(column, rows)]
        lines: list[Line] = [[(column.heading(self.language), self.head) for column in columns]]
        for at, row in enumerate(rows):
            style = self.example if at < len(examples) else None
            lines.append([self._cell(column, row.get(column.path), style) for column in columns])
        self._fill(page, [int(c.words.get("width", WIDTH)) for c in columns], lines)
        for k, column in enumerate(columns):
            style = self.number if column.kind in {"integer", "number"} else self.text
            page.set_column(k, k, int(column.words.get("width", WIDTH)), style)
            page.write_comment(0, k, self._note(column), {"x_scale": 2, "y_scale": 1.2})
            self._choose(page, (1, k, READY - 1, k), column)
        page.autofilter(0, 0, max(len(rows), 1), len(columns) - 1)
        page.repeat_rows(0)

    def _parts(self, column: SheetColumn, rows: Sequence[FlatRow]) -> Iterable[SheetColumn]:
        """Return the columns of a column, as many as rows and template need."""
        if column.kind not in NUMBERED:
            return (column,)
        numbers = widths_of(column, rows, self.said["wide"][column.name])
        return (part for n in numbers for part in column.numbered(n))

    def _cell(self, column: SheetColumn, content: Any, style: Any) -> tuple[Any, Any]:  # noqa: ANN401
        """Return how a cell shows what it says; a number that the file would round is a text."""
        if isinstance(content, int | float):
            exact = style is None and float(f"{content:.16G}") == content
            return (content, self.number) if exact else (repr(content), style or self.text)
        if column.choices and content in column.choices:
            content = word(column, content, self.language)
        elif column.refers == "competency" and content in self.content.framework:
            content = f"{content} — {self.content.framework.title_of(content, self.language)}"
        return content, style or self.text

    def _facts(self, page: Any, plan: SheetPlan) -> None:  # noqa: ANN401
        row = next(iter(rows_of(plan, self.content.bank)), {})
        lines: list[Line] = [[(name, self.head) for name in self.said["legend"][f"facts_{self.language}"]]]
        for at, column in enumerate(plan.columns, start=1):
            content = self._cell(column, row.get(column.path), None)
            lines.append([(column.heading(self.language), self.text), content, (self._note(column), self.example)])
            self._choose(page, (at, 1, at, 1), column)
        self._fill(page, (34, 60, 80), lines)
        page.set_column(1, 1, 60, self.text)

    def _choose(self, page: Any, block: tuple[int, int, int, int], column: SheetColumn) -> None:  # noqa: ANN401
        """Let cells choose from a list; where a code may be written without its title it only advises."""
        own = f"{column.sheet}:{column.path}"
        name = own if own in self.lists else "b" if column.name == "b" else column.refers
        if name in self.lists and column.kind != "codes" and "=" not in column.path:
            page.data_validation(*block, {"validate": "list", "source": self.lists[name], "show_error": name == own})

    def _lists(self, page: Any, plans: Sequence[SheetPlan]) -> None:  # noqa: ANN401
        """Write what cells may hold, a list in each column, and keep where it stands."""
        framework = self.content.framework
        codes = [n.code for n in framework.nodes if not self.content.subject or self._near(n.code)]
        lists = {
            "competency": [f"{code} — {framework.title_of(code, self.language)}" for code in codes],
            "b": [both[self.language] for both in self.said["difficulty"]["words"].values()],
        }
        titles = {
            name: self.said["columns"][spec][self.language]
            for name, spec in (("competency", "competencies"), ("b", "b"))
        }
        for column in (c for plan in plans for c in plan.columns if c.choices):
            own = f"{column.sheet}:{column.path}"
            lists[own] = [word(column, c, self.language) for c in column.choices]
            titles[own] = column.heading(self.language)
        for k, (name, words) in enumerate(lists.items()):
            letter = address(1, k + 1).rstrip("1")
            page.write_column(0, k, [titles[name], *words], self.text)
            page.set_column(k, k, 60 if name == "competency" else 24)
            self.lists[name] = f"='{page.name}'!${letter}$2:${letter}${len(words) + 1}"
        for name, sheet in (("item", "items"), ("misconception", "misconceptions")):
            title = next(p.title(self.language) for p in plans if p.id == sheet)
            self.lists[name] = f"='{title}'!$A$2:$A${READY}"

    def _near(self, code: str) -> bool:
        """Return whether a competency belongs to the category of the subject, or to none."""
        *_, top = self.content.framework.lineage(code)
        *_, own = self.content.framework.lineage(self.content.subject)
        return top.kind != "category" or top.code == own.code

    def _legend(self, plans: Sequence[SheetPlan]) -> Iterable[Line]:
        """Yield the rows of the legend: how to fill the workbook in, then every column of every sheet."""
        yield [(name, self.head) for name in self.said["legend"][self.language]]
        for line in self.said["legend"][f"help_{self.language}"]:
            yield [(None, None), (None, None), (line, self.text)]
        for plan in plans:
            yield [(part, self.head) for part in (plan.title(self.language), "", plan.note(self.language))]
            for column in plan.columns:
                name = column.heading(self.language) + (" 1, 2, …" if column.kind in NUMBERED else "")
                parts = (plan.title(self.language), name, self._note(column))
                yield [(part, self.text) for part in parts]

    def _note(self, column: SheetColumn) -> str:
        words = ", ".join(word(column, c, self.language) for c in column.choices)
        needed = f"{self.said['legend'][f'needed_{self.language}']} " if column.needed else ""
        return needed + column.note(self.language) + (f" ({words})" if words else "")
