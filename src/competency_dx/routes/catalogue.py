"""Catalogues of programmes: what each brings to which competency, for whom, when, in how many hours, at what price."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from competency_dx.bank import CompetencyFramework, Document, Text, load_framework, locate, parse, read_yaml, shipped_folder
from competency_dx.errors import BankError, CompetencyDxError, RouteError, checked, needing, phrase, repeated
from competency_dx.responses import read_table
from competency_dx.result import digest_document
from competency_dx.storage import reading, write_whole
from competency_dx.wording import toml_content

DOCUMENTS = (".yaml", ".yml", ".json")
NAMED = {"catalogue": "id", "catalogue_title": "title"}  # columns of the catalogue and its fields, where they are not called the same
VERSION = {"ru": "версия", "en": "version"}
READY, MADE = 2000, datetime(1980, 1, 1)  # rows with lists to choose from; a fixed date: same input, same bytes
SIZES = ("hours", "seats", "price", "gain", "target")
DAYS = (re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})"), re.compile(r"(\d{4}-\d\d-\d\d)[ T]00:00(:00)?"))


class Effect(Document):
    """What a programme brings to a competency: at most `gain` points of percent, and nobody beyond `target`."""

    competency: str
    gain: float = Field(gt=0, le=100)
    target: float = Field(default=100, gt=0, le=100)
    status: Literal["assumed", "measured"] = "assumed"


class Programme(Document):
    """An entry of a catalogue; without `seats` everybody finds a place, without `categories` it is for all."""

    id: str = Field(min_length=1)
    title: Text
    kind: Literal["programme", "internship", "mentoring", "community", "self_study"]
    hours: float = Field(gt=0)
    format: Literal["in_person", "online", "mixed"] = "online"
    start: date | None = None
    end: date | None = None
    seats: int | None = Field(default=None, ge=0)
    price: float = Field(default=0, ge=0)
    layer: Literal["core", "typical", "regional"] = "regional"
    registry_id: str = ""
    categories: tuple[str, ...] = ()
    brings: tuple[Effect, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.start is None) != (self.end is None) or (self.start and self.end and self.start > self.end):
            raise RouteError("routes.dates", programme=self.id, start=str(self.start), end=str(self.end))
        if twice := repeated(effect.competency for effect in self.brings):
            raise RouteError("routes.twice", id=self.id, twice=twice)
        return self

    @property
    def reversible(self) -> bool:
        """Return whether it can be left at any time."""
        return self.kind in {"mentoring", "community", "self_study"}

    def precedes(self, other: "Programme") -> bool:
        """Return whether it ends before the other starts, by their dates."""
        return self.end is not None and other.start is not None and self.end < other.start

    def overlaps(self, other: "Programme") -> bool:
        """Return whether the dates of both have a day in common."""
        return None not in {self.start, other.start} and not self.precedes(other) and not other.precedes(self)


class Catalogue(Document):
    """Programmes whose competencies are codes of `framework`, a shipped one by name or a YAML file by path; none before `since`."""

    schema_version: Literal[1] = 1
    id: str = Field(min_length=1)
    version: str
    title: Text
    note: Text | None = None
    framework: str = "teacher"
    synthetic: bool = False
    since: date | None = None
    programmes: tuple[Programme, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        if twice := repeated(p.id for p in self.programmes):
            raise RouteError("routes.twice", id=self.id, twice=twice)
        return self

    def strange(self, framework: CompetencyFramework) -> list[tuple[tuple[object, ...], str, str]]:
        """Return the competencies that are not in a framework and the categories that are none of it: place, programme, code."""
        kinds, every = {n.code: n.kind for n in framework.nodes if not n.replaced_by}, [*enumerate(self.programmes)]
        brought = [((k, "brings", j, "competency"), one.id, e.competency) for k, one in every for j, e in enumerate(one.brings)]
        meant = [((k, "categories"), one.id, code) for k, one in every for code in one.categories]
        return [x for x in brought if x[-1] not in kinds] + [x for x in meant if kinds.get(x[-1]) != "category"]

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the content."""
        return digest_document(self.model_dump(mode="json", exclude_none=True))


def day_text(day: date | str, language: str) -> str:
    """Return a day as it is written in a language, a text as it is."""
    return f"{day:%d.%m.%Y}" if language == "ru" and isinstance(day, date) else f"{day}"


@checked(BankError)
def load_catalogue(name_or_path: str | Path, *, since: date | None = None) -> Catalogue:
    """Load a catalogue: a shipped one by name (``"synthetic"``), a YAML or JSON document or a table (.csv, .xlsx …) by path.

    A table has a row for each competency of each programme: columns are the fields of `Programme` and `Effect`, titles in
    ``title_ru`` and ``title_en``, several categories in one cell, divided by commas; what a programme has in each row is the same.
    What the catalogue is called, its version and framework may stand in columns too. Headings and words may be Russian. Routes leave
    out programmes that begin before `since`. Raises `BankError` when there is no such catalogue, it is not well formed, rows contradict
    each other, or its framework lacks a code; the place is named, in a table by row and programme.
    """
    shipped = tuple(sorted(p.stem for p in (shipped_folder() / "catalogues").glob("*.yaml")))
    path = locate(name_or_path, within="catalogues/{}.yaml", shipped=shipped, what="bank.what_catalogue")
    with reading(path, RouteError):
        table = None if path.suffix in DOCUMENTS else CatalogueTable(path)
        plain, place = (table.document(), table.place) if table else (read_yaml(path), None)
        out = parse(Catalogue, plain, str(path), place)
    if strange := out.strange(load_framework(out.framework)):
        told = [phrase("routes.code", at=place(("", *at)) if place else one, code=code) for at, one, code in strange]
        raise BankError("routes.codes", path=path, framework=out.framework, strange=told)
    return out.model_copy(update={"since": since}) if since else out


@checked(BankError)
def save_catalogue_workbook(catalogue: Catalogue, path: str | Path, *, language: Literal["ru", "en"] = "ru") -> Path:
    """Write a catalogue as a workbook to fill in, with lists to choose from and notes; `load_catalogue` reads the same one.

    Raises `BankError` when the name does not end in .xlsx or something in the catalogue cannot be told by cells; nothing is written.
    """
    if Path(path).suffix.lower() != ".xlsx":
        raise BankError("routes.workbook_name", path=path)
    content = _workbook(catalogue, language)
    with TemporaryDirectory() as folder:
        try:
            again = load_catalogue(write_whole(Path(folder) / "catalogue.xlsx", content))
        except CompetencyDxError as fault:
            lost = [fault.text(language)]
        else:
            lost = [one.id for one in catalogue.programmes if one not in again.programmes] or [catalogue.id] * (again != catalogue)
    if lost:
        raise BankError("routes.workbook_loses", id=catalogue.id, places=lost)
    return write_whole(path, content)


def _workbook(catalogue: Catalogue, language: str) -> bytes:
    """Return the bytes of a workbook; the same content gives the same."""
    with needing("xlsxwriter", "io", ".xlsx"):
        import xlsxwriter  # type: ignore[import-untyped]  # it ships no types
    said, framework, out = toml_content("routes", "table"), load_framework(catalogue.framework), io.BytesIO()
    rows = [*_table_rows(catalogue)]

    def shown(field: str, content: Any) -> Any:  # noqa: ANN401 - whatever a cell holds
        if words := said["cells"].get(field):
            code = f"{content}".lower()
            return words[code][0] if language == "ru" else code
        if isinstance(content, int | float):
            return content if float(f"{content:.15G}") == content else repr(content)  # a spreadsheet would round it
        if field == "version":  # 1.0 alone would be read as a number
            return f"{VERSION[language]} {content}"
        titled = field == "competency" and content in framework
        return f"{content} — {framework.title_of(content, language)}" if titled else day_text(content, language)

    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.set_properties({"title": catalogue.id, "created": MADE})
        page, head = book.add_worksheet(), book.add_format({"bold": True, "text_wrap": True, "bottom": 1})
        text, number = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"}), book.add_format({"valign": "top"})
        for k, (field, spellings) in enumerate(said["columns"].items()):
            page.set_column(k, k, said["widths"].get(field, 14), number if field in SIZES else text)
            page.write_string(0, k, spellings[0].capitalize() if language == "ru" else field, head)
            if note := said["notes"].get(field):
                page.write_comment(0, k, note[language], {"x_scale": 2})
            if words := said["cells"].get(field):
                page.data_validation(1, k, READY, k, {"validate": "list", "source": [shown(field, code) for code in words]})
            for n, row in enumerate(rows, start=1):
                if (content := row.get(field)) not in {None, ""}:
                    cell = shown(field, content)
                    (page.write_string if isinstance(cell, str) else page.write_number)(n, k, cell)
        page.freeze_panes(1, 2)
    return out.getvalue()


def _table_rows(catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    """Yield a row for each competency of each programme, the first with what is said of the catalogue."""
    names = {name: field for field, name in NAMED.items()}
    facts = {names.get(name, name): x for name, x in catalogue.model_dump(exclude={"programmes"}).items()}
    for one in catalogue.programmes:
        for effect in one.brings:
            row, facts = facts | one.model_dump() | effect.model_dump() | {"categories": ", ".join(one.categories)}, {}
            texts = [(name, text) for name, text in row.items() if isinstance(text, dict)]
            yield row | {f"{name}_{language}": words for name, text in texts for language, words in text.items()}


class CatalogueTable:
    """A table of programmes: its `rows` by field, which say what `of` a programme, `lines` of the sheet, `headings` by field."""

    def __init__(self, path: Path) -> None:
        table, self.path, self.words = read_table(path, public=True), path, toml_content("routes", "table")
        named = {s: field for field, spellings in self.words["columns"].items() for s in (field, *spellings)}
        fields = {name: named.get(" ".join(name.casefold().split()), "") for name in table.columns}
        if strange := [name for name, field in fields.items() if not field]:
            expected = {"ru": "; ".join(x[0] for x in self.words["columns"].values()), "en": "; ".join(self.words["columns"])}
            raise BankError("routes.headings", path=path, strange=strange, expected=expected)
        if twice := repeated(fields.values()):
            raise BankError("routes.twice", id=path.name, twice=twice)
        self.lines, self.headings = table.lines, {field: name for name, field in fields.items()}
        cells = zip(*(c.texts().tolist() for c in table.columns.values()), strict=True)
        self.rows = [{name: cell for name, cell in zip(fields.values(), row, strict=True) if cell} for row in cells]
        self.of: dict[str, list[int]] = {}
        for n, row in enumerate(self.rows):
            self.of.setdefault(row.get("id", ""), []).append(n)

    def document(self) -> dict[str, object]:
        """Return the document that the table says, the catalogue named after the file."""
        every, whole = dict[str, dict[str, Any]](), dict[str, Any]()
        own = {*Programme.model_fields, *Effect.model_fields, "title_ru", "title_en"}
        for n, row in enumerate(self.rows):
            said = {field: self._read(field, cell, n) for field, cell in row.items()}
            one = every.setdefault(row.get("id", ""), {"brings": []})
            one["brings"].append({x: said.pop(x) for x in Effect.model_fields if x in said})
            known = {field: (one if field in own else whole).setdefault(field, x) for field, x in said.items()}
            if wrong := [field for field in said if known[field] != said[field]]:
                raise BankError("routes.contradiction", path=self.path, place=self._at(n, wrong[0]), given=row[wrong[0]])
        for of, name in ((whole, "catalogue_title"), (whole, "note"), *((one, "title") for one in every.values())):
            if text := {language: of.pop(f"{name}_{language}") for language in ("ru", "en") if f"{name}_{language}" in of}:
                of[name] = text
        facts = {NAMED.get(name, name): x for name, x in whole.items()}
        usual = {"id": self.path.stem, "version": digest_document([*every.values()]), "title": {"ru": self.path.stem}}
        return usual | facts | {"programmes": [*every.values()]}

    def _read(self, field: str, cell: str, n: int) -> object:
        """Return a cell as the document has it: dates and numbers of Russian tables, words by their codes."""
        if words := self.words["cells"].get(field):
            codes = {spelling: code for code, spellings in words.items() for spelling in (code, *spellings)}
            if cell.casefold() not in codes:
                expected = {"ru": "; ".join(x[0] for x in words.values()), "en": "; ".join(words)}
                raise BankError("routes.word", path=self.path, place=self._at(n, field), given=cell, expected=expected)
            return codes[cell.casefold()]
        if field in {"start", "end", "since"}:
            day, time = (form.fullmatch(cell) for form in DAYS)
            return f"{day[3]}-{int(day[2]):02}-{int(day[1]):02}" if day else time[1] if time else cell
        if field in {"competency", "version"}:  # as a workbook has them, with a title, with the word
            return cell.partition(" — ")[0] if field == "competency" else re.sub(f"^({'|'.join(VERSION.values())}) ", "", cell)
        if field == "categories":
            return re.split(r"[,;\s]+", cell)
        return "".join(cell.split()).replace(",", ".") if field in SIZES else cell

    def _at(self, n: int, field: str) -> Mapping[str, str]:
        """Return how sentences name a cell: by row of the sheet and programme, and by its heading, or what it would be."""
        heading = self.headings.get(field, {"ru": self.words["columns"].get(field, [field])[0], "en": field})
        row = "—" if self.lines is None else self.lines[n]
        return phrase("routes.cell" if field else "routes.row", row=row, programme=self.rows[n].get("id", "—"), heading=heading)

    def place(self, path: Sequence[object]) -> str | Mapping[str, str]:
        """Return the cell of a path in the document."""
        if len(path) < 2 or not isinstance(path[1], int):
            return ".".join(map(str, path))
        rows, inner = [*self.of.values()][path[1]], path[2:]
        if inner[:1] == ("brings",) and len(inner) > 1:
            return self._at(rows[int(str(inner[1]))], str(inner[-1]))
        return self._at(rows[0], "_".join(str(x) for x in inner if not isinstance(x, int)))
