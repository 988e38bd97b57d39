"""Catalogues of programmes: what each brings to which competency, for whom, when, in how many hours, at what price."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from competency_dx.bank import Document, Text, locate, parse, read_yaml, shipped_folder
from competency_dx.errors import RouteError, repeated
from competency_dx.limits import reading
from competency_dx.provenance import digest_document
from competency_dx.responses import read_table

DOCUMENTS = (".yaml", ".yml", ".json")


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
    """Programmes whose competencies are codes of `framework`, a shipped one by name or a YAML file by path."""

    schema_version: Literal[1] = 1
    id: str = Field(min_length=1)
    version: str
    title: Text
    note: Text | None = None
    framework: str = "teacher"
    synthetic: bool = False
    programmes: tuple[Programme, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        if twice := repeated(p.id for p in self.programmes):
            raise RouteError("routes.twice", id=self.id, twice=twice)
        return self

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the content."""
        return digest_document(self.model_dump(mode="json", exclude_none=True))


def load_catalogue(name_or_path: str | Path) -> Catalogue:
    """Load a catalogue: a shipped one by name (``"synthetic"``), a YAML or JSON document or a table (.csv, .xlsx …) by path.

    A table has a row for each competency of each programme: columns are the fields of `Programme` and `Effect`, titles in
    ``title_ru`` and ``title_en``, several categories in one cell, divided by commas; what a programme has in each row is the same.
    Raises `BankError` when there is no such catalogue or it is not well formed; the place is named.
    """
    shipped = tuple(sorted(p.stem for p in (shipped_folder() / "catalogues").glob("*.yaml")))
    path = locate(name_or_path, within="catalogues/{}.yaml", shipped=shipped, what="bank.what_catalogue")
    with reading(path, RouteError):
        return parse(Catalogue, read_yaml(path) if path.suffix in DOCUMENTS else _of_table(path), str(path))


def _of_table(path: Path) -> dict[str, object]:
    """Return the document that a table of programmes says, the catalogue named after the file."""
    columns = {name: c.texts().tolist() for name, c in read_table(path).columns.items()}
    programmes: dict[str, dict[str, Any]] = {}
    for cells in zip(*columns.values(), strict=True):
        row = {name: cell for name, cell in zip(columns, cells, strict=True) if cell}
        effect = {name: row.pop(name).replace(",", ".") for name in Effect.model_fields if name in row}
        title = {language: row.pop(f"title_{language}") for language in ("ru", "en") if f"title_{language}" in row}
        row |= {name: row[name].replace(",", ".") for name in ("hours", "price", "seats") if name in row}
        groups = {"categories": re.split(r"[,;\s]+", row["categories"])} if "categories" in row else {}
        programmes.setdefault(row.get("id", ""), {**row, **groups, "title": title, "brings": []})["brings"].append(effect)
    every = [*programmes.values()]
    return {"id": path.stem, "version": digest_document(every), "title": {"ru": path.stem}, "programmes": every}
