"""Designs for every item family, for asymptotes drawn from their prior, for booklets and for long tests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from recovery_study.answers import SCALED_BY_VARIANCE, ItemSet, drawn, item_set, truths
from recovery_study.design import Design, Draw, Drawn, Study, item_ids

Floats = NDArray[np.float64]
SIZES = (200, 500, 2000)
DICHOTOMOUS = ("Rasch", "1PL", "2PL", "3PL", "4PL")
FAMILIES = (*DICHOTOMOUS, "PCM", "RSM", "GPCM", "GRM", "NRM", "2PLNRM")
ONLY_WITH_PRIORS = frozenset({"3PL", "4PL"})
MIXTURE = (("2PL", 8), ("GPCM", 6), ("GRM", 6), ("NRM", 5))
MIXTURE_WITH_GUESSING = (("2PL", 7), ("3PL", 6), ("GPCM", 6), ("2PLNRM", 6))
VARIANCE = 1.44  # of abilities where the family leaves the variance free
PRIOR_C, PRIOR_U, PRIOR_SD = -1.4, 2.9, 0.7  # logits, as the weak priors state them


def of_sets(sets: Sequence[ItemSet], rng: np.random.Generator, persons: int) -> Drawn:
    """Return answers to one or several item sets from a normal population."""
    free = all(s.family in SCALED_BY_VARIANCE for s in sets)
    theta = rng.normal(0.0, np.sqrt(VARIANCE) if free else 1.0, persons)
    parts: list[Floats] = []
    truth: dict[str, float] = {}
    model: dict[str, str] = {}
    start = 0
    for s in sets:
        ids = item_ids(len(s.a), start)
        parts.append(drawn(s, theta, rng))
        truth |= truths(s, ids)
        model |= dict.fromkeys(ids, s.family)
        start += len(ids)
    if free:
        truth["variance"] = VARIANCE
    return Drawn(np.concatenate(parts, axis=1), theta[:, None], truth, model if len(sets) > 1 else sets[0].family)


def one_family(family: str, items: int, rng: np.random.Generator, persons: int) -> Drawn:
    """Return answers to items of one family."""
    return of_sets([item_set(family, items)], rng, persons)


def mixture(parts: Sequence[tuple[str, int]], rng: np.random.Generator, persons: int) -> Drawn:
    """Return answers to a test of several families."""
    return of_sets([item_set(family, n) for family, n in parts], rng, persons)


def asymptotes_from_prior(family: str, rng: np.random.Generator, persons: int) -> Drawn:
    """Return answers to items whose asymptotes are drawn anew from the weak prior in every replication."""
    items = item_set(family, 25)
    centre = {"logit_c": PRIOR_C, "logit_u": PRIOR_U}
    extra = {name: rng.normal(centre[name], PRIOR_SD, 25) for name in items.extra}
    return of_sets([items._replace(extra=extra)], rng, persons)


def booklets(family: str, rng: np.random.Generator, persons: int) -> Drawn:
    """Return answers to 30 items in three blocks of 10, each person given two of the blocks."""
    data = one_family(family, 30, rng, persons)
    left_out = np.arange(persons)[:, None] % 3 == np.arange(30) % 3
    return data._replace(answers=np.where(left_out, np.nan, data.answers))


def long_test(items: int, rng: np.random.Generator, persons: int) -> Drawn:
    """Return answers to a long 2PL test with slopes of a lognormal shape and normal difficulties."""
    grid = (np.arange(items) + 0.5) / items
    b = np.log(grid / (1 - grid)) / 1.702
    a = np.exp(0.3 * b[np.argsort(np.arange(items) * 77 % items, kind="stable")])
    return of_sets([ItemSet("2PL", a, -(a * b)[:, None])], rng, persons)


def _replications(label: str, priors: str | None) -> int:
    """Return more replications where some kind has a single parameter to pool over."""
    return 400 if label in {"1PL", *SCALED_BY_VARIANCE} and priors is None else 100


def families(divisor: int) -> Study:
    """Return every family at three sizes, by maximum likelihood and, where they matter, with the weak priors."""
    kinds: list[tuple[str, Draw, bool]] = [
        (f, partial(one_family, f, 25 if f in DICHOTOMOUS else 20), f not in ONLY_WITH_PRIORS) for f in FAMILIES
    ]
    kinds.append(("2PL + GPCM + GRM + NRM", partial(mixture, MIXTURE), True))
    kinds.append(("2PL + 3PL + GPCM + 2PLNRM", partial(mixture, MIXTURE_WITH_GUESSING), False))
    designs = [
        Design(label=label, persons=P, replications=max(_replications(label, priors) // divisor, 2), draw=draw, priors=priors)
        for label, draw, plain in kinds
        for P in SIZES
        for priors in ((None, "weak") if plain and SIZES[-1] > P else (None,) if plain else ("weak",))
    ]
    return Study(
        name="families",
        title="Item families",
        text="25 dichotomous items with difficulties on ±2, or 20 items of four categories on ±1.2; slopes 0.7 to 1.7, "
        "guessing 0.12 to 0.28, slipping 0.03 to 0.10. The true parameters are the same in every replication. Rasch, PCM and "
        "RSM have a free variance (1.44); 2PLNRM is the nested logit with three distractors. With 2,000 persons the weak priors "
        "change nothing that the table would show, asymptotes apart.\n\nIntervals with priors are "
        "Bayesian: right about parameters that come from the prior (next table), not about parameters that stay where they "
        "are. Where data say little (asymptotes above all, and slopes in 200 persons) estimates are drawn to the prior and "
        "vary less than their standard errors say: the ratio exceeds 1, and coverage is high for parameters near the centre "
        "of the prior, as most are here, and would be low far from it. NRM slopes in 200 persons are drawn to 0.",
        designs=tuple(designs),
    )


def from_prior(divisor: int) -> Study:
    """Return 3PL and 4PL with asymptotes drawn from their prior."""
    designs = [
        Design(
            label=f"{family}, asymptotes from the prior",
            persons=P,
            replications=max(100 // divisor, 2),
            draw=partial(asymptotes_from_prior, family),
            priors="weak",
        )
        for family in ("3PL", "4PL")
        for P in (500, 2000)
    ]
    return Study(
        name="asymptotes",
        title="Asymptotes drawn from the prior",
        text="As above, but logit c ~ N(-1.4, 0.7²) and logit u ~ N(2.9, 0.7²) drawn anew in every replication, which is what "
        "the weak priors assume: intervals should then cover 95 %. What is missing is the shape: the "
        "posterior of an asymptote and of the intercept that goes with it is skew, and estimate ± 1.96 SE is symmetric.",
        designs=tuple(designs),
    )


def missing(divisor: int) -> Study:
    """Return booklet designs."""
    designs = [
        Design(label=f"{family}, three booklets", persons=P, replications=max(100 // divisor, 2), draw=partial(booklets, family))
        for family in ("2PL", "GPCM")
        for P in (500, 2000)
    ]
    return Study(
        name="booklets",
        title="Missing by design",
        text="30 items in three blocks; each person answers two of them. Maximum likelihood.",
        designs=tuple(designs),
    )


def long_tests(divisor: int) -> Study:
    """Return tests of 200 and 500 items."""
    designs = [
        Design(label=f"2PL, {I} items", persons=P, replications=max(n // divisor, 2), draw=partial(long_test, I))
        for I, P, n in ((200, 2000, 16), (200, 5000, 16), (500, 2000, 12), (500, 5000, 10))
    ]
    return Study(
        name="long",
        title="Long tests",
        text="Slopes around 1, 2PL, maximum likelihood. Goals: slopes unbiased to 1 %, EAP coverage 94 to 96 %. Abilities carry "
        "the uncertainty of the items, with the errors that items share.",
        designs=tuple(designs),
    )
