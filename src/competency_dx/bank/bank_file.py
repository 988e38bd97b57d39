"""Banks and frameworks on disk: finding the folder, strict YAML in, YAML out, and whether the parts of a bank fit together."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from competency_dx.bank.document import Document, Text
from competency_dx.bank.item import OF_SECOND_SCHEMA, Item, Part
from competency_dx.bank.parameter_record import OF_EVERY_SCHEMA, BankPopulation, CorrelationMatrix
from competency_dx.errors import BankError, checked, phrase, repeated
from competency_dx.limits import check_nesting, check_time, limits_in_force, read_bytes

if TYPE_CHECKING:
    from competency_dx.bank.item_bank import ItemBank

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
    """The content of ``bank.yaml``; `misconceptions` are those that options of items may name, by code; `epoch` names the scale."""

    later: ClassVar[tuple[str, ...]] = ("misconceptions", "epoch")

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
    epoch: str = ""

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


@checked(BankError)
def locate(name_or_path: str | Path, *, within: str, shipped: tuple[str, ...], what: str) -> Path:
    """Find a shipped document by its name or a user's by its path."""
    root = shipped_folder()
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


def inconsistencies(bank: ItemBank) -> Iterator[BankError]:
    """Yield what does not fit, with its place and the remedy."""
    limits_in_force().check(bank.id, items=len(bank.items), categories=1 + max(i.max_score for i in bank.items))
    if twice := repeated(i.id for i in bank.items):
        yield BankError("bank.item_ids_repeated", twice=sorted(twice))
    if faults := tuple(_check_codes(bank)):
        yield from faults
        return  # what follows looks codes up
    for check in (_check_items, _check_forms, _check_parameters, _check_population):
        yield from check(bank)


def _check_codes(bank: ItemBank) -> Iterator[BankError]:
    reference, framework = bank.header.framework, bank.framework
    for k, item in enumerate(bank.items):
        for code in item.competencies:
            if len(instead := framework.replacements(code)) > 1:
                named = {"item": item.id, "name": code, "reference": reference.id}
                yield BankError("bank.competency_retired", k=k, instead=", ".join(instead), **named)
    if len(instead := framework.replacements(bank.header.subject)) > 1:
        yield BankError("bank.subject_retired", instead=", ".join(instead), name=bank.header.subject, reference=reference.id)
    if (reference.id, reference.version) != (framework.id, framework.version):
        both = {"reference": reference.id, "version": reference.version, "id": framework.id, "version2": framework.version}
        yield BankError("bank.framework_version", **both)
    for k, item in enumerate(bank.items):
        if stray := [c for c in item.competencies if c not in framework]:
            yield BankError("bank.competency_codes", k=k, item=item.id, stray=stray, reference=reference.id)
    if bank.header.subject not in framework:
        yield BankError("bank.subject_code", subject=bank.header.subject, reference=reference.id)


def _check_items(bank: ItemBank) -> Iterator[BankError]:
    declared, known = bank.header.misconceptions, {i.id for i in bank.items}
    for k, item in enumerate(bank.items):
        for option, code in item.misconception_codes.items():
            if code not in declared:
                yield BankError("bank.misconception_undeclared", k=k, item=item.id, option=option, name=code, declared=declared)
    for k, item in enumerate(bank.items):
        if stray := [i for i in item.enemies if i not in known or i == item.id]:
            yield BankError("bank.enemies", k=k, item=item.id, stray=stray)


def _check_forms(bank: ItemBank) -> Iterator[BankError]:
    lists = [(f"forms[{k}].items", f.items) for k, f in enumerate(bank.forms)]
    parts = {i.id: i.part for i in bank.items}
    for k, form in enumerate(bank.forms):
        if empty := [p for p in form.parts if p not in {parts.get(i) for i in form.items}]:
            yield BankError("bank.form_parts", k=k, form=form.id, stray=empty)
        if stray := [i for i in form.anchors if i not in form.items]:
            yield BankError("bank.form_anchors", k=k, form=form.id, stray=stray)
    for place, ids in [*lists, ("reference_set", bank.reference_set)]:
        if stray := [i for i in ids if i not in parts]:
            yield BankError("bank.listed_unknown", place=place, stray=stray)
        if twice := repeated(ids):
            yield BankError("bank.listed_twice", place=place, twice=sorted(twice))


def _check_parameters(bank: ItemBank) -> Iterator[BankError]:
    top = {i.id: i.max_score for i in bank.items}
    for record in bank.parameters:
        if record.item not in top:
            yield BankError("bank.parameters_unknown_item", item=record.item)
        elif len(record.b) != top[record.item]:
            yield BankError("bank.parameters_steps", item=record.item, n_b=len(record.b), top=top[record.item])
        lower, upper = record.model in {"3PL", "4PL"}, record.model == "4PL"
        if (record.c and not lower) or (record.u not in {None, 1.0} and not upper):
            yield BankError("bank.parameters_asymptotes", item=record.item, model=record.model, c=record.c, u=record.u)


def _check_population(bank: ItemBank) -> Iterator[BankError]:
    population, leaves = bank.header.population, dict.fromkeys(bank.leaves.values())
    pairs = population.correlations.leaves if isinstance(population.correlations, CorrelationMatrix) else ()
    for place, codes in (("leaves", population.leaves), ("correlations.leaves", pairs)):
        if stray := [code for code in codes if code not in leaves]:
            yield BankError("bank.population_leaves", place=place, stray=stray, leaves=leaves)
    if missing := [code for code in leaves if code not in pairs and pairs]:
        yield BankError("bank.correlations_missing", missing=missing)
