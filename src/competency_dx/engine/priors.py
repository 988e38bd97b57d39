"""Priors of item parameters: stated, mild, and off on request."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import field

from competency_dx.arrays import FrozenDict, value
from competency_dx.errors import CalibrationError


@value
class _MeanAndSpread(ABC):
    """A prior that a mean and a standard deviation describe."""

    mean: float
    sd: float

    def __post_init__(self) -> None:
        _positive(self.sd)

    def __str__(self) -> str:
        return f"N({self.mean:g}, {self.sd:g}²)"


@value
class Normal(_MeanAndSpread):
    """A normal prior, parameter ~ N(mean, sd²)."""


@value
class PooledNormal(_MeanAndSpread):
    """Normal priors around a common mean that is estimated too: parameter ~ N(μ, sd²), μ ~ N(mean, sd²).

    Independent priors add up over the items of a long test until they bend its scale; pooled ones pull parameters towards
    one another, and the whole test towards `mean` no more than a single item would be.
    """

    def __str__(self) -> str:
        return f"N(μ, {self.sd:g}²) with μ ~ N({self.mean:g}, {self.sd:g}²)"


@value
class LogNormal(_MeanAndSpread):
    """A lognormal prior of a slope: log a ~ N(mean, sd²); slopes are then positive."""

    def __str__(self) -> str:
        return f"LogNormal({self.mean:g}, {self.sd:g}²)"


@value
class Beta:
    """A beta prior of an asymptote itself, c ~ Beta(alpha, beta), density by c."""

    alpha: float
    beta: float

    def __post_init__(self) -> None:
        _positive(self.alpha)
        _positive(self.beta)

    def __str__(self) -> str:
        return f"Beta({self.alpha:g}, {self.beta:g})"


@value
class LogitNormal(_MeanAndSpread):
    """A normal prior of the logit of an asymptote, log(c / (1 - c)) ~ N(mean, sd²), density by the logit."""


def _positive(x: float) -> None:
    if not x > 0:
        raise CalibrationError("engine.prior_spread", x=x)


SlopePrior = Normal | PooledNormal | LogNormal
AsymptotePrior = LogitNormal | Beta


@value
class Priors:
    """Priors of item parameters, for all items, for a family, or for single items; None leaves a kind without one.

    A normal prior on the slope, unlike a lognormal one, lets a wrong key show itself as a negative slope.

    Attributes
    ----------
    slope : PooledNormal, Normal or LogNormal
        Prior of every free slope a.
    step : PooledNormal or Normal
        Prior of every step intercept d_k.
    lower, upper : LogitNormal or Beta
        Priors of the asymptotes c and u.
    category_slope : Normal
        Prior of the category slopes of nominal and nested logit items.
    correlation_sd : float
        Standard deviation of the correlations of competencies about their mean, which is free.
    families, items : mapping of str to Priors
        Other priors for the items of a family, and for single items; items go first.
    """

    slope: SlopePrior | None = PooledNormal(mean=1.0, sd=0.75)
    step: Normal | PooledNormal | None = PooledNormal(mean=0.0, sd=3.0)
    lower: AsymptotePrior | None = LogitNormal(mean=-1.4, sd=0.7)
    upper: AsymptotePrior | None = LogitNormal(mean=2.9, sd=0.7)
    category_slope: Normal | None = Normal(mean=0.0, sd=2.0)
    correlation_sd: float | None = 0.15
    families: Mapping[str, Priors] = field(default_factory=FrozenDict)
    items: Mapping[str, Priors] = field(default_factory=FrozenDict)

    def __post_init__(self) -> None:
        _positive(1.0 if self.correlation_sd is None else self.correlation_sd)

    def of(self, item: str, family: str) -> Priors:
        """Return the priors that hold for one item."""
        return self.items.get(item, self.families.get(family, self))

    @property
    def flat(self) -> bool:
        """Return whether no parameter of any item has a prior."""
        every = self.slope, self.step, self.lower, self.upper, self.category_slope
        others = (*self.families.values(), *self.items.values())
        return all(prior is None for prior in every) and all(own.flat for own in others)

    def describe(self) -> str:
        """Return the priors in the notation of the field."""
        stated = {
            "a": self.slope,
            "d_k": self.step,
            "logit c" if isinstance(self.lower, LogitNormal) else "c": self.lower,
            "logit u" if isinstance(self.upper, LogitNormal) else "u": self.upper,
            "a_k": self.category_slope,
        }
        parts = [f"{name} ~ {prior}" for name, prior in stated.items() if prior is not None]
        parts += [f"{name}: {own.describe()}" for name, own in (*self.families.items(), *self.items.items())]
        return ", ".join(parts) or "none"


NO_PRIORS = Priors(slope=None, step=None, lower=None, upper=None, category_slope=None, correlation_sd=None)


def resolve(priors: Priors | str | None) -> Priors | None:
    """Return the priors meant by ``"weak"``, None (plain maximum likelihood) or a `Priors` value."""
    if priors is None or isinstance(priors, Priors):
        return priors
    if priors == "weak":
        return Priors()
    raise CalibrationError("engine.priors", priors=priors)
