"""Catalogues of programmes: what each brings to which competency, for whom, when, in how many hours, at what price."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from competency_dx.bank import CompetencyFramework, Document, Text, load_framework, locate, parse, read_yaml, shipped_folder
from competency_dx.errors import BankError, RouteError, checked, phrase, repeated
from competency_dx.limits import reading
from competency_dx.responses import read_table
from competency_dx.result import digest_document
from competency_dx.wording import toml_content

DOCUMENTS = (".yaml", ".yml", ".json")
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

    def precedes(self, other: Programme) -> bool:
        """Return whether it ends before the other starts, by their dates."""
        return self.end is not None and other.start is not None and self.end < other.start

    def overlaps(self, other: Programme) -> bool:
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

    def strange(self, framework: CompetencyFramework) -> list[str]:
        """Return the competencies that are not in a framework and the categories that are none of it, each with its programme."""
        kinds = {n.code: n.kind for n in framework.nodes if not n.replaced_by}
        codes = [(one.id, e.competency, e.competency in kinds) for one in self.programmes for e in one.brings]
        codes += [(one.id, code, kinds.get(code) == "category") for one in self.programmes for code in one.categories]
        return [f"{programme}: {code}" for programme, code, known in codes if not known]

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the content."""
        return digest_document(self.model_dump(mode="json", exclude_none=True))


def day_text(day: date, language: str) -> str:
    """Return a day as it is written in a language."""
    return f"{day:%d.%m.%Y}" if language == "ru" else f"{day}"


@checked(BankError)
def load_catalogue(name_or_path: str | Path, *, since: date | None = None) -> Catalogue:
    """Load a catalogue: a shipped one by name (``"synthetic"``), a YAML or JSON document or a table (.csv, .xlsx …) by path.

    A table has a row for each competency of each programme: columns are the fields of `Programme` and `Effect`, titles in
    ``title_ru`` and ``title_en``, several categories in one cell, divided by commas; what a programme has in each row is the same.
    Headings and words may be Russian. Routes leave out programmes that begin before `since`. Raises `BankError` when there is no such
    catalogue, it is not well formed, rows contradict each other, or its framework lacks a code; the place is named, in a table by row
    and programme.
    """
    shipped = tuple(sorted(p.stem for p in (shipped_folder() / "catalogues").glob("*.yaml")))
    path = locate(name_or_path, within="catalogues/{}.yaml", shipped=shipped, what="bank.what_catalogue")
    with reading(path, RouteError):
        if path.suffix in DOCUMENTS:
            out = parse(Catalogue, read_yaml(path), str(path))
        else:
            table = CatalogueTable(path)
            out = parse(Catalogue, table.document(), str(path), table.place)
    if strange := out.strange(load_framework(out.framework)):
        raise BankError("routes.codes", path=path, framework=out.framework, strange=strange)
    return out.model_copy(update={"since": since}) if since else out


class CatalogueTable:
    """A table of programmes: its `rows` by field, which of them say what of a programme, and the number of the first in the sheet."""

    def __init__(self, path: Path) -> None:
        table, self.path, self.words = read_table(path), path, toml_content("routes", "table")
        named = {s: field for field, spellings in self.words["columns"].items() for s in (field, *spellings)}
        fields = {name: named.get(" ".join(name.casefold().split()), "") for name in table.columns}
        if strange := [name for name, field in fields.items() if not field]:
            expected = {"ru": "; ".join(x[0] for x in self.words["columns"].values()), "en": "; ".join(self.words["columns"])}
            raise BankError("routes.headings", path=path, strange=strange, expected=expected)
        if twice := repeated(fields.values()):
            raise BankError("routes.twice", id=path.name, twice=twice)
        self.first = 0 if any(f.code in {"responses.header_rows", "responses.empty_rows"} for f in table.findings) else 2
        cells = zip(*(c.texts().tolist() for c in table.columns.values()), strict=True)
        self.rows = [{name: cell for name, cell in zip(fields.values(), row, strict=True) if cell} for row in cells]
        self.of: dict[str, list[int]] = {}
        for n, row in enumerate(self.rows):
            self.of.setdefault(row.get("id", ""), []).append(n)

    def document(self) -> dict[str, object]:
        """Return the document that the table says, the catalogue named after the file."""
        every: dict[str, dict[str, Any]] = {}
        for n, row in enumerate(self.rows):
            said = {field: self._read(field, cell, n) for field, cell in row.items()}
            one = every.setdefault(row.get("id", ""), {"brings": []})
            one["brings"].append({x: said.pop(x) for x in Effect.model_fields if x in said})
            if wrong := [field for field in said if one.get(field, said[field]) != said[field]]:
                raise BankError("routes.contradiction", path=self.path, place=self._at(n, wrong[0]), given=row[wrong[0]])
            one |= said
        for one in every.values():
            one["title"] = {language: one.pop(f"title_{language}") for language in ("ru", "en") if f"title_{language}" in one}
        digest = digest_document([*every.values()])
        return {"id": self.path.stem, "version": digest, "title": {"ru": self.path.stem}, "programmes": [*every.values()]}

    def _read(self, field: str, cell: str, n: int) -> object:
        """Return a cell as the document has it: dates and numbers of Russian tables, words by their codes."""
        if words := self.words["cells"].get(field):
            codes = {spelling: code for code, spellings in words.items() for spelling in (code, *spellings)}
            if cell.casefold() not in codes:
                expected = {"ru": "; ".join(x[0] for x in words.values()), "en": "; ".join(words)}
                raise BankError("routes.word", path=self.path, place=self._at(n, field), given=cell, expected=expected)
            return codes[cell.casefold()]
        if field in {"start", "end"}:
            day, time = (form.fullmatch(cell) for form in DAYS)
            return f"{day[3]}-{int(day[2]):02}-{int(day[1]):02}" if day else time[1] if time else cell
        if field == "categories":
            return re.split(r"[,;\s]+", cell)
        return "".join(cell.split()).replace(",", ".") if field in SIZES else cell

    def _at(self, n: int, field: str) -> Mapping[str, str]:
        """Return how sentences name a cell: by row and programme, and by the heading of a Russian table."""
        heading = {"ru": self.words["columns"].get(field, [field])[0], "en": field}
        row = f"{n + self.first}" if self.first else "—"
        return phrase("routes.cell" if field else "routes.row", row=row, programme=self.rows[n].get("id", "—"), heading=heading)

    def place(self, path: Sequence[object]) -> str | Mapping[str, str]:
        """Return the cell of a path in the document."""
        if len(path) < 2 or not isinstance(path[1], int):
            return ".".join(map(str, path))
        rows, inner = [*self.of.values()][path[1]], path[2:]
        if inner[:1] == ("brings",) and len(inner) > 1:
            return self._at(rows[int(str(inner[1]))], str(inner[-1]))
        return self._at(rows[0], "_".join(str(x) for x in inner if not isinstance(x, int)))
