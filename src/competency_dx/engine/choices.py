"""Choices that the engine knows: constraints of parameters, and how long and how exactly to maximise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Literal, NamedTuple

from competency_dx.arrays import FrozenDict, value

Progress = Callable[[int, float, float], None]


class Control(NamedTuple):
    """How to maximise: points of the grid, tolerance in standard errors, most E-steps, starting points, telling of progress."""

    points: int = 61
    tolerance: float = 1e-4
    max_iterations: int = 500
    starts: int = 1
    progress: Progress | Literal["bar"] | None = None


@value
class Constraints:
    """Fixed values, equalities and starting values of item parameters.

    Parameters are named ``"item.a"``, ``"item.d"`` (``"item.d1"`` … for several steps), ``"item.c"``, ``"item.u"``; with
    items that measure several competencies ``"item.a1"`` …. Steps of GPCM and PCM items are fixed or made equal from the
    first one upwards.

    Attributes
    ----------
    fixed : mapping of str to float
        Parameters that are not estimated, and their values.
    equal : sequence of sequences of str
        Parameters that share one value.
    start : mapping of str to float
        Starting values.
    """

    fixed: Mapping[str, float] = field(default_factory=FrozenDict)
    equal: Sequence[Sequence[str]] = ()
    start: Mapping[str, float] = field(default_factory=FrozenDict)
