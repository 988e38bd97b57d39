"""Choices of a calibration: the method, the population, the survey design, constraints of parameters."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from typing import Any, Literal

from competency_dx.arrays import choice
from competency_dx.engine import Constraints, Control, Progress
from competency_dx.errors import CalibrationError
from competency_dx.responses import MissingPolicy

Column = str | Mapping[Any, Any] | Iterable[Any]
Shape = Literal["normal", "empirical"]
Errors = Literal["information", "sandwich"]
Integration = Literal["automatic", "propagation", "quadrature", "bifactor"]
LEAST_POINTS = 11


@choice(CalibrationError)
class Population:
    """Where the persons come from.

    Attributes
    ----------
    by, reference : str, mapping, sequence or None
        Groups: a background column of the responses, or a label for each person, by id (a mapping or an index of pandas) or in
        order. The first group in sorted order, or `reference`, is the reference; the others have free means and variances.
    free_items : "none", "all" or sequence of str
        Items whose parameters differ between groups; the others are equal.
    on : sequence of str, or data frame
        Covariates of a latent regression: numeric background columns, or a frame with one row a person, by id as above. Text columns
        become indicators of their values. Covariates are centred; the residual variance takes the place of the variance.
    shape : Normal, or an empirical histogram on the support points, for one group.
    """

    by: Column | None = None
    reference: str | None = None
    free_items: Literal["none", "all"] | tuple[str, ...] = "none"
    on: Any = None
    shape: Shape = "normal"

    def __post_init__(self) -> None:
        if self.shape == "empirical" and (self.by is not None or self.on is not None):
            raise CalibrationError("calibration.histogram_one_group")


@choice(CalibrationError)
class SurveyDesign:
    """How the persons were sampled; standard errors then follow the design.

    Each field is a background column of the responses or one value for each person, by id or in order as in `Population`: sampling
    `weights`, any positive scale, `strata`, and `clusters`, primary sampling units within them; or replicate weights `replicates` (P,
    R), a frame or columns, instead of strata and clusters. `replicate_factor` is that of the sum of squared deviations over replicates:
    1 for jackknife by pairs, 1 / R for balanced repeated replication, 1 / (R (1 - k)²) for Fay's method.
    """

    weights: Column | None = None
    strata: Column | None = None
    clusters: Column | None = None
    replicates: Any = None
    replicate_factor: float = 1.0


@choice(CalibrationError)
class MarginalML:
    """How to calibrate by marginal maximum likelihood.

    Attributes
    ----------
    points : Support points of the population on ±6 SD to begin with; refined by itself when a posterior is narrower.
    tolerance, max_iterations : float, int
        The last Newton step must move every parameter by less than this share of its standard error; E-steps before giving up.
    population, survey : Population, SurveyDesign or None
        Groups, covariates, shape; weights, strata, clusters or replicate weights: standard errors are then design-consistent.
    standard_errors : From the observed information, or robust to a wrong model. A survey design always takes the sandwich.
    integration : For several competencies: expectation propagation, a product grid (up to three), or dimension reduction with the first
        competency as the general one. Automatic takes propagation where each item measures one competency.
    constraints, starts : Constraints, int
        Fixed, equal and starting values; number of starting points: more than one looks for other maxima and reports them.
    executor, missing : concurrent.futures.Executor or None, MissingPolicy
        Where blocks of persons are processed, None being threads over the cores; which missing answers count as wrong.
    progress : callable, "bar" or None
        Called as ``progress(iteration, log_likelihood, change)`` after each E-step; "bar" shows a bar of tqdm where it is
        installed.
    """

    points: int = 61
    tolerance: float = 1e-4
    max_iterations: int = 500
    population: Population = Population()
    survey: SurveyDesign | None = None
    constraints: Constraints = Constraints()
    standard_errors: Errors = "information"
    integration: Integration = "automatic"
    starts: int = 1
    executor: Executor | None = None
    missing: MissingPolicy = MissingPolicy()
    progress: Progress | Literal["bar"] | None = None

    def __post_init__(self) -> None:
        self.missing.check_scored()
        if self.points < LEAST_POINTS:
            raise CalibrationError("calibration.points", least_points=LEAST_POINTS, points=self.points)
        if self.starts < 1:
            raise CalibrationError("calibration.starts", starts=self.starts)

    @property
    def control(self) -> Control:
        """Return what the loop of the engine needs to know."""
        return Control(self.points, self.tolerance, self.max_iterations, self.starts, self.progress)
