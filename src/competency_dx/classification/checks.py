"""What a fitted classification model says about its items, profiles and maxima, as findings."""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.classification.class_parameters import ItemClasses, standard_errors
from competency_dx.classification.findings import (
    BOUNDARY_DISTRIBUTION,
    BOUNDARY_PROBABILITY,
    EMPTY_GROUP,
    INSEPARABLE_PROFILES,
    LOCAL_MAXIMA,
    NEGATIVE_DISCRIMINATION,
    NOT_IDENTIFIED,
    NOT_MONOTONE,
    PROFILES_BY_MODEL,
    PROFILES_NOT_IDENTIFIED,
)
from competency_dx.classification.inference import Reported
from competency_dx.classification.maximise_classes import Fit
from competency_dx.classification.problem import Problem
from competency_dx.findings import Finding
from competency_dx.kernels.classes.attribute_distributions import FARTHEST
from competency_dx.kernels.classes.attribute_profiles import covering_pairs
from competency_dx.kernels.classes.item_classes import BOUND

SURE = 1.96
SAME_MAXIMUM = 1e-3


def after(problem: Problem, found: Fit, numbers: Reported, items: ItemClasses) -> tuple[Finding, ...]:
    """Return the findings of a fit."""
    p = problem.probabilities(found.state)
    at_bound = (p <= BOUND * 1.001) | (p >= 1 - BOUND * 1.001)
    ends, _ = items.ends()
    ids = items.items
    negative = [ids[i] for i in np.flatnonzero(ends[:, 2] < 0)]
    bound = [ids[i] for i, item in enumerate(problem.items) if (at_bound & ~found.at.empty)[item.where].any()]
    empty = [ids[i] for i, item in enumerate(problem.items) if found.at.empty[item.where].any()]
    return (
        *_inseparable(problem, items),
        *NEGATIVE_DISCRIMINATION.about(negative),
        *NOT_MONOTONE.about(_falling(items)),
        *BOUNDARY_PROBABILITY.about(bound, low=BOUND, high=1 - BOUND),
        *EMPTY_GROUP.about(empty),
        *_not_identified(found, numbers, items),
        *_bound_distribution(problem, found, items),
        *_starts(found),
    )


def _falling(items: ItemClasses) -> list[str]:
    """Return items where mastering one attribute more lowers P(right) by more than its standard error allows."""
    out = []
    for i, item in enumerate(items.items):
        pairs, V = covering_pairs(items.patterns(i)), items.probability_covariance[i]
        low, high = pairs.T
        drop = items.probabilities[i, low] - items.probabilities[i, high]
        se = standard_errors(V[low, low] + V[high, high] - 2 * V[low, high])
        if (drop > SURE * se).any():
            out.append(item)
    return out


def _inseparable(problem: Problem, items: ItemClasses) -> tuple[Finding, ...]:
    members = problem.distribution.members
    if not (members > 1).any():
        return ()
    of_class = problem.distribution.of_class
    names = [
        name
        for name, a in zip(items.attributes, problem.profiles.T, strict=True)
        if _split(np.bincount(of_class, weights=a).astype(np.float64), members)
    ]
    template = INSEPARABLE_PROFILES if problem.distribution.kind == "saturated" else PROFILES_BY_MODEL
    return (template.of(names, classes=len(members), profiles=len(problem.profiles)),)


def _split(masters: Floats, members: Ints) -> bool:
    """Return whether some class has both masters and others of an attribute."""
    return bool(((masters > 0) & (masters < members)).any())


def _not_identified(found: Fit, numbers: Reported, items: ItemClasses) -> tuple[Finding, ...]:
    directions = found.at.flat.shape[1]
    if not directions:
        return ()
    lost = np.isnan(np.einsum("iww->iw", numbers.probability_covariance)) & np.isfinite(numbers.probabilities)
    names = [items.items[i] for i in np.flatnonzero(lost.any(axis=1))]
    return ((NOT_IDENTIFIED if names else PROFILES_NOT_IDENTIFIED).of(names, directions=directions),)


def _bound_distribution(problem: Problem, found: Fit, items: ItemClasses) -> tuple[Finding, ...]:
    if problem.distribution.kind == "saturated":
        return ()
    A = len(items.attributes)
    held = np.flatnonzero(np.abs(found.state.distribution) > FARTHEST - 1e-6)
    return BOUNDARY_DISTRIBUTION.about((items.attributes[k % A] for k in held), limit=FARTHEST)


def _starts(found: Fit) -> tuple[Finding, ...]:
    reached = np.array(found.starts)
    if len(reached) == 1:
        return ()
    best, gap = int((reached > reached.max() - SAME_MAXIMUM).sum()), float(reached.max() - reached.min())
    note = LOCAL_MAXIMA.of(severity="info" if best > 1 else "warning", best=best, starts=len(reached), gap=gap)
    return (note,)
