"""JSON documents: written from the types of the fields, checked by the schema of these types when they are read."""

from __future__ import annotations

import json
import math
import types
import typing
from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, reduce
from itertools import chain, repeat
from operator import or_
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NoReturn, NotRequired, Self, cast

import numpy as np

from competency_dx.arrays import FrozenDict, dtype_of
from competency_dx.errors import CompetencyDxError, DocumentError, Verbatim, phrase
from competency_dx.personal_data import masked

ARRAY = "Array of "
BARE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What Python raises at contents that no check foresaw."""


def held_to(**keywords: Any) -> FrozenDict[str, Any]:  # noqa: ANN401 - JSON values
    """Return keywords of JSON Schema as the annotation of a type; an annotation that is a text is its description."""
    return FrozenDict(keywords)


Finite = Annotated[float, held_to(type="number")]
"""A number that is never NaN: its document has no null."""


class JsonDocument(ABC):
    """A frozen value that is written as a JSON document with kind and schema version, and read back from it."""

    __slots__ = ("__weakref__",)
    kind: ClassVar[str]
    schema_version: ClassVar[int] = 1

    def to_json(self) -> str:
        """Return the result as a JSON document with kind, schema version and provenance; NaN is null."""
        head = {"kind": self.kind, "schema_version": self.schema_version}
        return json.dumps(head | self._document(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a document written by `to_json`.

        Raises
        ------
        DocumentError
            When the text is not JSON, of another kind, of a schema version this library does not read, or a field is missing or
            of another type than `json_schema` says; the path of the field is named.
        """
        try:
            document = json.loads(text)
        except (TypeError, ValueError, RecursionError) as fault:
            raise DocumentError("result.not_json", fault=fault) from None
        check_head(document, cls.kind, cls.schema_version)
        outline = _outline(cls)
        check_content(document, outline, outline["$defs"], cls.kind)
        try:
            return cls._from_document(document)
        except CompetencyDxError:
            raise
        except BARE as fault:
            raise DocumentError("result.content", kind=cls.kind, fault=fault) from fault

    @classmethod
    def from_jsonl(cls, file: str | Path) -> Iterator[Self]:
        """Read JSON lines, one document a line, each when it is asked for.

        Raises
        ------
        DocumentError
            When the file is not there or no text, or a line is no such document; its number is named.
        """
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
        content = _object(cls._document_type(), definitions)
        head = {"kind": {"const": cls.kind}, "schema_version": {"const": cls.schema_version}}
        content["properties"] = head | content["properties"]
        content["required"] = [*head, *content["required"]]
        title = f"competency_dx {cls.kind.replace('_', ' ')} {cls.schema_version}"
        draft = "https://json-schema.org/draft/2020-12/schema"
        return {"$schema": draft, "title": title} | content | {"$defs": definitions}

    @classmethod
    def _document_type(cls) -> type:
        """Return the class or `TypedDict` whose annotations describe the document: the result's, unless it says otherwise."""
        return cls

    def _document(self) -> dict[str, Any]:
        return encode_fields(self)

    @classmethod
    def _from_document(cls, document: Mapping[str, Any]) -> Self:
        out = decode(cls, {k: v for k, v in document.items() if k not in {"kind", "schema_version"}}, cls.kind)
        assert isinstance(out, cls)
        return out


def check_head(document: object, kind: str, version: int) -> None:
    """Refuse a document of another kind or schema version, saying what was expected."""
    found = document.get("kind") if isinstance(document, dict) else None
    if found != kind:
        raise DocumentError("result.kind", found=found, kind=kind)
    assert isinstance(document, dict)
    if document.get("schema_version") != version:
        raise DocumentError("result.schema_version", kind=kind, get=document.get("schema_version"), version=version)


def encode(item: object) -> Any:  # noqa: ANN401, PLR0911 - JSON is an untyped tree
    """Turn a value into JSON types: arrays to nested lists, NaN to null, dataclasses to objects."""
    if isinstance(item, np.ndarray):
        return _encode_array(item)
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
    return item


def _encode_array(array: np.ndarray[Any, Any]) -> Any:  # noqa: ANN401
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        boxed = array.astype(object)
        boxed[~np.isfinite(array)] = None
        return boxed.tolist()
    return array.tolist()


def encode_fields(item: Any) -> dict[str, Any]:  # noqa: ANN401
    """Turn the fields of a dataclass into a JSON object."""
    return {f.name: encode(getattr(item, f.name)) for f in fields(item)}


def decode(hint: Any, item: Any, where: str) -> Any:  # noqa: ANN401, PLR0911
    """Rebuild a value of the annotated type from JSON types; faults name the place in the document."""
    if isinstance(hint, type) and is_dataclass(hint):
        return _decode_fields(hint, item, where)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        inner = [a for a in args if a is not type(None)]
        fits = [
            a for a in inner if (typing.get_origin(a) is np.ndarray) == isinstance(item, list)
        ]  # one number or several
        return None if item is None else decode([*fits, *inner][0], item, where)
    if origin is np.ndarray:
        return _decode_array(dtype_of(hint), item)
    if origin is tuple:
        return tuple(decode(args[0], v, f"{where}[{i}]") for i, v in enumerate(item))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {k: decode(args[1], v, f"{where}.{k}") for k, v in item.items()}
    if hint is float:
        return math.nan if item is None else float(item)
    if hasattr(hint, "model_validate"):
        return hint.model_validate(item)
    return item


def _decode_array(dtype: np.dtype[Any], item: Any) -> np.ndarray[Any, Any]:  # noqa: ANN401
    if dtype.kind == "f":
        return np.array(item, dtype=object).astype(dtype)
    return np.array(item, dtype=dtype)


def _decode_fields(cls: type, item: Any, where: str) -> object:  # noqa: ANN401
    hints = typing.get_type_hints(cls)
    wanted = {f.name for f in fields(cls)}
    return cls(**{name: _decode_field(hints[name], item[name], f"{where}.{name}") for name in wanted & set(item)})


def _decode_field(hint: Any, item: Any, where: str) -> Any:  # noqa: ANN401
    try:
        return decode(hint, item, where)
    except CompetencyDxError:
        raise
    except BARE as fault:
        raise DocumentError("result.field", where=where, fault=fault) from None


_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


@cache
def _outline(cls: type[JsonDocument]) -> dict[str, Any]:
    return cls.json_schema()


def check_content(item: Any, outline: Mapping[str, Any], definitions: Mapping[str, Any], where: str) -> None:  # noqa: ANN401
    """Refuse a document that does not have the fields and types of its schema, naming the path of the first that is not so."""
    if "$ref" in outline:
        name = outline["$ref"].removeprefix("#/$defs/")
        if name.startswith(ARRAY):
            return _check_array(item, name.removeprefix(ARRAY), where)
        return check_content(item, definitions[name], definitions, where)
    if "anyOf" in outline:
        if not any(_fits(item, one, definitions, where) for one in outline["anyOf"]):
            # the alternative of the same JSON type says what is wrong inside
            kinds = [one for one in outline["anyOf"] if isinstance(item, dict | list) and one.get("type") != "null"]
            check_content(item, kinds[0], definitions, where) if kinds else _refuse(item, outline, where)
        return None
    kinds = outline.get("type", ())
    allowed = [t for kind in ([kinds] if isinstance(kinds, str) else kinds) for t in _TYPES[kind]]
    if allowed and (not isinstance(item, tuple(allowed)) or (isinstance(item, bool) and bool not in allowed)):
        _refuse(item, outline, where)
    if ("const" in outline and item != outline["const"]) or ("enum" in outline and item not in outline["enum"]):
        _refuse(item, outline, where)
    if isinstance(item, dict):
        _check_object(item, outline, definitions, where)
    elif isinstance(item, list):
        if not outline.get("minItems", 0) <= len(item) <= outline.get("maxItems", math.inf):
            _refuse(item, outline, where)
        of_places = outline.get("prefixItems") or repeat(outline.get("items", {}))
        for k, (part, of_place) in enumerate(zip(item, of_places, strict=False)):
            check_content(part, of_place, definitions, f"{where}[{k}]")
    return None


def _fits(item: Any, outline: Mapping[str, Any], definitions: Mapping[str, Any], where: str) -> bool:  # noqa: ANN401
    try:
        check_content(item, outline, definitions, where)
    except DocumentError:
        return False
    return True


def _refuse(item: object, outline: Mapping[str, Any], where: str) -> NoReturn:
    kinds = [one.get("type", "object") for one in outline.get("anyOf", [outline])]
    named = [k for kind in kinds for k in ([kind] if isinstance(kind, str) else kind)]
    fixed = outline.get("enum") or ([outline["const"]] if "const" in outline else [])
    expected = fixed or [phrase(f"result.type_{kind.removeprefix(ARRAY)}") for kind in dict.fromkeys(named)]
    listing = named[0].startswith(ARRAY)
    given = masked(item) if isinstance(item, str) else Verbatim("[…]" if isinstance(item, list) else "{…}")
    shown = given if isinstance(item, str | list | dict) else item
    raise DocumentError("result.array" if listing else "result.value", where=where, given=shown, expected=expected)


def _check_object(item: dict[str, Any], outline: Mapping[str, Any], definitions: Mapping[str, Any], where: str) -> None:
    properties, further = outline.get("properties", {}), outline.get("additionalProperties", True)
    missing = [name for name in outline.get("required", ()) if name not in item]
    unknown = [name for name in item if name not in properties] if further is False else []
    if missing or unknown:
        raise DocumentError("result.fields", where=where, unknown=sorted(unknown), missing=sorted(missing))
    for name, part in item.items():
        of_field = properties.get(name, further)
        if isinstance(of_field, Mapping):
            check_content(part, of_field, definitions, f"{where}.{name}")


def _check_array(item: object, cell: str, where: str) -> None:
    """Refuse what is no array of such cells: lists in lists of the same depth."""
    level: Any = item
    while isinstance(level, list) and any(isinstance(part, list) for part in level):
        if not all(isinstance(part, list) for part in level):
            _refuse(item, {"type": f"{ARRAY}{cell}"}, where)
        level = list(chain.from_iterable(level))
    allowed = {*_TYPES[cell], *({type(None)} if cell == "number" else ())}
    if not isinstance(level, list) or not set(map(type, level)) <= allowed:
        _refuse(item, {"type": f"{ARRAY}{cell}"}, where)


_PLAIN: Mapping[Any, dict[str, Any]] = {
    Any: {},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": ["number", "null"]},
    type(None): {"type": "null"},
}
_CELLS = {"f": "number", "i": "integer", "u": "integer", "b": "boolean", "O": "string"}


def schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401, PLR0911
    """Return the JSON Schema of what `encode` writes for an annotated type; named types go into `definitions`."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if origin is NotRequired:
        return schema(args[0], definitions)
    if origin is Annotated:
        notes = [{"description": note} if isinstance(note, str) else note for note in args[1:]]
        return dict(reduce(or_, notes, schema(args[0], definitions)))
    if origin is Literal:
        return {"enum": list(args)}
    if origin in {typing.Union, types.UnionType}:
        return {"anyOf": [schema(a, definitions) for a in args]}
    if origin is np.ndarray:
        return _array(dtype_of(hint).kind, definitions)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        keys = {} if args[0] is str else {"propertyNames": schema(args[0], definitions)}
        return {"type": "object", "additionalProperties": schema(args[1], definitions)} | keys
    if origin is tuple and args[-1] is not ...:
        n = len(args)
        cells = [schema(a, definitions) for a in args]
        return {"type": "array", "prefixItems": cells, "items": False, "minItems": n, "maxItems": n}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return {"type": "array", "items": schema(args[0], definitions)}
    if hint.__name__ not in definitions:
        definitions[hint.__name__] = {}  # a type may hold values of its own kind
        definitions[hint.__name__] = _object(hint, definitions)
    return {"$ref": f"#/$defs/{hint.__name__}"}


def _object(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """Return the schema of a dataclass, a `TypedDict` or a pydantic document: an object with these fields and no others."""
    if hasattr(hint, "model_json_schema"):
        out = cast("dict[str, Any]", hint.model_json_schema(mode="validation"))
        definitions.update(out.pop("$defs", {}))
        return out
    hints = typing.get_type_hints(hint, include_extras=True)
    names = [f.name for f in fields(hint)] if is_dataclass(hint) else list(hints)
    later = {n for n in names if typing.get_origin(hints[n]) is NotRequired}
    if is_dataclass(hint):  # a container added later is absent from earlier documents
        later = {f.name for f in fields(hint) if f.default_factory is not MISSING}
    about = (hint.__doc__ or "").partition("\n")[0]
    return {
        **({"description": about} if about else {}),
        "type": "object",
        "properties": {name: schema(hints[name], definitions) for name in names},
        "required": [n for n in names if n not in later],
        "additionalProperties": False,
    }


def _array(kind: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an array with any number of axes: lists in lists, null where a number is NaN."""
    name = f"{ARRAY}{_CELLS[kind]}"
    cell = {"type": ["number", "null"] if kind == "f" else _CELLS[kind]}
    definitions[name] = {"type": "array", "items": {"anyOf": [cell, {"$ref": f"#/$defs/{name}"}]}}
    return {"$ref": f"#/$defs/{name}"}
