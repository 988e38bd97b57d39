"""Priors of item parameters: stated, mild, and off on request; their log density as the estimation needs it, and what pools add."""

from abc import ABC
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.special import expit, log_expit

from competency_dx.arrays import Bools, Floats, FrozenDict, Ints, choice, value
from competency_dx.errors import CalibrationError
from competency_dx.models import FAMILIES


@value
class _MeanAndSpread(ABC):
    """A prior that a mean and a standard deviation describe, in the notation of its kind."""

    notation: ClassVar[str] = "N({mean:g}, {sd:g}²)"
    mean: float
    sd: float

    def __post_init__(self) -> None:
        _positive(self.sd)

    def __str__(self) -> str:
        return self.notation.format(mean=self.mean, sd=self.sd)


@choice(CalibrationError)
class Normal(_MeanAndSpread):
    """A normal prior, parameter ~ N(mean, sd²)."""


@choice(CalibrationError)
class PooledNormal(_MeanAndSpread):
    """Normal priors around a common mean that is estimated too: parameter ~ N(μ, sd²), μ ~ N(mean, sd²).

    Independent priors add up over the items of a long test until they bend its scale; pooled ones pull parameters towards
    one another, and the whole test towards `mean` no more than a single item would be.
    """

    notation: ClassVar[str] = "N(μ, {sd:g}²) with μ ~ N({mean:g}, {sd:g}²)"


@choice(CalibrationError)
class LogNormal(_MeanAndSpread):
    """A lognormal prior of a slope: log a ~ N(mean, sd²); slopes are then positive."""

    notation: ClassVar[str] = "LogNormal({mean:g}, {sd:g}²)"


@choice(CalibrationError)
class Beta:
    """A beta prior of an asymptote itself, c ~ Beta(alpha, beta), density by c."""

    alpha: float
    beta: float

    def __post_init__(self) -> None:
        _positive(self.alpha)
        _positive(self.beta)

    def __str__(self) -> str:
        return f"Beta({self.alpha:g}, {self.beta:g})"


@choice(CalibrationError)
class LogitNormal(_MeanAndSpread):
    """A normal prior of the logit of an asymptote, log(c / (1 - c)) ~ N(mean, sd²), density by the logit."""


def _positive(x: float) -> None:
    if not x > 0:
        raise CalibrationError("engine.prior_spread", x=x)


AsymptotePrior = LogitNormal | Beta


@choice(CalibrationError)
class Priors:
    """Priors of item parameters, for all items, for a family, or for single items; None leaves a kind without one.

    A normal prior on the slope, unlike a lognormal one, lets a wrong key show itself as a negative slope.

    Attributes
    ----------
    slope : Prior of every free slope a.
    step : Prior of every step intercept d_k.
    lower, upper : Priors of the asymptotes c and u.
    category_slope : Prior of the category slopes of nominal and nested logit items.
    correlation_sd : Standard deviation of the correlations of competencies about their mean, which is free.
    families, items : Other priors for the items of a family, and for single items; items go first.
    """

    slope: Normal | PooledNormal | LogNormal | None = PooledNormal(mean=1.0, sd=0.75)
    step: Normal | PooledNormal | None = PooledNormal(mean=0.0, sd=3.0)
    lower: AsymptotePrior | None = LogitNormal(mean=-1.4, sd=0.7)
    upper: AsymptotePrior | None = LogitNormal(mean=2.9, sd=0.7)
    category_slope: Normal | None = Normal(mean=0.0, sd=2.0)
    correlation_sd: float | None = 0.15
    families: "Mapping[str, Priors]" = field(default_factory=FrozenDict)
    items: "Mapping[str, Priors]" = field(default_factory=FrozenDict)

    def __post_init__(self) -> None:
        _positive(1.0 if self.correlation_sd is None else self.correlation_sd)

    def of(self, item: str, family: str) -> "Priors":
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


def resolve(priors: Priors | str | None) -> Priors | None:
    """Return the priors meant by ``"weak"``, None (plain maximum likelihood) or a `Priors` value."""
    if priors is None or isinstance(priors, Priors):
        return priors
    if priors == "weak":
        return Priors()
    raise CalibrationError("engine.priors", priors=priors)


class Pool(NamedTuple):
    """Parameters that share a mean: a sum S = Σ weights · beta - centre, with `weights` (I, F), and 1 / ((n + 1) sd²).

    Integrating the common mean of n parameters out leaves their independent priors times exp(strength S² / 2).
    """

    weights: Floats
    centre: float
    strength: float

    def total(self, beta: Floats) -> float:
        """Return S."""
        return float((self.weights * np.where(self.weights != 0, beta, 0.0)).sum()) - self.centre


class PriorTerms(NamedTuple):
    """Log prior density of parameters beta (I, F), up to a constant.

    A quadratic part with `precision` (I, F, F) and `centre` (I, F); entries `log_normal` (N, 2) of positions with their mean
    and SD (N, 2); entries `beta` likewise with α and β, for asymptotes given as logits.
    """

    precision: Floats
    centre: Floats
    log_normal: Ints
    log_normal_at: Floats
    beta: Ints
    beta_at: Floats
    pools: tuple[Pool, ...] = ()

    def value(self, beta: Floats) -> float:
        """Return the log density."""
        return float(self.by_item(beta).sum()) + sum(0.5 * p.strength * p.total(beta) ** 2 for p in self.pools)

    def pull(self, beta: Floats) -> Floats:
        """Return the gradient (I, F) of what pools add, which a tangent at `beta` bounds from below."""
        out = np.zeros(beta.shape)
        for p in self.pools:
            out += p.strength * p.total(beta) * p.weights
        return out

    def by_item(self, beta: Floats) -> Floats:
        """Return the log density of each item's parameters (I,) without pools, minus infinity outside the support."""
        off = self._off(beta)
        out = -0.5 * np.einsum("if,ifg,ig->i", off, self.precision, off)
        a, (m, s) = beta[tuple(self.log_normal.T)], self.log_normal_at.T
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(a > 0, -np.log(a) - 0.5 * ((np.log(a) - m) / s) ** 2, -np.inf)
        np.add.at(out, self.log_normal[:, 0], terms)
        logit, (alpha, beta_) = beta[tuple(self.beta.T)], self.beta_at.T
        np.add.at(out, self.beta[:, 0], (alpha - 1) * log_expit(logit) + (beta_ - 1) * log_expit(-logit))
        return np.asarray(out)

    def gradient(self, beta: Floats) -> Floats:
        """Return the gradient of the log density (I, F)."""
        out: Floats = self.pull(beta) - np.einsum("ifg,ig->if", self.precision, self._off(beta))
        a, (m, s) = beta[tuple(self.log_normal.T)], self.log_normal_at.T
        out[tuple(self.log_normal.T)] += -(1 + (np.log(a) - m) / s**2) / a
        c, (alpha, beta_) = expit(beta[tuple(self.beta.T)]), self.beta_at.T
        out[tuple(self.beta.T)] += (alpha - 1) * (1 - c) - (beta_ - 1) * c
        return out

    def curvature(self, beta: Floats) -> Floats:
        """Return minus the second derivatives of the log density (I, F, F), without pools, which lower it."""
        out = self.precision.copy()
        i, f = self.log_normal.T
        a, (m, s) = beta[i, f], self.log_normal_at.T
        out[i, f, f] += (-1 + (1 - (np.log(a) - m)) / s**2) / a**2
        i, f = self.beta.T
        c, (alpha, beta_) = expit(beta[i, f]), self.beta_at.T
        out[i, f, f] += (alpha + beta_ - 2) * c * (1 - c)
        return out

    def _off(self, beta: Floats) -> Floats:
        return np.where(np.isfinite(beta), beta, 0.0) - self.centre


def prior_terms(
    priors: Priors | None, named: tuple[tuple[str, ...], list[str]], n_categories: Ints, owner: Bools, *, n_slopes: int, dimension: Ints
) -> PriorTerms:
    """Return the log prior of parameters (I, F); `owner` (I, F) marks the free ones, one of those that are equal.

    `named` are item ids and families, `dimension` (I,) their competencies: pools are those of one competency. Independent
    adjacent steps d_k = e_k - e_{k-1} give a tridiagonal precision for the category intercepts.
    """
    I, F = owner.shape
    width = int(n_categories.max()) - 1
    precision, centre = np.zeros((I, F, F)), np.zeros((I, F))
    shared: dict[tuple[float, float, str], Floats] = {}
    members: dict[tuple[str, float], int] = defaultdict(int)
    other: dict[type, list[tuple[int, int, float, float]]] = {LogNormal: [], Beta: []}
    if priors is not None:
        for i, (item, name) in enumerate(zip(*named, strict=True)):
            own, family, m = priors.of(item, name), FAMILIES[name], int(n_categories[i])
            if own.step is not None:
                T = family.step_matrix(m, width, F - n_slopes)
                precision[i, n_slopes:, n_slopes:] += T.T @ T / own.step.sd**2
                if own.step.mean:
                    centre[i, n_slopes:] += np.linalg.pinv(T) @ np.full(m - 1, own.step.mean)
                if isinstance(own.step, PooledNormal):
                    pool = shared.setdefault((own.step.mean, own.step.sd, f"d{dimension[i]}"), np.zeros((I, F)))
                    pool[i, n_slopes:] += T.sum(axis=0)
                    members[f"d{dimension[i]}", own.step.sd] += int(owner[i, n_slopes : n_slopes + width].sum())
            kinds = [(j, own.slope) for j in range(n_slopes)]
            for j, extra in enumerate(family.extras(m)):
                of = {"c": own.lower, "u": own.upper, "slope": own.category_slope if extra.number else own.slope}
                if not extra.tied:
                    kinds.append((n_slopes + width + j, of[extra.kind]))  # type: ignore[arg-type]
            for f, prior in kinds:
                if prior is None or not owner[i, f]:
                    continue
                if isinstance(prior, Normal | LogitNormal | PooledNormal):
                    precision[i, f, f] += prior.sd**-2
                    centre[i, f] = prior.mean
                    if isinstance(prior, PooledNormal):
                        column = f if f < n_slopes and n_slopes > 1 else int(dimension[i])
                        shared.setdefault((prior.mean, prior.sd, f"a{column}"), np.zeros((I, F)))[i, f] = 1.0
                        members[f"a{column}", prior.sd] += 1
                else:
                    pair = (prior.mean, prior.sd) if isinstance(prior, LogNormal) else (prior.alpha, prior.beta)
                    other[type(prior)].append((i, f, *pair))
    precision = np.where(owner[:, :, None] & owner[:, None, :], precision, 0.0)
    tables = {kind: np.array(rows, dtype=float).reshape(-1, 4) for kind, rows in other.items()}
    placed = {kind: (t[:, :2].astype(np.int64), t[:, 2:]) for kind, t in tables.items()}
    pools = tuple(
        Pool(free := weights * owner, float((free * centre).sum()), 1 / ((members[name, sd] + 1) * sd**2))
        for (_, sd, name), weights in shared.items()
    )
    return PriorTerms(precision, centre, *placed[LogNormal], *placed[Beta], pools)
