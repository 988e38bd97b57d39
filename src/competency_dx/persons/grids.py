"""Ways to estimate a person's competency, and the grid rule of their posteriors.

The rule is decided by items and population alone, the same for one person and a million. The spacing stays below the narrowest
posterior that the items can produce, and no pattern of answers leaves mass at the ends. Information gives the first guess; then the
grid checks itself on the likeliest answers at every point and is refined until it passes.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import lru_cache
from typing import Generic, Literal, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, T, choice, evenly, value
from competency_dx.errors import ScoringError
from competency_dx.kernels.grid import REACH, Tables, points_needed, standard_nodes
from competency_dx.models import ItemParameters, averaged_log_probabilities, score_information
from competency_dx.responses import MissingPolicy

ItemUncertainty = Literal["provisional", "all", "none"]
LEAST_POINTS = 11
SAFETY = 0.8  # of the narrowest posterior SD that information promises
WIDEST = 1.0  # spacing in units of the narrowest posterior SD that the check lets pass
END_MASS = 1e-4  # on the end points
FARTHER, FARTHEST = 3.0, 30.0  # population SD by which ends move out, and where they stop
MOST_POINTS = 1201
PATTERNS = 121
LEAST_MASS, OUTSIDE = 1e-12, -1e3  # mass of a point of an empirical population, log mass beyond its points
KEPT = 32


@value
class PersonMethod:
    """What all methods of scoring have; each is a frozen choice handed to `score`.

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


@lru_cache(maxsize=KEPT)
def scoring_grid(parameters: ItemParameters, points: int, choice: ItemUncertainty) -> Tables:
    """Return a grid that passes its check, with at least `points` on ±6 SD of the population."""
    uncertain = uncertain_items(parameters, choice)
    sd = float(np.sqrt(parameters.variance))
    information = score_information(parameters, parameters.mean + sd * np.linspace(-4, 4, 161)).sum(axis=0)
    narrowest = 1 / np.sqrt(1 + information.max() * sd**2)

    def build(within: int, reach: float) -> Trial[Tables]:
        n = min(2 * int(np.ceil((within - 1) / 2 * reach / REACH)) + within % 2, MOST_POINTS)
        z, log_weight = standard_nodes(n, reach)
        theta = parameters.mean + sd * z
        points, weight = parameters.population.histogram
        if points.size:
            log_weight = np.interp(theta, points, np.log(np.maximum(weight, LEAST_MASS)), left=OUTSIDE, right=OUTSIDE)
            log_weight -= np.log(np.exp(log_weight).sum())
        tables = Tables(theta, log_weight, averaged_log_probabilities(parameters, theta, uncertain))
        return Trial(tables, z[1] - z[0], n < MOST_POINTS, sd, [tables])

    return passing(build, max(points, points_needed(SAFETY * narrowest)))


class Trial(NamedTuple, Generic[T]):
    """A grid to be tried: its spacing in a unit of the scale, whether it may grow, the unit, and tables to check it on."""

    grid: T
    spacing: float
    may_grow: bool
    unit: float
    tables: Sequence[Tables]


def passing(build: Callable[[int, float], Trial[T]], within: int) -> T:
    """Return the first grid that passes its check, from `within` points on ±6 units and ends as far out; the rule of all ways."""
    reach = REACH
    while True:
        trial = build(within, reach)
        checks = [grid_check(tables) for tables in trial.tables]
        narrow, ends = min(least for least, _ in checks) / trial.unit, max(mass for _, mass in checks)
        if ends > END_MASS and reach < FARTHEST and trial.may_grow:
            reach += FARTHER
        elif trial.spacing > WIDEST * narrow and trial.may_grow:
            within = points_needed(SAFETY * min(narrow, trial.spacing / 2))
        else:
            return trial.grid


def normal_tables(theta: Floats, mean: float, variance: float, log_prob: Floats) -> Tables:
    """Return tables (I, K, Q) under a normal population at uniform points θ (Q,)."""
    log_weight = -0.5 * (theta - mean) ** 2 / variance
    return Tables(theta, np.asarray(log_weight - np.log(np.exp(log_weight).sum())), log_prob)


def axis(low: float, high: float, unit: float, within: int, most: int) -> Floats:
    """Return uniform points (Q,), as closely spaced as `within` on ±6 units, at most so many."""
    return np.linspace(low, high, min(int(np.ceil((high - low) / (2 * REACH * unit) * (within - 1))) + 1, most))


def grid_check(tables: Tables) -> tuple[float, float]:
    """Return the SD of the narrowest posterior of the likeliest answers at points, and the largest mass on the ends of the grid."""
    at = evenly(len(tables.theta), PATTERNS)
    joint: Floats = np.tile(tables.log_weight, (len(at) + 2, 1))
    for table in tables.log_prob:
        pulls = (table[:, 0] - table[:, 1]).argmax(), (table[:, -1] - table[:, -2]).argmax()
        joint += table[np.append(table[:, at].argmax(axis=0), pulls)]
    joint -= joint.max(axis=1)[:, None]
    weight = np.exp(joint)
    weight /= weight.sum(axis=1)[:, None]
    off = tables.theta - (weight @ tables.theta)[:, None]
    return float(np.sqrt((weight * off**2).sum(axis=1)[:-2].min())), float((weight[:, 0] + weight[:, -1]).max())


def uncertain_items(parameters: ItemParameters, choice: ItemUncertainty) -> Bools:
    """Return whose standard errors are carried (I,)."""
    return np.array([choice == "all" or choice == status == "provisional" for status in parameters.statuses], dtype=np.bool_)
