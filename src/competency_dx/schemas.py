"""JSON Schemas derived from types: what `checking` holds every document to before it is used.

A type says what its document may hold: by its fields, and by keywords of JSON Schema in `Annotated[…, held_to(…)]`. Further
keywords say what JSON Schema has no words for; other programs pass over them:

``axes`` : sizes of a list in lists, each the length of a field (by path), a number, a capital that means one size in the whole
object, or a sum of these; with a question mark the list may be empty.
``key``, ``each`` : the field that tells the objects of a list apart, and where the ids are of which each is there exactly once;
in ``order`` of the document where arrays go by the places of the list: it is read in that order, however it stands there.
``by``, ``uniqueWith`` : the ids that a list without ids of its own is an object by; the lists beside it that tell equal entries apart.
``within`` : the field that names the object another is part of, in no circle; with a question mark it may not be in the list.
``among``, ``placeIn`` : the ids that texts are among; the list, or the sum of sizes, that whole numbers are places in.
``notBelow`` : the neighbouring field whose values are not larger.
``covariance``, ``sum`` : positive semidefinite matrices, ``"definite"`` with variances above 0; what the numbers add up to.

Paths are looked for in the object itself, then in those around it.
"""

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, NotRequired, cast

import numpy as np

from competency_dx.arrays import dtype_of, is_array

OF_CELLS = ("type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "enum")
_NAMED = {str: "string", bool: "boolean", int: "integer", float: ["number", "null"], type(None): "null"}
_PLAIN: Mapping[Any, dict[str, Any]] = {Any: {}, **{of: {"type": name} for of, name in _NAMED.items()}}
_CELLS = {"f": float, "i": int, "u": int, "b": bool, "O": str}


def schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401, PLR0911
    """Return the JSON Schema of what is written for an annotated type; named types go into `definitions`."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if origin is NotRequired:
        return schema(args[0], definitions)
    if origin is Annotated:
        notes = [{"description": note} if isinstance(note, str) else note for note in args[1:]]
        return _noted(schema(args[0], definitions), dict(reduce(or_, notes, {})))
    if origin is Literal:
        return {"enum": list(args)}
    if origin in {typing.Union, types.UnionType}:
        return {"anyOf": [schema(a, definitions) for a in args]}
    if is_array(hint):
        return {"type": "array", "items": _cell(dtype_of(hint))}
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
        definitions[hint.__name__] = object_schema(hint, definitions)
    return {"$ref": f"#/$defs/{hint.__name__}"}


def _cell(dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return the schema of a number of an array; whole ones of few bytes have the range of these."""
    plain = _PLAIN[_CELLS[dtype.kind]]
    narrow = dtype.kind in "iu" and dtype.itemsize < 8
    return plain | {"minimum": int(np.iinfo(dtype).min), "maximum": int(np.iinfo(dtype).max)} if narrow else plain


def _noted(part: dict[str, Any], notes: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with further keywords: of alternatives each has them, of lists the cells have the ranges."""
    if "anyOf" in part:
        told = {k: v for k, v in notes.items() if k in {"description", "default"}}
        return {"anyOf": [_noted(one, {k: v for k, v in notes.items() if k not in told}) for one in part["anyOf"]]} | told
    if part.get("type") == "null":
        return part
    if "by" in notes:
        return {"type": "object", "additionalProperties": part["items"], "by": notes["by"]}
    if part.get("type") != "array":
        return part | {k: list(v) if isinstance(v, tuple) else v for k, v in notes.items() if k != "axes"}
    if "prefixItems" in part:
        return part | notes
    cell, axes = part, notes.get("axes", ("",))
    for _ in axes:
        cell = cell["items"] if cell.get("type") == "array" else cell
    cell = cell | {k: v for k, v in notes.items() if k in OF_CELLS}
    for _ in axes:
        cell = {"type": "array", "items": cell}
    sized = {"axes": list(axes)} if "axes" in notes else {}
    return part | cell | {k: v for k, v in notes.items() if k not in OF_CELLS} | sized


def ordered_lists(part: Mapping[str, Any], definitions: Mapping[str, Any], path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return path and key of the lists of objects that arrays go by the places of, by their name in ``order``."""
    out: dict[str, Any] = {}
    for name, one in definitions.get(part.get("$ref", "").removeprefix("#/$defs/"), part).get("properties", {}).items():
        if one.get("each", "").startswith("order."):
            out[one["each"].removeprefix("order.")] = ((*path, name), one["key"])
        out |= ordered_lists(one, definitions, (*path, name))
    return out


def object_schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
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


def document_schema(kind: str, version: int, content: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a kind of document under its `$id`, a name that is no address."""
    title = f"competency_dx {kind.replace('_', ' ')} {version}"
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:competency-dx:{kind}:{version}"}
    return head | {"title": title} | {k: v for k, v in content.items() if k != "title"}
