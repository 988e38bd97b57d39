"""Banks and frameworks on disk: finding the folder, strict YAML in, YAML out, and whether the parts of a bank fit together."""

import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import Field, model_validator

from competency_dx.bank.document import Document, Text, parse
from competency_dx.bank.item import OF_SECOND_SCHEMA, PATTERNS, Item, Part
from competency_dx.bank.parameter_record import OF_EVERY_SCHEMA, BankPopulation, CorrelationMatrix, ParameterRecord
from competency_dx.checking import LARGEST
from competency_dx.errors import BankError, CompetencyDxError, checked, phrase, repeated
from competency_dx.storage import check_nesting, check_time, limits_in_force, read_bytes

if TYPE_CHECKING:
    from ruamel.yaml import YAML

    from competency_dx.bank.item_bank import ItemBank

_TAGS = {None, *(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map"))}
_STUMBLES = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
_AHEAD = 1 << 13  # signs that YAML reads before it knows what they are
_FASTEST = 20_000  # entries that no machine reads in a second


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
    if str(name_or_path) in shipped:
        return shipped_folder() / within.format(name_or_path)
    if (path := Path(name_or_path)).exists():
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
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):  # then the YAML alone decides
        document = json.loads(compiled_path(path).read_text(encoding="utf-8"))
        if document["sha256"] == sha256(text.encode()).hexdigest() and document["content"] is not None:
            return document["content"]
    from ruamel.yaml.error import YAMLError

    _check_lengths(path, text)
    source = _Source(path, text)
    try:
        content = _yaml_reader(source).load(source)
    except CompetencyDxError:
        raise
    except (YAMLError, *_STUMBLES) as fault:
        mark = getattr(fault, "problem_mark", None) or source.mark
        line = text.count("\n", 0, fault.position) if hasattr(fault, "position") else mark.line if mark else 0
        said = getattr(fault, "problem", None) or getattr(fault, "reason", None) or (fault if source.words is None else None)
        words = phrase("bank.yaml_syntax", words=f"{said}"[:200]) if said else phrase("bank.yaml_value", words=source.words)
        raise BankError("bank.not_yaml", path=path, line=line + 1, fault=words) from None
    check_nesting(path, content)
    return content


class _Source:
    """A text that is read `to` some place, as there is time, no further behind where the last node `came` than a text may be long."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text, self.to, self.came = path, text, 0, 0
        self.mark, self.words = cast("Any", None), cast("str | None", None)  # where the last node began, and what the last value says

    def read(self, size: int) -> str:
        check_time()
        limits_in_force().check(self.path, cell_length=self.to - self.came - _AHEAD)
        self.to += size
        return self.text[self.to - size : self.to]


def _check_lengths(path: Path, text: str) -> None:
    """Refuse lists and mappings of too many lines at once: they take a minute to parse and a moment to count."""
    counts, limits = dict[int, int](), limits_in_force()
    for k, match in enumerate(re.finditer(PATTERNS["entry"], text)):
        place = 2 * len(match[1]) + match[2].startswith("-")  # a list may stand as far in as the mapping that it is in
        counts = {at: n for at, n in counts.items() if at <= place}
        counts[place] = counts.get(place, 0) + 1
        if counts[place] > limits.items or len(counts) > limits.depth or k > _FASTEST * limits.seconds:
            limits.check(path, items=counts[place], depth=len(counts), seconds=k / _FASTEST)


def _yaml_reader(source: _Source) -> "YAML":
    """Make a reader that keeps to the limits while it reads, takes plain data alone, and knows where it stands."""
    from ruamel.yaml import YAML
    from ruamel.yaml.composer import Composer, ComposerError
    from ruamel.yaml.constructor import SafeConstructor

    class Bounded(Composer):
        def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - of ruamel.yaml
            event, self.warn_double_anchors = self.parser.peek_event(), False
            source.came, source.mark = source.to, event.start_mark
            within, length = len(parent.value) if parent else 0, len(getattr(event, "value", ""))
            limits_in_force().check(source.path, depth=self.depth + 1, items=within + 1, cell_length=length)
            check_time()
            node = super().compose_node(parent, index)
            if node.end_mark is None:
                raise ComposerError(None, None, f"*{event.anchor} stands inside what it means", event.start_mark)
            return node

    class Plain(SafeConstructor):
        def construct_object(self, node: Any, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - of ruamel.yaml
            source.mark, source.words = node.start_mark, node.value if isinstance(node.value, str) else ""
            out = super().construct_object(node, deep)
            if isinstance(out, int | float) and not abs(out) <= LARGEST:
                raise ValueError
            return out

    reader = YAML(typ="safe", pure=True)
    reader.Composer, reader.Constructor = Bounded, Plain
    reader.constructor.yaml_constructors = {tag: read for tag, read in Plain.yaml_constructors.items() if tag in _TAGS}
    reader.constructor.flatten_mapping = lambda _: None  # "<<" is no YAML 1.2 and could multiply a text: its tag is refused
    return reader


def compiled_path(path: Path) -> Path:
    """Return where the compiled form of a YAML file stands: ``items.yaml`` beside ``items.compiled.json``."""
    return path.with_suffix(".compiled.json")


def compiled(text: str, content: object) -> str:
    """Return the compiled form of a YAML text: its digest and its content as JSON, which loads a hundred times faster."""
    document = {"sha256": sha256(text.encode()).hexdigest(), "content": content}
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


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


def inconsistencies(bank: "ItemBank") -> Iterator[BankError]:
    """Yield what does not fit, with its place and the remedy."""
    limits_in_force().check(bank.id, items=len(bank.items), categories=1 + max(i.max_score for i in bank.items))
    if twice := repeated(i.id for i in bank.items):
        yield BankError("bank.item_ids_repeated", twice=sorted(twice))
    if faults := tuple(_check_codes(bank)):
        yield from faults
        return  # what follows looks codes up
    for check in (_check_items, _check_forms, _check_parameters, _check_population):
        yield from check(bank)


def _check_codes(bank: "ItemBank") -> Iterator[BankError]:
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


def _check_items(bank: "ItemBank") -> Iterator[BankError]:
    declared, known = bank.header.misconceptions, {i.id for i in bank.items}
    for k, item in enumerate(bank.items):
        for option, code in item.misconception_codes.items():
            if code not in declared:
                yield BankError("bank.misconception_undeclared", k=k, item=item.id, option=option, name=code, declared=declared)
        if stray := [i for i in item.enemies if i not in known or i == item.id]:
            yield BankError("bank.enemies", k=k, item=item.id, stray=stray)


def _check_forms(bank: "ItemBank") -> Iterator[BankError]:
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


def _check_parameters(bank: "ItemBank") -> Iterator[BankError]:
    top = {i.id: i.max_score for i in bank.items}
    for record in bank.parameters:
        try:
            parse(ParameterRecord, dict(record), phrase("bank.parameters_of", item=record.item))  # a copy may have been changed
        except BankError as fault:
            yield fault
        if record.item not in top:
            yield BankError("bank.parameters_unknown_item", item=record.item)
        elif len(record.b) != top[record.item]:
            yield BankError("bank.parameters_steps", item=record.item, n_b=len(record.b), top=top[record.item])
        if record.se_b and len(record.se_b) != len(record.b):
            yield BankError("bank.parameters_errors", item=record.item, n=len(record.se_b), n_b=len(record.b))
        at = [record.a * b for b in record.b]  # boundaries of a graded item are in this order, or categories get negative shares
        if record.model == "GRM" and any(x >= y for x, y in pairwise(at)):
            yield BankError("bank.parameters_order", item=record.item, a=record.a, b=record.b)
        if record.model in {"3PL", "4PL"} and len(record.b) > 1:
            yield BankError("bank.parameters_two_answers", item=record.item, model=record.model, n_b=len(record.b))
        lower, upper = record.model in {"3PL", "4PL"}, record.model == "4PL"
        crossed = (record.c or 0.0) >= (1.0 if record.u is None else record.u)
        if crossed or (record.c and not lower) or (record.u not in {None, 1.0} and not upper):
            yield BankError("bank.parameters_asymptotes", item=record.item, model=record.model, c=record.c, u=record.u)


def _check_population(bank: "ItemBank") -> Iterator[BankError]:
    population, leaves = bank.header.population, dict.fromkeys(bank.leaves.values())
    for node in leaves:
        if below := [leaf for leaf in leaves if leaf != node and bank.framework.within(leaf, node)]:
            items = [item for item, leaf in bank.leaves.items() if leaf == node]
            yield BankError("bank.items_above_leaves", node=node, items=items, below=below)
    pairs = population.correlations.leaves if isinstance(population.correlations, CorrelationMatrix) else ()
    for place, codes in (("leaves", population.leaves), ("correlations.leaves", pairs)):
        if stray := [code for code in codes if code not in leaves]:
            yield BankError("bank.population_leaves", place=place, stray=stray, leaves=leaves)
    if missing := [code for code in leaves if code not in pairs and pairs]:
        yield BankError("bank.correlations_missing", missing=missing)
