"""The table of item families: kernels, free parameters, names. A new family is one kernel file and one row (docs/contributing.md)."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints, value
from competency_dx.errors import ModelError
from competency_dx.kernels import families as of_families
from competency_dx.kernels.families import asymptotes, graded, nested_logit, nominal, partial_credit, rating_scale

Slope = Literal["free", "tied", "fixed"]
Steps = Literal["adjacent", "cumulative", "category", "location"]


class Extra(NamedTuple):
    """A shape parameter beside the intercepts.

    `kind` is the logit of an asymptote, the slope of a category or a common threshold, `number` which of them, 0 for the one of
    the key. `start` is its starting value; `absent` the value that switches it off; `tied` says that all items of the family
    with as many categories share it.
    """

    kind: Literal["c", "u", "slope", "threshold"]
    number: int
    start: float
    absent: float = 0.0
    tied: bool = False


Extras = Callable[[int], tuple[Extra, ...]]
LOWER = Extra("c", 0, -1.7, -np.inf)
UPPER = Extra("u", 0, 3.0, np.inf)


def _nested(*asymptote: Extra) -> Extras:
    """Return the extras of a nested logit: slope of the key, asymptotes, slopes of the distractors after the first."""
    kinds = {extra.kind for extra in asymptote}

    def extras(K: int) -> tuple[Extra, ...]:
        both = tuple(e if e.kind in kinds else e._replace(start=e.absent) for e in (LOWER, UPPER))
        return (Extra("slope", 0, 1.0), *both, *(Extra("slope", k, -0.2) for k in range(1, K - 1)))

    return extras


@value
class Family:
    """One item family, by the standard name of the field.

    `slope` is estimated for each item ("free"), one for all ("tied") or "fixed" at 1; where no slope of a test is estimated, the
    population variance is. `dichotomous_as` is the name under which a two-category item goes; a family that keeps its name has no more
    categories. `steps` says what intercepts are about: k against k - 1, cumulated ("adjacent"), k and above against below
    ("cumulative"), k against the lowest ("category"), or one "location" with common thresholds. `kernel` is the kernel file, `extras`
    gives the shape parameters beside the intercepts by the number of categories.
    """

    name: str
    slope: Slope
    dichotomous_as: str
    steps: Steps
    kernel: of_families.ItemKernel
    extras: Extras = lambda _: ()

    @property
    def polytomous(self) -> bool:
        """Return whether items may have more than two categories."""
        return self.dichotomous_as != self.name

    @property
    def options(self) -> bool:
        """Return whether categories are the options of a keyed multiple choice item rather than scores."""
        return self.kernel is nested_logit

    @property
    def free_slope(self) -> bool:
        """Return whether slopes are estimated, of the predictor or of categories; the variance is then fixed."""
        return self.slope != "fixed" or self.slope_in_extras

    @property
    def slope_in_extras(self) -> bool:
        """Return whether the extra parameters hold the slopes, the one of the predictor being fixed at 1."""
        return self.steps == "category"

    def step_matrix(self, K: int, width: int, S: int) -> Floats:
        """Return the matrix (K - 1, S) from shape parameters, the first `width` of them intercepts, to step intercepts d_k."""
        if self.steps != "location":
            return np.eye(K - 1, S) - (np.eye(K - 1, S, -1) if self.steps == "adjacent" else 0.0)
        out, inner = np.zeros((K - 1, S)), np.arange(K - 2)
        out[:, 0] = out[inner, width + inner] = 1.0
        out[inner + 1, width + inner] = -1.0
        return out


_divide_by_total = partial(Family, steps="adjacent", kernel=partial_credit)
_asymptotic = partial(Family, steps="adjacent", kernel=asymptotes)
_nominal = partial(Family, steps="category", kernel=nominal, extras=lambda K: tuple(Extra("slope", k, float(k)) for k in range(1, K)))
_keyed_choice = partial(Family, steps="category", kernel=nested_logit)
_rating = partial(Family, kernel=rating_scale, extras=lambda K: tuple(Extra("threshold", k, 0.0, tied=True) for k in range(1, K - 1)))
FAMILIES: dict[str, Family] = {
    f.name: f
    for f in (
        _divide_by_total(name="Rasch", slope="fixed", dichotomous_as="Rasch"),
        _divide_by_total(name="1PL", slope="tied", dichotomous_as="1PL"),
        _divide_by_total(name="2PL", slope="free", dichotomous_as="2PL"),
        _asymptotic(name="3PL", slope="free", dichotomous_as="3PL", extras=lambda _: (LOWER,)),
        _asymptotic(name="4PL", slope="free", dichotomous_as="4PL", extras=lambda _: (LOWER, UPPER)),
        _divide_by_total(name="PCM", slope="fixed", dichotomous_as="Rasch"),
        _rating(name="RSM", slope="fixed", dichotomous_as="Rasch", steps="location"),
        _divide_by_total(name="GPCM", slope="free", dichotomous_as="2PL"),
        Family(name="GRM", slope="free", dichotomous_as="2PL", steps="cumulative", kernel=graded),
        _nominal(name="NRM", slope="fixed", dichotomous_as="2PL"),
        _keyed_choice(name="2PLNRM", slope="fixed", dichotomous_as="2PL", extras=_nested()),
        _keyed_choice(name="3PLNRM", slope="fixed", dichotomous_as="3PL", extras=_nested(LOWER)),
        _keyed_choice(name="4PLNRM", slope="fixed", dichotomous_as="4PL", extras=_nested(LOWER, UPPER)),
    )
}
POLYTOMOUS_INSTEAD = {"Rasch": "PCM", "1PL": "PCM"}


def family(name: str) -> Family:
    """Return the family of this name; raises `ModelError` when there is none, naming those there are."""
    try:
        return FAMILIES[name]
    except KeyError:
        raise ModelError("models.no_family", name=name, families=FAMILIES) from None


def family_for(name: str, n_categories: int, item: str) -> Family:
    """Return the family of an item with so many categories; raises `ModelError` for more than two in a dichotomous family."""
    chosen = family(name)
    if n_categories == 2:
        return FAMILIES[chosen.dichotomous_as]
    if not chosen.polytomous:
        fitting = POLYTOMOUS_INSTEAD.get(name, "GPCM")
        raise ModelError("models.dichotomous_only", item=item, value=n_categories - 1, name=name, fitting=fitting)
    return chosen


def extras_of(families: Sequence[str], n_categories: Ints) -> Iterator[tuple[int, int, Extra]]:
    """Yield item and place of each extra parameter of items of so many categories."""
    for i, (name, m) in enumerate(zip(families, n_categories.tolist(), strict=True)):
        yield from ((i, j, extra) for j, extra in enumerate(FAMILIES[name].extras(m)))


def kernel_groups(families: Sequence[str]) -> of_families.Groups:
    """Return the kernels of a test with the positions of their items."""
    kernels = [FAMILIES[f].kernel for f in families]
    different = {id(k): k for k in kernels}.values()
    return tuple(of_families.KernelGroup(k, np.flatnonzero([own is k for own in kernels])) for k in different)
