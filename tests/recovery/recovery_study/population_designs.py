"""Designs about the population: correlated competencies, latent regression, groups."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from competency_dx.calibration import MarginalML, Population
from recovery_study.answers import ItemSet, drawn, item_set, spread, truths
from recovery_study.design import Design, Drawn, Study, item_ids

Floats = NDArray[np.float64]
EACH = 8  # items a competency
THREE = np.array([[1.0, 0.5, 0.6], [0.5, 1.0, 0.7], [0.6, 0.7, 1.0]])
LOADINGS = np.array([0.90, 0.85, 0.80, 0.75, 0.70, 0.60])
SIX = np.outer(LOADINGS, LOADINGS) + np.diag(1 - LOADINGS**2)
SHORT = (5, 6, 7, 8, 5, 6)  # items of six short competencies
ALIKE = np.full((6, 6), 0.8) + 0.2 * np.eye(6)
CLUSTERS = np.where(np.arange(6)[:, None] // 3 == np.arange(6) // 3, 0.85, 0.6) + 0.15 * np.eye(6)
COEFFICIENTS = np.array([0.6, 0.5])
RESIDUAL = 0.64  # variance of Rasch abilities about their regression
GROUP_MEAN, GROUP_VARIANCE = 0.5, 1.44
ON_BOTH = MarginalML(population=Population(on=("z", "g")))


def competency_items(family: str, n: int = EACH) -> ItemSet:
    """Return the items of one competency: difficulties on ±1.5, slopes 0.8 to 1.8."""
    a, b = spread(0.8, 1.8, n, 3), np.linspace(-1.5, 1.5, n)
    if family == "GPCM":
        return ItemSet(family, a, -a[:, None] * (b[:, None] / 2 + np.array([-0.8, 0.8])))
    return ItemSet(family, a, -(a * b)[:, None])


def several(
    theta: Floats, rng: np.random.Generator, *, family: str = "2PL", share: float = 0.0, sizes: tuple[int, ...] = ()
) -> tuple[Floats, dict[str, float], dict[str, str]]:
    """Return answers to items of each competency, item truths, and the competency of each item.

    Parameters
    ----------
    theta : ndarray, shape (P, D)
    share : float
        Share of the items left out by design, in four booklets.
    sizes : tuple of int (D,)
        Items of each competency, eight when left out.
    """
    P, D = theta.shape
    sizes = sizes or (EACH,) * D
    sets, edge = [competency_items(family, n) for n in sizes], np.concatenate([[0], np.cumsum(sizes)])
    answers = np.concatenate([drawn(items, theta[:, d], rng) for d, items in enumerate(sets)], axis=1)
    truth: dict[str, float] = {}
    for items, n, first in zip(sets, sizes, edge[:-1].tolist(), strict=True):
        truth |= truths(items, item_ids(n, first))
    if share:
        gone = np.arange(P)[:, None] % 4 == np.arange(edge[-1]) % 4
        answers = np.where(gone, np.nan, answers)
    of = {item: f"c{d + 1}" for item, d in zip(item_ids(edge[-1]), np.repeat(np.arange(D), sizes), strict=True)}
    return answers, truth, of


def correlated(V: Floats, family: str, share: float, rng: np.random.Generator, persons: int, sizes: tuple[int, ...] = ()) -> Drawn:
    """Return answers of a multivariate normal population."""
    D = len(V)
    theta = rng.normal(size=(persons, D)) @ np.linalg.cholesky(V).T
    answers, truth, of = several(theta, rng, family=family, share=share, sizes=sizes)
    pairs = [(a, b) for a in range(D) for b in range(a + 1, D)]
    truth |= {f"correlation.c{a + 1}.c{b + 1}": float(V[a, b]) for a, b in pairs}
    return Drawn(answers, theta, truth, family, dimensions=of)


def covariates(rng: np.random.Generator, persons: int) -> Floats:
    """Return a normal covariate and an indicator (P, 2), both centred in the sample as the engine does."""
    x = np.stack([rng.normal(size=persons), (rng.random(persons) < 0.4).astype(float)], axis=1)
    return np.asarray(x - x.mean(axis=0))


def _columns(x: Floats) -> dict[str, list[float]]:
    return dict(zip("zg", x.T.tolist(), strict=True))


def regressed(family: str, rng: np.random.Generator, persons: int) -> Drawn:
    """Return answers of persons whose ability follows two covariates."""
    free, x = family == "Rasch", covariates(rng, persons)
    theta = x @ COEFFICIENTS + rng.normal(0, np.sqrt(RESIDUAL) if free else 1.0, persons)
    items = item_set(family, 25)
    truth = truths(items, item_ids(25)) | dict(zip("zg", COEFFICIENTS.tolist(), strict=True))
    truth |= {"variance": RESIDUAL} if free else {}
    return Drawn(drawn(items, theta, rng), theta[:, None], truth, family, ON_BOTH, background=_columns(x))


def regressed_competencies(rng: np.random.Generator, persons: int) -> Drawn:
    """Return answers of persons whose three competencies follow two covariates."""
    x = covariates(rng, persons)
    B = np.outer(COEFFICIENTS, [1.0, 0.5, 0.0])
    theta = x @ B + rng.normal(size=(persons, 3)) @ np.linalg.cholesky(THREE).T
    answers, truth, of = several(theta, rng)
    truth |= {f"{name}.c{d + 1}": float(B[r, d]) for r, name in enumerate("zg") for d in range(3)}
    truth |= {f"correlation.c{a}.c{b}": float(THREE[a - 1, b - 1]) for a, b in ((1, 2), (1, 3), (2, 3))}
    return Drawn(answers, theta, truth, "2PL", ON_BOTH, of, _columns(x))


def _groups(persons: int) -> NDArray[np.bool_]:
    return np.asarray(np.arange(persons) % 2 == 1)


def two_groups(family: str, rng: np.random.Generator, persons: int) -> Drawn:
    """Return answers of two groups, the second better and more spread."""
    second, base = _groups(persons), 1.0 if family == "2PL" else 0.8
    sd = np.sqrt(np.where(second, GROUP_VARIANCE, base))
    theta = np.where(second, GROUP_MEAN, 0.0) + sd * rng.normal(size=persons)
    items = item_set(family, 25)
    truth = truths(items, item_ids(25)) | {"mean.B": GROUP_MEAN, "variance.B": GROUP_VARIANCE}
    truth |= {"variance.A": base} if family == "Rasch" else {}
    method = MarginalML(population=Population(by="group"))
    labels = np.where(second, "B", "A").tolist()
    return Drawn(drawn(items, theta, rng), theta[:, None], truth, family, method, background={"group": labels})


def correlations(divisor: int) -> Study:
    """Return three and six competencies by expectation propagation."""
    cells = [
        ("3 competencies × 8, 2PL", THREE, "2PL", 0.0, (500, 2000), (None, "weak"), 160),
        ("3 competencies × 8, GPCM", THREE, "GPCM", 0.0, (500,), (None,), 160),
        ("3 competencies × 8, 2PL, a quarter missing by design", THREE, "2PL", 0.25, (1000,), (None,), 160),
        ("6 competencies × 8, 2PL", SIX, "2PL", 0.0, (500, 2000), (None,), 80),
        ("6 competencies × 8, 2PL, a quarter missing by design", SIX, "2PL", 0.25, (1000,), (None,), 80),
    ]
    designs = [
        Design(label=label, persons=P, replications=max(n // divisor, 2), draw=partial(correlated, V, family, share), priors=priors)
        for label, V, family, share, sizes, both, n in cells
        for P in sizes
        for priors in both
    ]
    return Study(
        name="correlations",
        title="Correlated competencies (expectation propagation)",
        text="Eight items a competency; correlations 0.5, 0.6, 0.7 of three competencies, 0.42 to 0.77 of six.",
        designs=tuple(designs),
    )


def short_competencies(divisor: int) -> Study:
    """Return six short competencies, whose correlations the weak priors draw to their mean."""
    designs = [
        Design(
            label=f"6 competencies × 5 to 8, 2PL, correlations {label}",
            persons=400,
            replications=max(80 // divisor, 2),
            draw=partial(correlated, V, "2PL", 0.0, sizes=SHORT),
            priors="weak",
        )
        for label, V in ((".8", ALIKE), (".85 and .6", CLUSTERS))
    ]
    return Study(
        name="short",
        title="Short correlated competencies",
        text="Six competencies of 5 to 8 items and 400 persons, all correlations 0.8, or 0.85 within and 0.6 between two "
        "clusters of three. The prior draws correlations to their mean, which is free: they vary less than their standard "
        "errors say where they are all the same, and no interval may miss what is not.",
        designs=tuple(designs),
    )


def regression(divisor: int) -> Study:
    """Return latent regressions in one stage."""
    designs = [
        Design(label=f"{family} on two covariates", persons=P, replications=max(n // divisor, 2), draw=partial(regressed, family))
        for family in ("2PL", "Rasch")
        for P, n in ((500, 400), (2000, 200))
    ]
    designs.append(
        Design(label="3 competencies on two covariates", persons=1000, replications=max(160 // divisor, 2), draw=regressed_competencies)
    )
    return Study(
        name="regression",
        title="Latent regression in one stage",
        text="θ = 0.6 z + 0.5 g + ε, z normal, g an indicator; residual variance 1, the scale of 2PL items, or 0.64 and free "
        "(Rasch). For three competencies the coefficients are 1, ½ and 0 times these. Maximum likelihood. Abilities are scored "
        "without the covariates, in the whole population: residual and explained variance together.",
        designs=tuple(designs),
    )


def groups(divisor: int) -> Study:
    """Return two groups with free mean and variance of the second."""
    designs = [
        Design(label=f"{family}, two groups", persons=P, replications=max(n // divisor, 2), draw=partial(two_groups, family))
        for family in ("2PL", "Rasch")
        for P, n in ((500, 400), (2000, 200))
    ]
    return Study(
        name="groups",
        title="Two groups",
        text="Halves of the persons from N(0, 1) (Rasch: variance 0.8, free) and N(0.5, 1.44), items equal; maximum likelihood.",
        designs=tuple(designs),
    )
