"""What a fitted classification model says about its items, profiles and maxima, as findings."""

from __future__ import annotations

import numpy as np

from competency_dx.classification import findings
from competency_dx.classification.class_calibration import ItemClasses, standard_errors
from competency_dx.classification.maximise_classes import ClassFit
from competency_dx.classification.problem import ClassProblem
from competency_dx.findings import Finding, Severity
from competency_dx.kernels.classes import covering_pairs
from competency_dx.kernels.classes.attribute_distributions import FARTHEST
from competency_dx.kernels.classes.item_classes import BOUND

SURE = 1.96
SAME_MAXIMUM = 1e-3


def after(problem: ClassProblem, fit: ClassFit, items: ItemClasses) -> tuple[Finding, ...]:
    """Return the findings of a fit."""
    p, empty = problem.probabilities(fit.state), fit.at.empty
    at_bound = ((p <= BOUND * 1.001) | (p >= 1 - BOUND * 1.001)) & ~empty
    ends, _ = items.ends()
    own = list(zip(items.items, problem.items, strict=True))
    far = np.abs(fit.state.distribution) > FARTHEST - 1e-6
    held = () if problem.distribution.saturated else np.flatnonzero(far) % len(items.attributes)
    reached, several_starts = np.array(fit.starts), list[Finding]()
    if len(reached) > 1:
        best, gap = int((reached > reached.max() - SAME_MAXIMUM).sum()), float(reached.max() - reached.min())
        severity: Severity = "info" if best > 1 else "warning"
        several_starts.append(findings.LOCAL_MAXIMA.of(severity=severity, best=best, starts=len(reached), gap=gap))
    return (
        *_inseparable(problem, items),
        *findings.NEGATIVE_DISCRIMINATION.about(items.items[i] for i in np.flatnonzero(ends[:, 2] < 0)),
        *findings.NOT_MONOTONE.about(_falling(items)),
        *findings.BOUNDARY_PROBABILITY.about((i for i, x in own if at_bound[x.where].any()), low=BOUND, high=1 - BOUND),
        *findings.EMPTY_GROUP.about(i for i, x in own if empty[x.where].any()),
        *_not_identified(fit, items),
        *findings.BOUNDARY_DISTRIBUTION.about((items.attributes[k] for k in held), limit=FARTHEST),
        *several_starts,
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


def _inseparable(problem: ClassProblem, items: ItemClasses) -> tuple[Finding, ...]:
    """Return which attributes have masters and others in a class of profiles that look alike."""
    members, of_class = problem.distribution.members, problem.distribution.of_class
    if not (members > 1).any():
        return ()
    masters = [np.bincount(of_class, weights=a) for a in problem.profiles.T]
    split = [((n > 0) & (n < members)).any() for n in masters]
    names = [a for a, divided in zip(items.attributes, split, strict=True) if divided]
    template = findings.INSEPARABLE_PROFILES if problem.distribution.saturated else findings.PROFILES_BY_MODEL
    return (template.of(names, classes=len(members), profiles=len(problem.profiles)),)


def _not_identified(fit: ClassFit, items: ItemClasses) -> tuple[Finding, ...]:
    directions = fit.at.flat.shape[1]
    if not directions:
        return ()
    lost = np.isnan(np.einsum("iww->iw", items.probability_covariance)) & np.isfinite(items.probabilities)
    names = [items.items[i] for i in np.flatnonzero(lost.any(axis=1))]
    template = findings.NOT_IDENTIFIED if names else findings.PROFILES_NOT_IDENTIFIED
    return (template.of(names, directions=directions),)
