"""What a design of the study is: how data are drawn, what is true, and how they are calibrated."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import competency_dx as cdx
from competency_dx.calibration import MarginalML

Floats = NDArray[np.float64]
SEED = 2026


class Drawn(NamedTuple):
    """One data set: answers (P, I) with NaN where there is none, abilities (P, D), true parameters by name, model, method.

    `dimensions` are the competencies of the items, by item; `background` holds columns of P values.
    """

    answers: Floats
    theta: Floats
    truth: Mapping[str, float]
    model: str | Mapping[str, str]
    method: MarginalML = MarginalML()
    dimensions: Mapping[str, str] | None = None
    background: Mapping[str, Sequence[object]] = {}

    @property
    def items(self) -> tuple[str, ...]:
        """Return item ids in the order of the answers."""
        return item_ids(self.answers.shape[1])

    @property
    def responses(self) -> cdx.Responses:
        """Return what a table of the answers and the background columns is read as."""
        import pandas as pd

        columns = dict(zip(self.items, self.answers.T, strict=True))
        table = pd.DataFrame({**columns, **self.background})
        return cdx.load_responses(table, layout=cdx.Layout(items=self.items, cells="scored"))


Draw = Callable[[np.random.Generator, int], Drawn]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One cell of the study.

    Attributes
    ----------
    label : str
        What the table calls it.
    persons, replications : int
    draw : callable
        From a generator and the number of persons to a data set.
    priors : "weak" or None
        As in `calibrate`.
    """

    label: str
    persons: int
    replications: int
    draw: Draw
    priors: str | None = None

    def generator(self, replication: int) -> np.random.Generator:
        """Return the random numbers of one replication; designs with the same label and persons share their data."""
        name = f"{self.label} {self.persons}"
        return np.random.default_rng([SEED, zlib.crc32(name.encode()), replication])


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Designs that go into one table, with the words above it."""

    name: str
    title: str
    text: str
    designs: tuple[Design, ...]


def item_ids(n: int, start: int = 0) -> tuple[str, ...]:
    """Return the ids i1, i2 …"""
    return tuple(f"i{i + 1}" for i in range(start, start + n))


def calibrated(design: Design, data: Drawn) -> cdx.Calibration:
    """Calibrate a data set as the design says."""
    return cdx.calibrate(data.responses, model=data.model, dimensions=data.dimensions, priors=design.priors, method=data.method)
