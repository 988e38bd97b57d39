"""The check of a document against its schema (see `schemas` for the keywords): made once, run on every document that is read."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from competency_dx.arrays import FrozenDict
from competency_dx.errors import DocumentError, Verbatim, phrase, repeated
from competency_dx.personal_data import hidden_ids, masked

Json = Any
LARGEST = 1e15  # numbers of a document are not beyond it, on either side
DEEPEST = 32  # levels of lists and objects in what may be anything
SLACK = 1e-6  # rounding that a correlation matrix, a sum or an order may have
Part = Mapping[str, Any]
Scopes = tuple[tuple[dict[str, Json], dict[str, Json]], ...]
"""The objects around a value, the innermost last, each with the sizes and ids looked up in it."""
Check = Callable[[Json, Scopes], None]
_TYPES: Mapping[str, tuple[type, ...]] = FrozenDict(
    string=(str,), boolean=(bool,), integer=(int,), number=(int, float), null=(type(None),), array=(list,), object=(dict,)
)


class _FaultError(Exception):
    """What is wrong, and the path so far, which grows on the way out."""

    def __init__(self, code: str, path: str = "", /, **facts: Json) -> None:
        super().__init__(code)
        self.code, self.path, self.facts = code, path, facts
        self.plain = isinstance(facts.get("expected"), Mapping)


def check_document(document: object, check: Check, where: str) -> None:
    """Refuse a document that is not as its schema says by a `DocumentError` with the path of the first field that is not so."""
    try:
        check(document, ())
    except _FaultError as fault:
        code, facts = fault.code, _in_words(**fault.facts) if "expected" in fault.facts else fault.facts
        if "twice" in facts and "person" in fault.path:
            facts = {"twice": hidden_ids(facts["twice"], range(len(facts["twice"])))}
        raise DocumentError(code, where=where + fault.path, **facts) from None


def compiled(outline: Part) -> Check:
    """Return the check of a schema; making it takes longer than running it."""
    return _Compiler(outline.get("$defs", {})).node(outline)


def _at(step: str, check: Callable[..., None], *given: Json) -> None:
    """Run a check of what is inside a value, so that a fault has the step to it, ``.name`` or ``[k]``, in its path."""
    try:
        check(*given)
    except _FaultError as fault:
        fault.path = step + fault.path
        raise


class _Compiler:
    """Turns parts of a schema into checks; each definition once."""

    def __init__(self, definitions: Part) -> None:
        self.definitions, self.made = definitions, dict[str, Check]()

    def node(self, part: Part) -> Check:
        if "$ref" in part:
            name = part["$ref"].removeprefix("#/$defs/")
            if name not in self.made:
                self.made[name] = self.node(self.definitions[name])
            return self.made[name]
        by_itself = self.by_itself(part)
        relations = [partial(relation, part) for name, relation in _RELATIONS.items() if part.get(name) is not None]

        def check(item: Json, scopes: Scopes) -> None:
            by_itself(item, scopes)
            if item is not None:
                for relation in relations:
                    relation(item, scopes)

        return check if relations else by_itself

    def by_itself(self, part: Part) -> Check:
        if arms := part.get("anyOf", part.get("oneOf")):
            return self.alternatives(part, arms)
        if "type" not in part:
            return partial(_one_of, part) if {"enum", "const"} & part.keys() else _shallow
        inner = {"array": self.array, "object": self.object}
        by_type = {of: inner.get(k, partial(_plain, k))(part) for k in _kinds(part) for of in _TYPES[k]}

        def check(item: Json, scopes: Scopes) -> None:
            if (of_type := by_type.get(type(item))) is None:
                raise _wrong(item, part)
            of_type(item, scopes)

        return check

    def alternatives(self, part: Part, arms: Iterable[Part]) -> Check:
        checks = [self.node(arm) for arm in arms]

        def check(item: Json, scopes: Scopes) -> None:
            faults = []
            for one in checks:
                try:
                    return one(item, scopes)
                except _FaultError as fault:
                    faults.append(fault)
            deepest = max(faults, key=lambda fault: (len(fault.path), not fault.plain))
            raise _wrong(item, part) if deepest.plain and not deepest.path else deepest

        return check

    def object(self, part: Part) -> Check:
        properties = {name: self.node(one) for name, one in part.get("properties", {}).items()}
        required, further = frozenset(part.get("required", ())), part.get("additionalProperties", True)
        rest = self.node(further if isinstance(further, Mapping) else {})
        names = self.node(part.get("propertyNames", {}))

        def check(item: dict[str, Json], scopes: Scopes) -> None:
            unknown = item.keys() - properties.keys() if further is False else ()
            if unknown or not required <= item.keys():
                raise _FaultError("result.fields", unknown=sorted(unknown), missing=sorted(required - item.keys()))
            scopes = (*scopes, (item, {}))
            for name, value in item.items():
                if "propertyNames" in part:
                    _at(f".{name}", names, name, scopes)
                _at(f".{name}", properties.get(name, rest), value, scopes)

        return check

    def array(self, part: Part) -> Check:
        depth, cell = len(part.get("axes", "1")), part.get("items") or {}
        for _ in range(1, depth):
            cell = cell["items"]
        scalar = {*_kinds(cell)} - {"null"} in ({"number"}, {"integer"}, {"boolean"}, {"string"})
        each, places = self.node(cell), [self.node(one) for one in part.get("prefixItems", ())]
        least, most = part.get("minItems", 0), part.get("maxItems", math.inf)

        def check(item: list[Json], scopes: Scopes) -> None:
            if not least <= len(item) <= most:
                raise _wrong(item, "at_least", n=least) if len(item) < least else _wrong(item, "at_most", n=most)
            if scalar:
                _check_cells(item, cell, depth, each)
            for k, one in enumerate(() if scalar else item):
                _at(f"[{k}]", places[k] if places else each, one, scopes)

        return check


def _kinds(part: Part) -> list[str]:
    kinds = part.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _wrong(item: object, expected: Part | str, path: str = "", /, **facts: object) -> _FaultError:
    """Return that a value is not what was expected (a part, or a phrase), which is put into words when nothing else fits it."""
    return _FaultError("result.value", path, given=item, expected=(expected, facts) if isinstance(expected, str) else expected)


def _in_words(given: object, expected: Part | tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the facts of the sentence on a value that is not what was expected."""
    if isinstance(expected, tuple):
        words = [phrase(f"result.type_{expected[0]}", **expected[1])]
    else:
        far = isinstance(given, int | float) and not abs(given) <= LARGEST
        words = [word for arm in expected.get("anyOf", expected.get("oneOf", [expected])) for word in _expected(arm, far=far)]
    if isinstance(given, str | list | dict):
        given = masked(given) if isinstance(given, str) else Verbatim(f"[{'…' * bool(given)}]" if isinstance(given, list) else "{…}")
    return {"given": given, "expected": words}


def _expected(part: Part, *, far: bool) -> list[Json]:
    if {"enum", "const"} & part.keys():
        return list(part.get("enum") or [part["const"]])
    low, high, _ = _bounds(part)
    out = [phrase(f"result.type_{kind}") for kind in dict.fromkeys(_kinds(part) or ["object"])]
    return [*out, phrase("result.type_range", low=low, high=high)] if far or (low, high) != (-LARGEST, LARGEST) else out


def _shallow(item: Json, _: Scopes) -> None:
    """Refuse what may be anything where it is nested too deep to be worked with."""
    level = [item]
    for _level in range(DEEPEST):
        inner = (part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list))
        if not (level := list(chain.from_iterable(inner))):
            return
    raise _wrong(item, "depth", most=DEEPEST)


def _one_of(part: Part, item: Json, _: Scopes = ()) -> None:
    if not any(type(item) is type(one) and item == one for one in part.get("enum") or [part["const"]]):
        raise _wrong(item, part)


def _plain(kind: str, part: Part) -> Check:
    """Return the check of a number or a text."""
    low, high, ends = _bounds(part)
    number, shortest = kind in {"integer", "number"}, part.get("minLength", 0) if kind == "string" else 0

    def check(item: Json, _: Scopes) -> None:
        if "enum" in part:
            _one_of(part, item)
        if number and (not low <= item <= high or item in ends):
            raise _wrong(item, part)
        if shortest and len(item) < shortest:
            raise _wrong(item, "some_text")

    return check


def _bounds(part: Part) -> tuple[float, float, set[float]]:
    """Return the lowest and the highest number that is allowed, and the ends that are not."""
    above, below = part.get("exclusiveMinimum", -math.inf), part.get("exclusiveMaximum", math.inf)
    return max(part.get("minimum", -LARGEST), above), min(part.get("maximum", LARGEST), below), {above, below}


def _check_cells(item: list[Json], cell: Part, depth: int, check: Check) -> None:
    """Refuse what is no array of such cells: lists of equal length inside each other, so deep."""
    level: list[Json] = item
    for k in range(1, depth):
        n = len(level[0]) if level and isinstance(level[0], list) else 0
        if any(type(row) is not list or len(row) != n for row in level):
            path, row = next((p, row) for p, row in _spread(item, k) if type(row) is not list or len(row) != n)
            raise _wrong(row, "size", path, n=n)
        level = list(chain.from_iterable(level))
    kinds, allowed = {*map(type, level)}, {of for name in _kinds(cell) for of in _TYPES[name]}
    if kinds <= allowed and not {"enum", "minLength"} & cell.keys():
        numbers = [x for x in level if x is not None] if type(None) in kinds else level
        low, high, ends = _bounds(cell)
        whole = not numbers or not allowed & {int, float} or (low <= min(numbers) and max(numbers) <= high)
        if whole and ((math.isinf(min(ends)) and math.isinf(max(ends))) or not ends & {*numbers}):
            return
    for path, one in _spread(item, depth):
        _at(path, check, one, ())


def _spread(item: Json, depth: int, path: str = "") -> Iterator[tuple[str, Json]]:
    """Yield what is so deep inside lists, with its path."""
    if depth == 0 or not isinstance(item, list):
        yield path, item
    else:
        for k, one in enumerate(item):
            yield from _spread(one, depth - 1, f"{path}[{k}]")


def _check_sum(part: Part, item: Json, _: Scopes) -> None:
    if abs(sum(x or 0 for _, x in _spread(item, 1)) - part["sum"]) > SLACK:
        raise _wrong(item, "sum", n=part["sum"])


def _check_covariance(part: Part, item: Json, _: Scopes) -> None:
    """Refuse matrices that are no covariances, or have no variance where that is asked; what is not known is passed over."""
    numbers = np.array(item, dtype=object).astype(np.float64)
    if not numbers.size:
        return
    V = numbers.reshape(-1, *numbers.shape[-2:])
    variances, known = np.diagonal(V, axis1=1, axis2=2), np.isfinite(V).all(axis=(1, 2))
    good = not (variances < -SLACK).any() and V.shape[1] == V.shape[2]
    good = good and np.allclose(V, V.transpose(0, 2, 1), rtol=SLACK, atol=SLACK**2, equal_nan=True)
    scale = 1 / np.sqrt(np.where(variances[known] > SLACK**2, variances[known], 1.0))
    try:
        np.linalg.cholesky(V[known] * scale[:, :, None] * scale[:, None, :] + 2 * SLACK * np.eye(V.shape[1]))
    except (ValueError, np.linalg.LinAlgError):
        good = False
    if not good:
        raise _wrong(item, "covariance")
    if part["covariance"] == "definite" and (variances < SLACK**2).any():
        raise _wrong(item, "definite")


def _check_twice(part: Part, item: list[Json], scopes: Scopes) -> None:
    beside = (scopes[-1][0].get(name) for name in part.get("uniqueWith", ()))
    rows = zip(item, *(column for column in beside if column and isinstance(column, list)), strict=False)
    ids: Json = [one[part["key"]] for one in item] if "key" in part else [*rows] if "uniqueWith" in part else item
    if twice := repeated(ids):
        raise _FaultError("result.twice", twice=twice)


def _check_within(part: Part, item: list[Json], _: Scopes) -> None:
    name = part["within"].removesuffix("?")
    outer = {one[part["key"]]: one[name] for one in item}
    for k, one in enumerate(item):
        at, passed = one[name], {one[part["key"]]}
        while at in outer and at not in passed:
            passed.add(at)
            at = outer[at]
        if at in passed or (at is not None and name == part["within"]):
            raise _wrong(one[name], "within", f"[{k}].{name}", key=part["key"])


def _looked_up(path: str, scopes: Scopes) -> Json:
    """Return the list, the mapping or the ids that a path leads to, None where there is nothing, or what is refused anyway."""
    first, *rest = path.split(".")
    for held, seen in reversed(scopes):
        if path not in seen and first in held:
            out = held[first]
            for step in rest:
                try:
                    inner = isinstance(out, list) and not step.isdigit()
                    out = [one[step] for one in out] if inner else out[int(step) if isinstance(out, list) else step]
                except (LookupError, TypeError):
                    out = None
            seen[path] = out if isinstance(out, list | dict) else None
        if path in seen:
            return seen[path]
    return None


def _size(axis: str, scopes: Scopes) -> int | None:
    """Return the size that an axis has to have, None where nothing says so yet."""
    total = 0
    for term in axis.split("+"):
        whole, letter = term.lstrip("-").isdigit(), len(term) == 1 and term.isupper()
        known = int(term) if whole else scopes[-1][1].get(term) if letter else _looked_up(term, scopes)
        if known is None:
            return None
        total += known if isinstance(known, int) else len(known)
    return total


def _check_axes(part: Part, item: Json, scopes: Scopes) -> None:
    level, path = item, ""
    for axis in part["axes"]:
        if not level and str(axis).endswith("?"):
            return
        name = str(axis).removesuffix("?")
        if (size := _size(name, scopes)) is None:
            scopes[-1][1][name] = len(level)
        elif size != len(level):
            raise _wrong(level, "size_of", path, n=size, name=name)
        if not level:
            return
        level, path = level[0], f"{path}[0]"


def _check_cells_beside(name: str, part: Part, item: Json, scopes: Scopes) -> None:
    """Refuse texts that are not among the ids, or places that are not in the list, which a path leads to."""
    there: Any = _looked_up(part[name], scopes) if name == "among" else _size(part[name], scopes)
    if there is None:
        return
    known = {x for x in there if isinstance(x, str)} if name == "among" else ()
    for path, one in _spread(list(item) if isinstance(item, dict) else item, len(part.get("axes", "1"))):
        if one is not None and not (one in known if name == "among" else one < there):
            raise _wrong(one, name, path, name=part[name], n=there)


def _check_each(name: str, part: Part, item: Json, scopes: Scopes) -> None:
    there = {x for x in _looked_up(part[name], scopes) or () if isinstance(x, str)}
    given = {*item} if isinstance(item, dict) else {one[part["key"]] for one in item}
    if given != there:
        raise _FaultError("result.fields", unknown=sorted(given - there), missing=sorted(there - given))


def _check_order(part: Part, item: Json, scopes: Scopes) -> None:
    name, depth = part["notBelow"], len(part.get("axes", ()))
    other = [one for _, one in _spread(scopes[-1][0].get(name), depth)]
    for (path, one), low in zip(_spread(item, depth), other, strict=False):
        if one is not None and isinstance(low, int | float) and one < low - SLACK:
            raise _wrong(one, "not_below", path, name=name, low=low)


_RELATIONS: Mapping[str, Callable[[Part, Json, Scopes], None]] = {
    "axes": _check_axes,
    "among": partial(_check_cells_beside, "among"),
    "placeIn": partial(_check_cells_beside, "placeIn"),
    "notBelow": _check_order,
    "uniqueItems": _check_twice,
    "uniqueWith": _check_twice,
    "key": _check_twice,
    "each": partial(_check_each, "each"),
    "by": partial(_check_each, "by"),
    "within": _check_within,
    "covariance": _check_covariance,
    "sum": _check_sum,
}
