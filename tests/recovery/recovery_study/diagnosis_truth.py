"""Persons, items and answers with a known truth for the study of diagnosis, written without the package's own curves.

One letter per axis: P persons, I items, K categories, D leaves, C units. A bank's numbers are read from its records; what
is drawn from them is the truth that its answers come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

import competency_dx as cdx

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CUT = 60.0
GUESSING = 0.25
OMITTED = 99.0  # in a table of points: the item was left out
OMISSION_RATE = 0.15


class TrueItems(NamedTuple):
    """I items: slopes (I,), step difficulties (I, K - 1) with NaN where an item has fewer, and chances to guess (I,)."""

    a: Floats
    b: Floats
    guessing: Floats


class Layout(NamedTuple):
    """Leaf of each item (I,), units (C) by code, `inside` (C, I): items of the reference set that belong to a unit."""

    leaf: Ints
    leaves: tuple[str, ...]
    units: tuple[str, ...]
    inside: NDArray[np.bool_]


def layout(bank: cdx.ItemBank) -> Layout:
    """Return domains and what lies above them, read off the codes: MAT.S.01.02 counts for MAT.S.01, MAT.S and MAT."""
    heaviest = [max(item.competencies.items(), key=lambda pair: pair[1])[0] for item in bank.items]
    domain = [".".join(code.split(".")[:3]) for code in heaviest]
    leaves = tuple(dict.fromkeys(sorted(domain, key=[n.code for n in bank.framework.nodes].index)))
    above = [".".join(code.split(".")[:n]) for n in (1, 2) for code in leaves]
    units = (*dict.fromkeys(above), *leaves)
    inside = np.array([[code == unit or code.startswith(unit + ".") for code in domain] for unit in units])
    return Layout(np.array([leaves.index(code) for code in domain]), leaves, units, inside)


def drawn_items(bank: cdx.ItemBank, rng: np.random.Generator, slopes: Literal["bank", "lognormal"]) -> TrueItems:
    """Return items drawn from what the bank says of them: every number normal with its standard error.

    Lognormal slopes have median 1 times the bank's and a standard deviation of 0.4 of their logarithm.
    """
    records = bank.parameters
    K = max(len(r.b) for r in records)
    b, se = (np.full((len(records), K), np.nan) for _ in range(2))
    for i, r in enumerate(records):
        b[i, : len(r.b)], se[i, : len(r.b)] = r.b, [s or 0.0 for s in r.se_b]
    a, se_a = np.array([r.a for r in records]), np.array([r.se_a or 0.0 for r in records])
    z = rng.standard_normal(len(a))
    slope = a * np.exp(0.4 * z) if slopes == "lognormal" else a + se_a * z
    return TrueItems(slope, b + se * rng.standard_normal(b.shape), np.zeros(len(a)))


def category_probabilities(items: TrueItems, theta: Floats) -> Floats:
    """Return P(X = k | θ) (P, I, K) at abilities (P, I): adjacent logits a(θ - b_k), of two categories with guessing."""
    step = items.a[:, None] * (theta[:, :, None] - items.b)
    z = np.concatenate([np.zeros((*theta.shape, 1)), np.cumsum(step, axis=2)], axis=2)
    p = softmax(np.where(np.isnan(z), -np.inf, z), axis=2)
    p[:, :, 1] += items.guessing * p[:, :, 0]
    p[:, :, 0] *= 1 - items.guessing
    return np.asarray(p)


Correlate = Callable[[Layout, np.random.Generator], Floats]


def equal(r: float) -> Correlate:
    """Return a population whose leaves all correlate by `r`."""
    return lambda of, _: _pattern(np.zeros(len(of.leaves)), r, r)


def two_clusters(within: float, between: float) -> Correlate:
    """Return a population with two clusters that the bank takes for one: every other leaf belongs to the second."""
    return lambda of, _: _pattern(np.arange(len(of.leaves)) % 2, within, between)


def as_stated(of: Layout, rng: np.random.Generator) -> Floats:
    """Return covariances drawn from what shipped banks say: Fisher's z and log SD normal around .8, .75 and 1."""
    z = rng.normal(np.arctanh([0.8, 0.75]), 0.25)
    cluster = np.unique([code.rpartition(".")[0] for code in of.leaves], return_inverse=True)[1]
    return np.asarray(_pattern(cluster, *np.tanh(z)) * np.exp(2 * rng.normal(0.0, 0.1)))


def _pattern(cluster: NDArray[np.number], within: float, between: float) -> Floats:
    """Return the correlation matrix of leaves in clusters, drawn towards independence until it is positive definite."""
    out = np.where(cluster[:, None] == cluster, within, between)
    np.fill_diagonal(out, 1.0)
    least = float(np.linalg.eigvalsh(out)[0])
    share = max(0.0, (1e-4 - least) / (1 - least))
    return np.asarray((1 - share) * out + share * np.eye(len(out)))


class Truth(NamedTuple):
    """True percent of persons (P, C) and their answers (P, I), NaN where an item was not given."""

    percent: Floats
    answers: Floats


def drawn_persons(
    of: Layout, items: TrueItems, population: tuple[Floats, Floats], given: Sequence[bool], n: int, rng: np.random.Generator
) -> Truth:
    """Return `n` persons of a normal population (mean (D,), covariance (D, D)) who answer the given items (I,)."""
    mean, covariance = population
    theta = mean + rng.standard_normal((n, len(mean))) @ np.linalg.cholesky(covariance).T
    p = category_probabilities(items, theta[:, of.leaf])
    points = p @ np.arange(p.shape[2])
    top = (~np.isnan(items.b)).sum(axis=1)
    percent = 100 * (points @ of.inside.T) / (of.inside @ top)
    answers = (rng.random((*points.shape, 1)) > p.cumsum(axis=2)[:, :, :-1]).sum(axis=2).astype(float)
    return Truth(percent, np.where(given, answers, np.nan))


def omitted(truth: Truth, rng: np.random.Generator) -> Truth:
    """Return the persons with 15 % of their answers left out, the weak more often.

    An item is left out with log odds c + 1.5 ξ - x / 2, x being 1 where the answer would have been fully right; the propensity
    ξ is standard normal and correlates by -.6 with the true percent of the whole test; c makes the rate .15.
    """
    total = truth.percent[:, 0]
    weak = (total.mean() - total) / total.std()
    xi = 0.6 * weak + 0.8 * rng.standard_normal(len(total))
    right = truth.answers >= np.fmax.reduce(truth.answers, axis=0)
    odds = 1.5 * xi[:, None] - 0.5 * right
    low, high = -10.0, 10.0
    for _ in range(50):
        c = (low + high) / 2
        low, high = (c, high) if expit(c + odds).mean() < OMISSION_RATE else (low, c)
    left_out = rng.random(truth.answers.shape) < expit(low + odds)
    return truth._replace(answers=np.where(left_out & ~np.isnan(truth.answers), OMITTED, truth.answers))
