"""Banks and frameworks on disk: finding the folder, strict YAML in, YAML out."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from competency_dx.bank.document import Document, Text
from competency_dx.bank.item import OF_SECOND_SCHEMA, Item, Part
from competency_dx.bank.parameter_record import OF_EVERY_SCHEMA, BankPopulation
from competency_dx.errors import BankError, phrase
from competency_dx.limits import check_nesting, check_time, limits_in_force, read_bytes

_ENTRY = re.compile(r"^[ \t]*(?:- |[^\s:#]+:\s)", re.MULTILINE)
"""Where an entry of a list or a mapping begins: no text is longer than from one to the next."""


class FrameworkReference(Document):
    """Which framework the competency codes of a bank belong to."""

    id: str
    version: str


class Form(Document):
    """A form (variant) of the test: items in the order of presentation.

    `parts` gives the minutes of each part in order; `anchors` are the items that other forms have too.
    """

    later: ClassVar[tuple[str, ...]] = ("parts", "anchors")

    id: str
    title: Text | None = None
    items: tuple[str, ...] = Field(min_length=1)
    parts: dict[Part, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    anchors: tuple[str, ...] = ()


class BankDocument(Document):
    """The content of ``bank.yaml``; `misconceptions` are those that options of items may name, by code."""

    later: ClassVar[tuple[str, ...]] = ("misconceptions",)

    schema_version: Literal[1, 2, 3]
    id: str = Field(min_length=1)
    title: Text
    subject: str
    version: str
    framework: FrameworkReference
    language: Literal["ru", "en"] = "ru"
    licence: str = ""
    reference_set: Literal["all"] | tuple[str, ...] = Field(default="all")
    population: BankPopulation = BankPopulation()
    forms: tuple[Form, ...] = Field(default=())
    misconceptions: dict[Annotated[str, Field(pattern=r"^\S+$")], Text] = Field(default_factory=dict)
    note: Text | None = None

    @model_validator(mode="after")
    def _of_its_schema(self) -> Self:
        if self.schema_version == 1 and (later := self.population.model_fields_set - set(OF_EVERY_SCHEMA)):
            raise BankError("bank.needs_version", place=f"population.{min(later)}", version=2)
        for k, form in enumerate(self.forms):
            if self.schema_version < 3 and (later := form.model_fields_set & set(form.later)):
                raise BankError("bank.needs_version", place=f"forms[{k}].{min(later)}", version=3)
        return self


class ItemsDocument(Document):
    """The content of ``items.yaml``."""

    schema_version: Literal[1, 2]
    items: tuple[Item, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _of_its_schema(self) -> Self:
        for k, item in enumerate(self.items):
            if self.schema_version == 1 and (later := item.model_fields_set & set(OF_SECOND_SCHEMA)):
                raise BankError("bank.needs_version", place=f"items[{k}].{min(later)}", version=2)
        return self


def shipped_folder() -> Path:
    """Return the folder of shipped banks: inside the installed package, or beside the sources."""
    inside = Path(str(files("competency_dx"))) / "item_banks"
    return inside if inside.is_dir() else Path(__file__).resolve().parents[3] / "item_banks"


def shipped_banks() -> tuple[str, ...]:
    """Return the names of the shipped banks."""
    return tuple(sorted(p.parent.name for p in shipped_folder().glob("*/bank.yaml")))


def shipped_frameworks() -> tuple[str, ...]:
    """Return the names of the shipped frameworks."""
    return tuple(sorted(p.stem for p in (shipped_folder() / "frameworks").glob("*.yaml")))


def locate(name_or_path: str | Path, *, within: str, shipped: tuple[str, ...], what: str) -> Path:
    """Find a shipped document by its name or a user's by its path."""
    root = shipped_folder()
    if not isinstance(name_or_path, str | Path):
        raise BankError("bank.not_a_path", what=phrase(what), given=type(name_or_path).__name__)
    if str(name_or_path) in shipped:
        return root / within.format(name_or_path)
    path = Path(name_or_path)
    if path.exists():
        return path
    raise BankError("bank.not_shipped", what=phrase(what), name_or_path=str(name_or_path), shipped=shipped)


def read_text(path: Path) -> str:
    """Read a UTF-8 file of a bank; raises `BankError` naming the file."""
    try:
        return io.TextIOWrapper(io.BytesIO(read_bytes(path)), encoding="utf-8-sig").read()
    except FileNotFoundError:
        raise BankError("bank.file_missing", path=path) from None
    except UnicodeDecodeError:
        raise BankError("bank.not_utf8", path=path) from None


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - plain data, validated by the caller
    """Read YAML 1.2 safely: no tags, no duplicate keys; from its compiled form where that is of the same text."""
    text = read_text(path)
    if (content := _compiled_content(path, text)) is not None:
        return content
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    starts = [0, *(match.start() for match in _ENTRY.finditer(text)), len(text)]
    limits_in_force().check(path, cell_length=max(b - a for a, b in pairwise(starts)))
    try:
        content = YAML(typ="safe", pure=True).load(_Timed(text))
    except YAMLError as fault:
        raise BankError("bank.not_yaml", path=path, place=fault) from None
    check_nesting(path, content)
    return content


class _Timed(io.StringIO):
    """A text that is read as long as there is time."""

    def read(self, size: int | None = -1, /) -> str:
        check_time()
        return super().read(size)


def compiled_path(path: Path) -> Path:
    """Return where the compiled form of a YAML file stands: ``items.yaml`` beside ``items.compiled.json``."""
    return path.with_suffix(".compiled.json")


def compiled(text: str, content: object) -> str:
    """Return the compiled form of a YAML text: its digest and its content as JSON, which loads a hundred times faster."""
    document = {"sha256": sha256(text.encode()).hexdigest(), "content": content}
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _compiled_content(path: Path, text: str) -> object:
    """Return the content of the compiled form, None where there is none or it is of another text."""
    try:
        document = json.loads(compiled_path(path).read_text(encoding="utf-8"))
        return document["content"] if document["sha256"] == sha256(text.encode()).hexdigest() else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # the YAML alone decides
        return None


def write_yaml(data: Mapping[str, Any]) -> str:
    """Write plain data as YAML with every text quoted where YAML would read it as something else."""
    from ruamel.yaml import YAML

    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.allow_unicode = True
    writer.width = 160  # a key of fewer than 128 signs is written without "?", and must not be folded
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # the stubs know only None
    out = io.StringIO()
    writer.dump(dict(data), out)
    return out.getvalue()
