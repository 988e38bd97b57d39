"""The table of item families: which kernel evaluates a family and which of its parameters are free.

Adding a family means one kernel file and one row here; see docs/contributing.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import numpy as np

from competency_dx.arrays import value
from competency_dx.errors import ModelError, listed
from competency_dx.kernels import graded, partial_credit
from competency_dx.kernels.dispatch import Groups, KernelGroup
from competency_dx.kernels.item_kernel import ItemKernel

FamilyName = Literal["Rasch", "2PL", "PCM", "GPCM", "GRM"]
Steps = Literal["adjacent", "cumulative"]


@value
class Family:
    """One item family.

    Attributes
    ----------
    name : str
        Standard name of the field.
    free_slope : bool
        Whether the slope is estimated; where no family of a test has one, the population variance is estimated.
    polytomous : bool
        Whether items may have more than two categories.
    dichotomous_as : str
        Name under which a two-category item of this family goes.
    steps : {"adjacent", "cumulative"}
        What the step intercepts d_k are about: k against k - 1, or k and above against below.
    kernel : ItemKernel
        The kernel file.
    """

    name: FamilyName
    free_slope: bool
    polytomous: bool
    dichotomous_as: FamilyName
    steps: Steps
    kernel: ItemKernel


def _divide_by_total(name: FamilyName, *, free_slope: bool, polytomous: bool, dichotomous_as: FamilyName) -> Family:
    return Family(
        name=name,
        free_slope=free_slope,
        polytomous=polytomous,
        dichotomous_as=dichotomous_as,
        steps="adjacent",
        kernel=cast("ItemKernel", partial_credit),
    )


FAMILIES: dict[str, Family] = {
    f.name: f
    for f in (
        _divide_by_total("Rasch", free_slope=False, polytomous=False, dichotomous_as="Rasch"),
        _divide_by_total("2PL", free_slope=True, polytomous=False, dichotomous_as="2PL"),
        _divide_by_total("PCM", free_slope=False, polytomous=True, dichotomous_as="Rasch"),
        _divide_by_total("GPCM", free_slope=True, polytomous=True, dichotomous_as="2PL"),
        Family(
            name="GRM",
            free_slope=True,
            polytomous=True,
            dichotomous_as="2PL",
            steps="cumulative",
            kernel=cast("ItemKernel", graded),
        ),
    )
}


def family(name: str) -> Family:
    """Return the family of this name.

    Raises
    ------
    ModelError
        When there is none, naming those there are.
    """
    try:
        return FAMILIES[name]
    except KeyError:
        raise ModelError(f"There is no item family {name!r}; choose one of: {listed(FAMILIES, 20)}") from None


def family_for(name: str, n_categories: int, item: str) -> Family:
    """Return the family an item goes under, given its number of categories.

    Raises
    ------
    ModelError
        When a dichotomous family meets an item with more than two categories.
    """
    chosen = family(name)
    if n_categories == 2:
        return FAMILIES[chosen.dichotomous_as]
    if not chosen.polytomous:
        fitting = "PCM" if name == "Rasch" else "GPCM"
        raise ModelError(
            f"Item {item} has scores 0 to {n_categories - 1}, but {name} is for dichotomous items; use model={fitting!r}, "
            f"which treats dichotomous items as {name}"
        )
    return chosen


def kernel_groups(families: Sequence[str]) -> Groups:
    """Return the kernels of a test with the positions of their items."""
    kernels = [FAMILIES[f].kernel for f in families]
    distinct = list({id(k): k for k in kernels}.values())
    return tuple(KernelGroup(k, np.flatnonzero([own is k for own in kernels])) for k in distinct)
