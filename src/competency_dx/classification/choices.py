"""How a classification model is estimated: a frozen choice of distribution, hierarchy, order and stopping rule."""

from concurrent.futures import Executor
from typing import Literal

from competency_dx.arrays import choice
from competency_dx.errors import CalibrationError
from competency_dx.responses import MissingPolicy

AttributeDistribution = Literal["saturated", "independent", "higher_order", "higher_order_1pl"]


@choice(CalibrationError)
class ClassificationML:
    """Marginal maximum likelihood for diagnostic classification models.

    Attributes
    ----------
    attribute_distribution : A free probability for every permissible profile; independent attributes; attributes that depend on a
        latent ability, each with a slope of its own or all with a common one (de la Torre & Douglas 2004, doi:10.1007/BF02295640).
    hierarchy : tuple of (prerequisite, attribute)
        Pairs of attribute names; only profiles that respect them are permissible, and only these are enumerated.
    monotone : Whether mastering more may lower the probability of a right answer.
    starts : Starting points: the first is fixed, the others are drawn from fixed seeds; the best maximum is reported.
    tolerance : The gain in log-likelihood that Newton's quadratic model still promises at the end must be below this.
    max_iterations : E-steps of one start before giving up.
    executor : concurrent.futures.Executor or None
        Where blocks of answer patterns are processed; None is a thread pool over the cores.
    missing : Which missing answers count as wrong and which are left out.
    """

    attribute_distribution: AttributeDistribution = "saturated"
    hierarchy: tuple[tuple[str, str], ...] = ()
    monotone: Literal["free", "monotone"] = "free"
    starts: int = 1
    tolerance: float = 1e-7
    max_iterations: int = 3000
    executor: Executor | None = None
    missing: MissingPolicy = MissingPolicy()

    def __post_init__(self) -> None:
        self.missing.check_scored()
        object.__setattr__(self, "hierarchy", tuple((str(a), str(b)) for a, b in self.hierarchy))
        limits = {name: getattr(self, name) for name in ("starts", "max_iterations", "tolerance")}
        if self.starts < 1 or self.max_iterations < 1 or not self.tolerance > 0:
            raise CalibrationError("classification.settings", **limits)

    def describe(self) -> dict[str, str]:
        """Return every choice that decides a number, in words."""
        return {
            "attribute distribution": self.attribute_distribution,
            "hierarchy": ", ".join(f"{a} < {b}" for a, b in self.hierarchy) or "none",
            "order": self.monotone,
            "starts": str(self.starts),
            "tolerance": f"{self.tolerance:g} log-likelihood",
            "missing": self.missing.describe("en"),
            "priors": "none (maximum likelihood)",
        }
