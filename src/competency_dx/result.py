"""The common shape of results: JSON document, frame, picture, notebook and terminal form, and the record of how it was made.

JSON documents are written from the types of the fields, and checked by what these types say before they are read.
"""

import hashlib
import json
import math
import re
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache, lru_cache, reduce
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import FrozenDict, Ids, dtype_of, is_array, value
from competency_dx.checking import check_document, compiled
from competency_dx.display import Chart, draw, notebook
from competency_dx.errors import LANGUAGES, CompetencyDxError, DocumentError, LimitError, ReportError, phrase, repeated
from competency_dx.findings import Finding
from competency_dx.personal_data import OwnWords, hidden_text
from competency_dx.schemas import document_schema, object_schema, ordered_lists, schema

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    DataFrame = pd.DataFrame
else:
    DataFrame = Any  # pandas is loaded when the first table is asked for

BARE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # what Python raises at contents that no check foresaw
MAX_LINES = 12
SELF_REPORT = "self_report"
"""The part of items that are statements about oneself, and the input that answers to them have in their provenance."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_hidden = lru_cache(maxsize=1024)(hidden_text)  # settings and names of banks come again and again


@lru_cache(maxsize=1)
def library_version() -> str:
    """Return the installed version of this library."""
    try:
        return metadata.version("competency-dx")
    except metadata.PackageNotFoundError:
        return "0+unknown"


def digest_text(text: str) -> str:
    """Return the SHA-256 of a text, as ``sha256:`` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def digest_document(document: object) -> str:
    """Return the digest of a JSON-like document in canonical form (sorted keys, no spaces)."""
    return digest_text(json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")))


def digest_arrays(*arrays: NDArray[np.generic]) -> str:
    """Return the digest of arrays: dtype, shape and bytes of each, in order."""
    state = hashlib.sha256()
    for array in arrays:
        state.update(f"{array.dtype.str}{array.shape}".encode())
        state.update(np.ascontiguousarray(array).data)
    return "sha256:" + state.hexdigest()


@value
class Provenance:
    """The record carried by every result; the same inputs and settings give the same record, byte for byte.

    `verb` is the function that made the result, `library` the version of this library, `inputs` the digest (or id and version) of every
    input, `settings` every choice that decided a number, in words.
    """

    verb: str
    library: str
    inputs: Mapping[str, str]
    settings: Mapping[str, str]

    def __post_init__(self) -> None:
        for name in ("inputs", "settings"):
            rest = {key: (text, _DIGEST.sub("#", text)) for key, text in getattr(self, name).items()}  # without digits of digests
            shown = {key: text if _hidden(part) == part else f"{text[:1]}…" for key, (text, part) in rest.items()}
            object.__setattr__(self, name, FrozenDict(shown))


def provenance(verb: str, inputs: Mapping[str, str], settings: Mapping[str, str]) -> Provenance:
    """Make the record for the running library version."""
    return Provenance(verb=verb, library=library_version(), inputs=dict(inputs), settings=dict(settings))


class JsonDocument(ABC):
    """A frozen value that is written as a JSON document with kind and schema version, and read back from it.

    The `kind` is the name of the class in small letters: that of `FileScores` is ``"file_scores"``.
    """

    __slots__ = ("__weakref__",)
    kind: ClassVar[str]
    schema_version: ClassVar[int] = 1
    oldest: ClassVar[int] = 1  # version whose documents are read too, and all later ones

    def __init_subclass__(cls) -> None:
        cls.kind = re.sub(r"(?<=.)(?=[A-Z][a-z])", "_", cls.__name__).lower()

    def to_json(self) -> str:
        """Return the result as a JSON document with kind, schema version and provenance; NaN is null."""
        head = {"kind": self.kind, "schema_version": self.schema_version} | ({"order": None} if _lists_of(type(self)) else {})
        return json.dumps(head | _told(type(self), self._document()), ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a document written by `to_json`.

        Raises `DocumentError` when the text is not JSON, of another kind, of a schema version this library does not read, or not
        as `json_schema` says (the path of the field is named), or what it holds does not fit together.
        """
        document = parse_json(text)
        version = check_head(document, cls.kind, range(cls.schema_version, cls.oldest - 1, -1))
        try:
            if version != cls.schema_version:
                document = _told(cls, cls._lifted(document, version)) | {"schema_version": cls.schema_version}
            check_document(document, _check_of(cls), cls.kind)
            with np.errstate(divide="raise", over="raise", invalid="raise"):
                out = cls._from_document(_in_order(cls, document))
                cls._try_out(out)
                cls._refuse_contradictions(out)
        except (DocumentError, LimitError):
            raise
        except (CompetencyDxError, *BARE) as fault:
            raise DocumentError("result.content", kind=cls.kind, fault=fault) from fault
        return out

    @classmethod
    def from_jsonl(cls, file: str | Path) -> Iterator[Self]:
        """Read a document a line when it is asked for; raises `DocumentError` for no text or, by its number, a line that is none."""
        n = 0
        try:
            with Path(file).open(encoding="utf-8") as lines:
                for n, line in enumerate(lines, 1):  # noqa: B007 - the number is named where a line is refused
                    yield cls.from_json(line)
        except DocumentError as fault:
            raise DocumentError("result.line", file=Path(file).name, n=n, fault=fault) from None
        except (OSError, UnicodeError) as fault:
            raise DocumentError("result.lines", file=Path(file).name, fault=fault) from None

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema (draft 2020-12) that every document of `to_json` satisfies, from the types of the fields."""
        definitions: dict[str, Any] = {}
        content = object_schema(cls._document_type(), definitions)
        head = {"kind": {"const": cls.kind}, "schema_version": {"const": cls.schema_version}}
        if of := ordered_lists(content, definitions):
            ids = {"properties": dict.fromkeys(of, schema(Ids, {})), "required": [*of]}
            content["properties"]["order"] = {"type": "object", "additionalProperties": False} | ids
            content["required"].append("order")
        content["properties"] = head | content["properties"]
        content["required"] = [*head, *content["required"]]
        return document_schema(cls.kind, cls.schema_version, content | {"$defs": definitions})

    @classmethod
    def _document_type(cls) -> type:
        """Return the class or `TypedDict` whose annotations describe the document: the result's, unless it says otherwise."""
        return cls

    @classmethod
    def _lifted(cls, document: dict[str, Any], version: int) -> dict[str, Any]:  # noqa: ARG003 - for those who need it
        """Return a document of an earlier version in the form of today."""
        return document

    def _try_out(self) -> None:
        """Do what a reader does first: a document whose content does not fit together is refused, not found out later."""
        str(self)

    def _refuse_contradictions(self) -> None:  # noqa: B027 - most kinds have none
        """Refuse fields that are not as the fields beside them have them, where a kind of document can tell (`refuse_others`)."""

    def _document(self) -> dict[str, Any]:
        return encode_fields(self)

    @classmethod
    def _from_document(cls, document: Mapping[str, Any]) -> Self:
        out = decode(cls, {k: v for k, v in document.items() if k not in {"kind", "schema_version"}}, cls.kind)
        assert isinstance(out, cls)
        return out


def refuse_others(where: str, good: Any, beside: str) -> None:  # noqa: ANN401 - an array of truth
    """Refuse a document where cells of an array are not as the fields beside it have them, naming the first, by a `DocumentError`."""
    for at in np.argwhere(~np.asarray(good))[:1].tolist():
        raise DocumentError("result.contradicts", where=where + "".join(f"[{k}]" for k in at), beside=beside)


_schema_of = cache(lambda cls: cls.json_schema())
_check_of = cache(lambda cls: compiled(_schema_of(cls)))  # making it takes longer than running it
_lists_of = cache(lambda cls: ordered_lists(_schema_of(cls), _schema_of(cls)["$defs"]))
_by_ids = cache(lambda cls: {name: part["by"] for name, part in _schema_of(cls)["properties"].items() if "by" in part})


def _told(cls: type[JsonDocument], content: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a document with the order of the lists that arrays go by the places of, and those without ids of their own by ids."""
    ids = {name: axis for name, axis in _by_ids(cls).items() if not isinstance(content[name], dict)}  # an earlier version may tell
    by = {name: dict(zip(content[axis], content[name], strict=True)) for name, axis in ids.items()}
    order = {}
    for name, (path, key) in _lists_of(cls).items():
        rows = reduce(lambda part, step: part.get(step, ()) if isinstance(part, dict) else (), path, content)
        order[name] = [row.get(key) for row in rows if isinstance(row, dict)]
    return {**content, **by, **({"order": order | content.get("order", {})} if order else {})}


def _in_order(cls: type[JsonDocument], document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with its lists of objects in the order that arrays go by, wherever others have put them."""
    for name, (path, key) in _lists_of(cls).items():
        holder: Any = reduce(dict.__getitem__, path[:-1], document)
        of = {row[key]: row for row in holder[path[-1]]}
        holder[path[-1]] = [of[one] for one in document["order"][name]]
    return document | {name: [document[name][one] for one in document[axis]] for name, axis in _by_ids(cls).items()}


def check_head(document: object, kind: str, versions: Sequence[int]) -> int:
    """Return the schema version of a document; refuse another kind or version, saying what was expected."""
    head: Mapping[str, Any] = document if isinstance(document, dict) else {}
    if (found := head.get("kind")) != kind:
        raise DocumentError("result.kind", found=found, kind=kind)
    version = head.get("schema_version")
    if type(version) is not int or version not in versions:
        raise DocumentError("result.schema_version", kind=kind, get=version, version=list(versions))
    return version


def parse_json(text: str | bytes) -> Any:  # noqa: ANN401 - checked where it is read
    """Return the content of a JSON text; raises `DocumentError` for none, half letters, what is no number, and fields named twice."""
    try:
        whole = text.decode() if isinstance(text, bytes) else text
        out = json.loads(whole, object_pairs_hook=named_once, parse_constant=_no_number)
        (json.dumps(out, ensure_ascii=False) if "\\u" in whole else whole).encode()
    except DocumentError:
        raise
    except (AttributeError, TypeError, ValueError, RecursionError) as fault:  # Python's words are English alone
        at = (fault.lineno, fault.colno) if isinstance(fault, json.JSONDecodeError) else None
        what = phrase("result.at", line=at[0], place=at[1]) if at else phrase("result.no_text")
        raise DocumentError("result.not_json", fault=what) from None
    return out


def named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; raises `DocumentError` where a name is there twice."""
    if len(out := dict(pairs)) < len(pairs):
        raise DocumentError("result.names_twice", twice=repeated(name for name, _ in pairs))
    return out


def _no_number(name: str) -> NoReturn:
    raise DocumentError("result.no_number", name=name)


def encode(item: object) -> Any:  # noqa: ANN401, PLR0911 - JSON is an untyped tree
    """Turn a value into JSON types: arrays to nested lists, NaN to null, dataclasses to objects."""
    if isinstance(item, np.ndarray):
        if item.dtype.kind == "f" and not (known := np.isfinite(item)).all():
            item = item.astype(object)
            item[~known] = None
        return item.tolist()
    if isinstance(item, np.generic):
        return encode(item.item())
    if isinstance(item, float):
        return item if math.isfinite(item) else None
    if is_dataclass(item) and not isinstance(item, type):
        return encode_fields(item)
    if isinstance(item, Mapping):
        return {str(k): encode(v) for k, v in item.items()}
    if isinstance(item, tuple | list):
        return [encode(v) for v in item]
    if hasattr(item, "model_dump"):
        return item.model_dump(mode="json", exclude_none=True)
    return item.outline() if isinstance(item, OwnWords) else item


def encode_fields(item: Any) -> dict[str, Any]:  # noqa: ANN401
    """Turn the fields of a dataclass into a JSON object."""
    return {f.name: encode(getattr(item, f.name)) for f in fields(item)}


def decode(hint: Any, item: Any, where: str) -> Any:  # noqa: ANN401, PLR0911
    """Rebuild a value of the annotated type from JSON types; faults name the place in the document."""
    if isinstance(hint, type) and is_dataclass(hint):
        hints, wanted = typing.get_type_hints(hint), {f.name for f in fields(hint)} & set(item)
        return hint(**{name: _decode_field(hints[name], item[name], f"{where}.{name}") for name in wanted})
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        inner = [a for a in args if a is not type(None)]
        fits = [a for a in inner if is_array(a) == isinstance(item, list)]  # one number or several
        return None if item is None else decode([*fits, *inner][0], item, where)
    if is_array(hint):
        dtype = dtype_of(hint)
        return np.array(item, dtype=object).astype(dtype) if dtype.kind == "f" else np.array(item, dtype=dtype)
    if origin is tuple:
        return tuple(decode(args[0], v, f"{where}[{i}]") for i, v in enumerate(item))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {k: decode(args[1], v, f"{where}.{k}") for k, v in item.items()}
    if hint is float:
        return math.nan if item is None else float(item)
    return hint.model_validate(item) if hasattr(hint, "model_validate") else item


def _decode_field(hint: Any, item: Any, where: str) -> Any:  # noqa: ANN401
    try:
        return decode(hint, item, where)
    except DocumentError:
        raise
    except (CompetencyDxError, *BARE) as fault:
        raise DocumentError("result.field", where=where, fault=fault) from None


class Result(JsonDocument):
    """A frozen value with the same five faces as every other: frame, JSON, plot, HTML and text."""

    __slots__ = ()
    pictures: ClassVar[tuple[str, ...]]

    @abstractmethod
    def to_frame(self) -> DataFrame:
        """Return the result as a table with stable columns."""

    def to_table(self, language: str = "en") -> DataFrame:  # noqa: ARG002 - for results that write words into cells
        """Return the table that files hold."""
        return self.to_frame()

    def further_tables(self) -> Mapping[str, DataFrame]:
        """Return what files and pages show beside the table, by the name of its file; ``sheet_`` words of reports say what it is."""
        return {}

    @abstractmethod
    def summary(self, language: str = "en") -> Sequence[str]:
        """Return what the result says in at most twelve lines."""

    @abstractmethod
    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return the data of a picture of one of the kinds, its words in a language."""

    def chart_kinds(self) -> tuple[str, ...]:
        """Return the kinds of picture this result can show, the default first."""
        return self.pictures

    def plot(self, kind: str | None = None, *, language: str = "en") -> "Figure":
        """Draw one of `chart_kinds` as a matplotlib figure (the first when `kind` is None), its words in a language."""
        kinds = self.chart_kinds()
        chosen = kinds[0] if kind is None else kind
        if chosen not in kinds:
            raise ReportError("result.picture", given=type(self).__name__, chosen=chosen, kinds=kinds)
        return draw(self.chart(chosen, language), language)

    def _try_out(self) -> None:
        self.to_frame()
        for language in LANGUAGES:
            self.summary(language)
        for kind in self.chart_kinds():
            self.chart(kind)

    def _repr_html_(self) -> str:
        return notebook(self.summary(), self.to_frame())

    def __str__(self) -> str:
        return "\n".join(list(self.summary())[:MAX_LINES])

    __repr__ = __str__


@value
class Outcome(Result):
    """A result with what is to be known about it and how it was made, which its documents tell after all else."""

    findings: tuple[Finding, ...]
    provenance: Provenance


def frame(**columns: Any) -> DataFrame:  # noqa: ANN401 - whatever pandas takes for a column
    """Return a table of these columns; pandas is loaded when the first table is asked for."""
    import pandas as pd

    return pd.DataFrame(columns)


def crossed(rows: Mapping[str, Any], columns: Mapping[str, Any], cells: Mapping[str, Any]) -> DataFrame:
    """Return a table with a row for each pair of R rows and C columns: what is said of the one, of the other, and arrays (R, C)."""
    R, C = (len(next(iter(of.values()))) for of in (rows, columns))
    of_rows = {name: np.repeat(x if isinstance(x, np.ndarray) else np.array(x, dtype=object), C) for name, x in rows.items()}
    of_columns = {name: list(x) * R for name, x in columns.items()}
    return frame(**of_rows, **of_columns, **{name: np.ravel(x) for name, x in cells.items()})
