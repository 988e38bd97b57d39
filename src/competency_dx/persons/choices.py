"""Ways to estimate a person's competency; each is a frozen choice handed to `score`."""

from concurrent.futures import Executor
from typing import Literal

from competency_dx.arrays import choice, value
from competency_dx.errors import ScoringError
from competency_dx.responses import MissingPolicy

ItemUncertainty = Literal["provisional", "all", "none"]
LEAST_POINTS = 11


@value
class PersonMethod:
    """What all methods of scoring have.

    `item_uncertainty` says whose standard errors are carried into the scores: of parameters resting on judgement ("provisional"), of
    "all", of "none". With "all", EAP and a Calibration the errors that items share are carried too. `missing` says which missing
    answers count as wrong and which are left out.
    """

    item_uncertainty: ItemUncertainty = "provisional"
    missing: MissingPolicy = MissingPolicy()

    def __post_init__(self) -> None:
        self.missing.check_scored()
        if (points := getattr(self, "points", LEAST_POINTS)) < LEAST_POINTS:
            raise ScoringError("persons.points", points=points, least_points=LEAST_POINTS)


@choice(ScoringError)
class EAP(PersonMethod):
    """Expected a posteriori: the mean of the posterior under the normal population (Bock & Mislevy 1982).

    `points` of support on ±6 SD are there to begin with; more are taken where the items' information calls for it. Blocks of persons
    are processed by the `executor`; None is a thread pool over the cores.
    """

    points: int = 61
    executor: Executor | None = None


@choice(ScoringError)
class MAP(PersonMethod):
    """Maximum a posteriori: the mode of the posterior under the normal population."""


@choice(ScoringError)
class ML(PersonMethod):
    """Maximum likelihood; persons with no or all points get the bound and the status extreme_low or extreme_high."""


@choice(ScoringError)
class WLE(PersonMethod):
    """Weighted likelihood (Warm 1989): nearly unbiased and finite for every pattern."""


@choice(ScoringError)
class SumScore(PersonMethod):
    """EAP given the sum of points (Thissen, Pommerich, Billeaud & Williams 1995), by the recursion of Lord & Wingersky."""

    points: int = 61


Method = EAP | MAP | ML | WLE | SumScore
DEFAULT_METHOD = EAP()
