"""Which population each person is scored with: that of the person's group, where a calibration knows groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from competency_dx.arrays import Ints
from competency_dx.bank import ItemBank
from competency_dx.calibration import Calibration
from competency_dx.models import ItemParameters
from competency_dx.responses import Responses
from competency_dx.scoring.matching import parameters_of

KEPT = 64


def by_population(data: Responses, parameters: ItemBank | Calibration) -> Iterator[tuple[Ints | None, ItemParameters]]:
    """Yield persons (None for all of them) with the item parameters and population they are scored with.

    Persons of a group the calibration does not know, or whose group is not told, are scored with the reference group's.
    """
    if not isinstance(parameters, Calibration) or len(parameters.groups) == 1:
        yield None, parameters_of(parameters)
        return
    labels = data.background.get(parameters.grouping) if parameters.grouping is not None else None
    if labels is None:
        yield None, parameters_of_group(parameters, 0)
        return
    place = {name: g for g, name in enumerate(parameters.groups)}
    group = np.array([place.get(str(x), 0) for x in labels], dtype=np.int64)
    for g in np.unique(group):
        yield np.flatnonzero(group == g), parameters_of_group(parameters, int(g))


@lru_cache(maxsize=KEPT)
def parameters_of_group(calibration: Calibration, group: int) -> ItemParameters:
    """Return the item parameters that hold in a group, under the items' own ids, with the group's population."""
    known, names = calibration.parameters, calibration.groups
    own = [item.rpartition("@") for item in known.items]
    split = [at == "@" and name in names for _, at, name in own]
    kept = [i for i, (_, _, name) in enumerate(own) if not split[i] or name == names[group]]
    some = known.take(kept)
    items = tuple(own[i][0] if split[i] else known.items[i] for i in kept)
    return replace(some, items=items, population=calibration.populations[group])
