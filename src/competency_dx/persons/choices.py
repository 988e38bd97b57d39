"""Ways to estimate a person's competency; each is a frozen choice handed to `score`."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Literal, get_args

from competency_dx.arrays import value
from competency_dx.errors import ScoringError
from competency_dx.responses import MissingPolicy

ItemUncertainty = Literal["provisional", "all", "none"]
LEAST_POINTS = 11


def _check(item_uncertainty: str, missing: MissingPolicy, points: int = LEAST_POINTS) -> None:
    if missing.omitted == "modelled":
        raise ScoringError('omitted="modelled" is for diagnose alone; score with "incorrect" or "ignore"')
    if item_uncertainty not in get_args(ItemUncertainty):
        raise ScoringError(f'item_uncertainty={item_uncertainty!r} is not known; choose "provisional", "all" or "none"')
    if points < LEAST_POINTS:
        raise ScoringError(f"points={points} is too few support points; use at least {LEAST_POINTS}")


@value
class EAP:
    """Expected a posteriori: the mean of the posterior under the normal population (Bock & Mislevy 1982).

    Attributes
    ----------
    points : int
        Support points on ±6 SD to begin with; more are taken where the items' information calls for it.
    item_uncertainty : {"provisional", "all", "none"}
        Whose standard errors are carried into the scores: of parameters resting on judgement, of all, of none. With "all" and
        a Calibration the errors that items share are carried too.
    missing : MissingPolicy
        Which missing answers count as wrong and which are left out.
    executor : concurrent.futures.Executor or None
        Where blocks of persons are processed; None is a thread pool over the cores.
    """

    points: int = 61
    item_uncertainty: ItemUncertainty = "provisional"
    missing: MissingPolicy = MissingPolicy()
    executor: Executor | None = None

    def __post_init__(self) -> None:
        _check(self.item_uncertainty, self.missing, self.points)


@value
class MAP:
    """Maximum a posteriori: the mode of the posterior under the normal population."""

    item_uncertainty: ItemUncertainty = "provisional"
    missing: MissingPolicy = MissingPolicy()

    def __post_init__(self) -> None:
        _check(self.item_uncertainty, self.missing)


@value
class ML:
    """Maximum likelihood; persons with no or all points get the bound and the status extreme_low or extreme_high."""

    item_uncertainty: ItemUncertainty = "provisional"
    missing: MissingPolicy = MissingPolicy()

    def __post_init__(self) -> None:
        _check(self.item_uncertainty, self.missing)


@value
class WLE:
    """Weighted likelihood (Warm 1989): nearly unbiased and finite for every pattern."""

    item_uncertainty: ItemUncertainty = "provisional"
    missing: MissingPolicy = MissingPolicy()

    def __post_init__(self) -> None:
        _check(self.item_uncertainty, self.missing)


@value
class SumScore:
    """EAP given the sum of points (Thissen, Pommerich, Billeaud & Williams 1995), by the recursion of Lord & Wingersky."""

    points: int = 61
    item_uncertainty: ItemUncertainty = "provisional"
    missing: MissingPolicy = MissingPolicy()

    def __post_init__(self) -> None:
        _check(self.item_uncertainty, self.missing, self.points)


Method = EAP | MAP | ML | WLE | SumScore
