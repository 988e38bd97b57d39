"""Frozen values: the decorator of every value class, types of their fields, and read-only copies of arrays."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, NoReturn, Self, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints
from unicodedata import normalize

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from competency_dx.errors import CompetencyDxError, checked, kind_and_parts

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]
Bools = NDArray[np.bool_]
Names = NDArray[np.object_]
Z95 = 1.959963984540054  # half a 95 % interval in standard errors: the .975 quantile of a standard normal


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=False)
def value(cls: type[T]) -> type[T]:
    """Turn a class into a frozen value: slots, keyword-only fields, identity comparison; a text form of its own is kept.

    Fields annotated as arrays become read-only copies of the annotated dtype; where whole numbers do not fit, of their own,
    for a ``__post_init__`` of the class to refuse. Dictionaries become frozen ones.
    """
    own, checks = cls.__repr__ is not object.__repr__, getattr(cls, "__post_init__", None)

    @cache  # when first asked: annotations may name what the module defines later
    def arrays() -> dict[str, np.dtype[Any] | None]:
        """Return the dtypes of the fields that are annotated as arrays, alone or beside other types; None of mappings."""
        unions = (Union, UnionType)
        kinds = {n: get_args(h) if get_origin(h) in unions else (h,) for n, h in get_type_hints(cls).items()}
        frozen = {n: None for n, hints in kinds.items() if get_origin(hints[0]) is Mapping}
        return frozen | {n: dtype_of(hint) for n, hints in kinds.items() for hint in hints if is_array(hint)}

    def frozen(instance: object) -> None:
        for name, dtype in arrays().items():
            held = getattr(instance, name)
            if dtype is None:
                object.__setattr__(instance, name, _frozen(held))
            elif held is not None and not isinstance(held, float):
                array, whole = readonly(held, dtype), dtype.kind in "iu" and getattr(held, "dtype", None) != dtype
                object.__setattr__(instance, name, array if not whole or np.array_equal(array, held) else readonly(held))
        if checks is not None:
            checks(instance)

    cls.__post_init__ = frozen  # type: ignore[attr-defined]
    frozen_class = dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=not own)(cls)
    inherited = {name for base in cls.__mro__[1:] for name in getattr(base, "__dataclass_fields__", ())}
    if inherited:  # they stand behind the fields of its own that have no default
        of = frozen_class.__dataclass_fields__  # type: ignore[attr-defined]
        later = {name for name, field in of.items() if {field.default, field.default_factory} != {MISSING}}
        ordered = sorted(of, key=lambda name: 1 if name in inherited else 2 * (name in later))
        frozen_class.__dataclass_fields__ = {name: of[name] for name in ordered}  # type: ignore[attr-defined]
    return frozen_class


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=False)
def choice(error: type[CompetencyDxError]) -> Callable[[type[T]], type[T]]:
    """Turn a class into a frozen value that is refused by such an error where a field is not of its annotated type."""
    return lambda cls: checked(error)(value(cls))


class FrozenDict(dict[K, V]):
    """A dictionary that cannot be changed: values hold it and hand it out without a copy."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("this mapping belongs to a frozen value; make a new one: dict(mapping) | {…}")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]  # what cannot be changed can be a key
        return hash(frozenset(self.items()))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> "tuple[type[FrozenDict[K, V]], tuple[dict[K, V]]]":
        return (FrozenDict, (dict(self),))


def held_to(*axes: str | int, **keywords: Any) -> FrozenDict[str, Any]:  # noqa: ANN401 - JSON values
    """Return sizes and keywords (see `schemas`) as the annotation of a type; an annotation that is a text is its description."""
    return FrozenDict({"axes": axes} | keywords if axes else keywords)


Finite = Annotated[float, held_to(type="number")]  # a number that is never NaN: its document has no null
NotNegative = Annotated[float, held_to(minimum=0)]
Probability = Annotated[float, held_to(minimum=0, maximum=1)]
Percent = Annotated[float, held_to(minimum=0, maximum=100)]
Count = Annotated[int, held_to(minimum=0)]
Ids = Annotated[tuple[str, ...], held_to(uniqueItems=True)]
Status = Annotated[str, held_to(enum=("provisional", "pilot", "calibrated"))]  # what stands behind the parameters of an item


def _frozen(part: Any) -> Any:  # noqa: ANN401
    return FrozenDict({name: _frozen(one) for name, one in part.items()}) if type(part) is dict else part


def readonly(array: ArrayLike, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Return a contiguous read-only array; an array that can still be written through is copied first."""
    out = np.ascontiguousarray(array, dtype=dtype)
    if out.flags.writeable:
        out = out.copy() if out is array or out.base is not None else out
        out.flags.writeable = False
    return out


def dtype_of(hint: Any) -> np.dtype[Any]:  # noqa: ANN401 - a type
    """Return the dtype of an annotated array."""
    out: np.dtype[Any] = np.dtype(get_args(kind_and_parts(hint)[1][1])[0])
    return out


def is_array(hint: Any) -> bool:  # noqa: ANN401 - a type
    """Tell whether a type is that of arrays."""
    return kind_and_parts(hint)[0] is np.ndarray


def names(ids: ArrayLike) -> Names:
    """Return ids as a read-only object array of strings of composed letters."""
    return readonly(np.array([normalize("NFC", str(i)) for i in np.asarray(ids, dtype=object).ravel()], dtype=object))


def blocks(n: int, size: int) -> Iterator[slice]:
    """Cut ``range(n)`` into consecutive slices of at most `size`."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def everywhere(mask: Bools) -> bool:
    """Return whether a mask is true in all cells; one value stretched over all of them is looked at once."""
    return bool(mask.all() if any(mask.strides) else mask[:1, :1].all())


def evenly(n: int, most: int) -> Ints:
    """Return at most so many of the numbers 0 … n - 1, evenly spread, the ends among them."""
    return np.linspace(0, n - 1, min(most, n)).round().astype(np.int64)


def spread_out(matrix: Floats, place: Ints, F: int) -> Floats:
    """Return a matrix (F, F) that holds `matrix` at the rows and columns `place`."""
    if len(place) == F:
        return matrix
    out = np.zeros((F, F))
    out[np.ix_(place, place)] = matrix
    return out
