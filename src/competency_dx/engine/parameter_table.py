"""The free parameters of a calibration: what each one is, and the change between the kernels' form and the reported one.

Kernels take slopes, intercepts e_k and logits of asymptotes (kernels/families/__init__.py); reports give steps
d_k = e_k - e_{k-1} of families whose categories are compared with their neighbours. Names are made here for display and for
`Constraints`; nothing reads a fact out of one.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, get_args

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, value
from competency_dx.models import Family
from competency_dx.schemas import held_to

Kind = Literal["a", "d", "e", "c", "u", "slope", "threshold", "mean", "coefficient", "variance", "covariance", "correlation"]
KINDS: tuple[str, ...] = get_args(Kind)
WRITTEN = {"c": "logit_c", "u": "logit_u", "slope": "a", "threshold": "t"}  # kinds whose names are not their letters


class Parameter(NamedTuple):
    """One free parameter; the fields are those of `ParameterTable`."""

    kind: Kind
    item: int = -1
    column: int = -1
    number: int = 0
    group: int = -1
    dimension: int = -1
    other: int = -1
    term: str = ""
    below: int = -1
    shared: bool = False


class ItemErrors(NamedTuple):
    """Covariance (N, N) of parameters of items in the kernels' form, row and column in ``ItemParameters.beta`` of each (N,)."""

    covariance: Floats
    item: Ints
    column: Ints

    def variance(self, gradient: Floats) -> Floats:
        """Return the covariance (M, M) of M numbers with these derivatives by the parameters (M, I, F)."""
        of = gradient[:, self.item, self.column]
        return np.asarray(of @ self.covariance @ of.T)


@value
class ParameterTable:
    """The free parameters φ (F,) of a calibration, those of the items first.

    `kind` of items: slope ``a``, step ``d``, intercept ``e`` against the lowest category where the one below is not estimated, logit of
    an asymptote ``c`` or ``u``, ``slope`` of a category, common ``threshold``. Of the population: ``mean``, ``coefficient``,
    ``variance``, ``covariance``, ``correlation`` (a covariance of two competencies of variance 1).
    `item` is the row of the item parameters, of equal ones the first, `column` that of ``ItemParameters.beta``: slopes (D), intercepts
    (K - 1), extras (E); -1 for the population. `number`: which slope, step or category, from 1, 0 where there is only one. `group`:
    whose parameter it is, -1 where it is the same in all. `dimension`, `other`: the competency, and the second one of a covariance, -1
    for none. `term`: the covariate of a coefficient.
    `below`: for a step d_k = e_k - e_{k-1} the free parameter that holds e_{k-1}, -1 where the reported form is the kernel's. `shared`:
    whether several parameters are this one, by the family or by constraint.
    """

    kind: tuple[Kind, ...]
    item: Annotated[Ints, held_to("kind", minimum=-1, placeIn="parameters.items")]
    column: Annotated[Ints, held_to("kind", minimum=-1, placeIn="parameters.covariance.0")]
    number: Annotated[Ints, held_to("kind", minimum=0)]
    group: Annotated[Ints, held_to("kind", minimum=-1, placeIn="groups")]
    dimension: Annotated[Ints, held_to("kind", minimum=-1, placeIn="parameters.population.dimensions")]
    other: Annotated[Ints, held_to("kind", minimum=-1, placeIn="parameters.population.dimensions")]
    term: Annotated[tuple[str, ...], held_to("kind")]
    below: Annotated[Ints, held_to("kind", minimum=-1, placeIn="kind")]
    shared: Annotated[Bools, held_to("kind")]

    @property
    def of_items(self) -> Bools:
        """Return which parameters are those of items (F,)."""
        return np.asarray(self.item >= 0)

    def is_kind(self, *kinds: Kind) -> Bools:
        """Return which parameters are of one of the kinds (F,)."""
        return np.array([kind in kinds for kind in self.kind], dtype=np.bool_)

    @property
    def to_reported(self) -> Floats:
        """Return the matrix T (F, F) with reported values T φ and covariance T V Tᵀ."""
        T = np.eye(len(self.kind))
        steps = np.flatnonzero(self.below >= 0)
        T[steps, self.below[steps]] = -1.0
        return T

    def in_kernel_form(self, covariance: Floats) -> Floats:
        """Return the covariance (F, F) of φ, V = T⁻¹ C T⁻ᵀ, for the reported one C."""
        return np.asarray(np.linalg.solve(self.to_reported, np.linalg.solve(self.to_reported, covariance).T).T)

    def item_errors(self, covariance: Floats) -> ItemErrors | None:
        """Return the errors of the items together; None where parameters of several items are one, or nothing is estimated."""
        own = np.flatnonzero(self.of_items)
        if not len(own) or self.shared.any() or np.isnan(covariance).any():
            return None
        return ItemErrors(self.in_kernel_form(covariance)[np.ix_(own, own)], self.item[own], self.column[own])

    def names(self, items: Sequence[str], dimensions: Sequence[str] = ("",), groups: Sequence[str] = ("",)) -> tuple[str, ...]:
        """Return names for display: ``item.d1``, ``variance.b`` of group b, ``correlation.x.y``."""
        out = []
        for k, kind in enumerate(self.kind):
            group = [groups[self.group[k]]] if len(groups) > 1 and self.group[k] >= 0 else []
            if self.item[k] >= 0:
                out.append(item_name("@".join([items[self.item[k]], *group]), kind, int(self.number[k])))
                continue
            own = [dimensions[d] for d in (self.dimension[k], self.other[k]) if d >= 0] if len(dimensions) > 1 else []
            parts = [*group, *own] if kind in {"mean", "coefficient"} else [*own, *group]
            out.append(".".join([self.term[k] or kind, *parts]))
        return tuple(out)


def table_of(rows: Sequence[Parameter]) -> ParameterTable:
    """Return the table of parameters given one by one."""
    columns: Any = zip(*rows, strict=True) if rows else [()] * len(Parameter._fields)
    return ParameterTable(**dict(zip(Parameter._fields, columns, strict=True)))


def item_name(item: str, kind: Kind, number: int) -> str:
    """Return the name of a parameter of an item."""
    return f"{item}.{WRITTEN.get(kind, kind)}{number or ''}"


def shape_kinds(family: Family, n_categories: int, width: int) -> dict[int, tuple[Kind, int]]:
    """Return kind and number of each shape parameter of an item, by its column after the slopes; `width` is K - 1."""
    steps: dict[int, tuple[Kind, int]] = {k: ("d", k + 1 if n_categories > 2 else 0) for k in range(n_categories - 1)}
    return steps | {width + j: (extra.kind, extra.number) for j, extra in enumerate(family.extras(n_categories))}
