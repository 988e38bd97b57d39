"""The joint population of a bank's leaves: what the bank states, what it leaves open, and how that is integrated over.

Means that are uncertain by σ² make the prior of one person N(μ, Σ + σ² I), exactly. SDs and correlations change its form; they
are integrated over a few fixed points (`cubature`), which every person's answers weigh by their probability.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.bank import BankPopulation, CorrelationMatrix, ItemBank
from competency_dx.competencies.units import Units
from competency_dx.errors import DiagnosisError, listed
from competency_dx.models import NormalPopulation, cubature

HIGHEST = 0.98  # correlation: leaves stay distinct
SMALLEST = 1e-4  # eigenvalue of a correlation matrix


class LeafPopulations(NamedTuple):
    """Normal populations of D leaves: mean (D,), H covariances (H, D, D) with log prior weights (H,), the central one (D, D)."""

    mean: Floats
    covariances: Floats
    log_weight: Floats
    central: Floats


def leaf_populations(bank: ItemBank, units: Units, stated: BankPopulation | NormalPopulation | None) -> LeafPopulations:
    """Return the populations that a bank, or what is stated in its place, gives to the leaves.

    Raises
    ------
    DiagnosisError
        When a stated population or a matrix of correlations does not name the leaves.
    """
    if isinstance(stated, NormalPopulation):
        at = _places(stated.dimensions, units.leaf_codes, "population=")
        covariance = stated.covariance[np.ix_(at, at)]
        return LeafPopulations(stated.mean[at], covariance[None], np.zeros(1), covariance)
    population = bank.header.population if stated is None else stated
    leaves = [population.leaves.get(code) for code in units.leaf_codes]
    mean = np.array([population.mean if leaf is None else leaf.mean for leaf in leaves])
    sd = np.array([np.sqrt(population.variance) if leaf is None else leaf.sd for leaf in leaves])
    z, directions = _fisher(population, units)
    free = [(population.sd_se, None), *((1.0, direction) for direction in directions)]
    free = [(se, direction) for se, direction in free if se > 0]
    points, weights = cubature(len(free), 0) if free else (np.zeros((1, 0)), np.ones(1))

    def covariance_at(point: Floats) -> Floats:
        scale = sd * np.exp(sum((x * se for x, (se, d) in zip(point, free, strict=True) if d is None), start=0.0))
        moved = z + sum((x * d for x, (_, d) in zip(point, free, strict=True) if d is not None), start=np.zeros_like(z))
        return np.asarray(_proper(np.tanh(moved)) * np.outer(scale, scale) + population.mean_se**2 * np.eye(len(sd)))

    covariances = np.stack([covariance_at(point) for point in points])
    return LeafPopulations(mean, covariances, np.log(weights), covariance_at(np.zeros(len(free))))


def clusters(units: Units) -> Ints:
    """Return a number (D,) for the cluster of each leaf: leaves under one unit share it."""
    above = np.array([units.parent[c] if units.parent[c] >= 0 else c for c in units.leaves])
    return np.asarray(np.unique(above, return_inverse=True)[1].ravel())


def _fisher(population: BankPopulation, units: Units) -> tuple[Floats, list[Floats]]:
    """Return Fisher's z of the correlations (D, D), diagonal 0, and the directions (D, D) of one standard error."""
    of, D = clusters(units), len(units.leaves)
    same = of[:, None] == of
    pattern = population.correlations
    if isinstance(pattern, CorrelationMatrix):
        at, lower = (
            _places(pattern.leaves, units.leaf_codes, "population.correlations"),
            np.tril_indices(len(pattern.leaves), -1),
        )
        z, se = np.zeros((2, len(pattern.leaves), len(pattern.leaves)))
        z[lower], se[lower] = np.arctanh(pattern.values), pattern.se or 0.0
        both = [(x + x.T)[np.ix_(at, at)] for x in (z, se)]
        return both[0], [both[1]] if both[1].any() else []
    off = ~np.eye(D, dtype=bool)
    near, far = same & off, ~same
    z = np.arctanh(np.where(near, pattern.within, np.where(far, min(pattern.between, pattern.within), 0.0)))
    direction = near * pattern.within_se + far * pattern.between_se  # both at once: where the one is high the other is
    return z, [direction] if direction.any() else []


def _places(names: tuple[str, ...], leaves: tuple[str, ...], where: str) -> Ints:
    missing = [code for code in leaves if code not in names]
    if missing:
        raise DiagnosisError(f"{where} does not name the competencies {listed(missing)}; it has {listed(names)}")
    return np.array([names.index(code) for code in leaves])


def _proper(correlations: Floats) -> Floats:
    """Return the nearest correlation matrix on the way to independence that is positive definite, diagonal 1."""
    out = np.clip(correlations, -HIGHEST, HIGHEST)
    np.fill_diagonal(out, 1.0)
    least = float(np.linalg.eigvalsh(out)[0])
    if least < SMALLEST:
        share = (SMALLEST - least) / (1 - least)
        out = (1 - share) * out + share * np.eye(len(out))
    return np.asarray(out)
