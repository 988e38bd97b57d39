"""What is of an annotated type, and how types and values are written in a sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from numbers import Integral, Real
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

HUGE = 1e15  # numbers are not beyond it, on either side, but infinite
LONGEST = 60  # signs of a value in a sentence
_IN_NO_FILE = re.compile("[\0\ud800-\udfff]")
_UNIONS = (Union, UnionType)


def fits(given: Any, hint: Any) -> bool:  # noqa: ANN401, PLR0911 - a case for each kind of type
    """Tell whether something is of a type; a list does for a tuple, NaN is no number, a masked array is nothing."""
    kind, parts = get_origin(hint) or hint, get_args(hint)
    if kind in _UNIONS:
        return any(fits(given, part) for part in parts) and not (Path in parts and _IN_NO_FILE.search(str(given)))
    if kind is Literal:
        return isinstance(given, str) and given in parts
    if kind is Any or kind is object or not isinstance(kind, type):
        return True
    if kind in (int, float):
        number = isinstance(given, Integral if kind is int else Real) and not isinstance(given, bool)
        return number and (abs(given) <= HUGE or (kind is float and given in (-math.inf, math.inf)))
    if kind.__name__ == "Callable" or type(given).__name__ == "MaskedArray":
        return callable(given)
    if kind.__name__ == "ndarray":
        with suppress(TypeError, ValueError, OverflowError):
            return not isinstance(given, str | bytes) and import_module("numpy").asarray(given, get_args(parts[1])[0]) is not None
        return False
    if getattr(kind, "_is_protocol", False) and not parts:
        return all(hasattr(given, name) for name in vars(kind) if not name.startswith("_"))
    if parts and issubclass(kind, Mapping):
        return isinstance(given, Mapping) and all(fits(k, parts[0]) and fits(v, parts[1]) for k, v in given.items())
    if parts and issubclass(kind, Iterable):
        return _is_list(given, kind, parts)
    return isinstance(given, kind) or type(given).__name__ == getattr(kind, "only_name", "")


def _is_list(given: Any, kind: type, parts: tuple[Any, ...]) -> bool:  # noqa: ANN401
    """Tell whether something is a list of such parts, or a column of a table or an array."""
    listed = isinstance(given, Sequence) or getattr(given, "ndim", 0) == 1 or (kind is Iterable and isinstance(given, Iterator))
    if not listed or isinstance(given, str | bytes):
        return False
    if kind is tuple and parts[-1] is not ...:
        return len(given) == len(parts) and all(map(fits, given, parts))
    if parts[0] in (Any, object) or isinstance(given, Iterator):
        return True
    return all(fits(part, parts[0]) for part in ({type(part): part for part in given}.values() if parts[0] is str else given))


def type_text(hint: Any) -> str:  # noqa: ANN401
    """Return a type as Python writes it, without the modules of its parts."""
    kind, parts = get_origin(hint), get_args(hint)
    if kind in _UNIONS or kind is Literal:
        return " | ".join(repr(part) if kind is Literal else type_text(part) for part in parts)
    name = {"NoneType": "None", "ndarray": "array"}.get(bare := getattr(kind or hint, "__name__", str(hint)), bare)
    inner = ", ".join("..." if part is ... else type_text(part) for part in parts)
    return f"{name}[{inner}]" if parts and name not in {"array", "Callable"} else name


def value_text(given: object) -> str:
    """Return a short value as Python writes it, and its type."""
    text, kind = repr(given), type(given).__name__
    return kind if len(text) > LONGEST or "<" in text or "\n" in text else f"{text} ({kind})"
