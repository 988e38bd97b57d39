"""From the observed information to standard errors of what is reported: effects, probabilities, profiles, prevalence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import logit

from competency_dx.arrays import Floats
from competency_dx.classification.class_calibration import ItemClasses
from competency_dx.classification.maximise_classes import ClassFit
from competency_dx.classification.problem import ClassProblem
from competency_dx.classification.q_matrix import QMatrix
from competency_dx.kernels.classes import attribute_distributions
from competency_dx.kernels.classes.attribute_profiles import ItemGroups, additive_design, saturated_design
from competency_dx.kernels.classes.item_classes import Predictor

NAMED_PROFILES = 2048
FLAT_SHARE = 1e-6


class Reported(NamedTuple):
    """Reported numbers with covariances; see `ClassCalibration` for their meaning."""

    items: ItemClasses
    profile_probabilities: Floats
    prevalence: Floats
    prevalence_covariance: Floats
    estimates: Floats
    covariance: Floats


class Uncertain(NamedTuple):
    """Covariance (Y, Y) of the parameters worked with, and flat directions (Y, n), orthonormal."""

    covariance: Floats
    flat: Floats

    def through(self, jacobian: Floats) -> Floats:
        """Return the covariance (N, N) of a linear image, NaN in rows that a flat direction moves."""
        out = jacobian @ self.covariance @ jacobian.T
        if self.flat.shape[1]:
            size = np.maximum(np.linalg.norm(jacobian, axis=1), 1e-300)
            moved = np.linalg.norm(jacobian @ self.flat, axis=1) > FLAT_SHARE * size
            out[moved] = np.nan
            out[:, moved] = np.nan
        return np.asarray(out)


def reported(problem: ClassProblem, fit: ClassFit, q: QMatrix, statuses: tuple[str, ...]) -> Reported:
    """Return everything reported at a fit."""
    at, p = fit.at, problem.probabilities(fit.state)
    flat = np.asarray(at.basis @ at.flat)
    covariance = np.asarray(at.basis @ np.asarray(at.basis @ at.covariance).T)
    uncertain = Uncertain(covariance, np.linalg.qr(flat)[0] if flat.size else flat)
    Y, parts, rows = len(covariance), [], []
    for item, own, family in zip(problem.items, problem.groups, problem.families, strict=True):
        pairs = _item(item, own, family, p)
        wide = [np.zeros((len(J), Y)) for _, J in pairs]
        for full, (_, J) in zip(wide, pairs, strict=True):
            full[:, item.at] = J
        parts.append([(x, uncertain.through(full)) for (x, _), full in zip(pairs, wide, strict=True)])
        rows.append(wide[1])
    probabilities, effects = (_padded([part[k] for part in parts]) for k in (0, 1))
    pi = attribute_distributions.profile_probabilities(problem.distribution, fit.state.distribution)
    estimates, J = _distribution(problem, fit, pi, Y)
    return Reported(
        ItemClasses(
            items=q.items,
            families=problem.families,
            statuses=statuses,
            attributes=q.attributes,
            q_matrix=q.entries,
            profiles=problem.profiles,
            probabilities=probabilities[0],
            probability_covariance=probabilities[1],
            effects=effects[0],
            effect_covariance=effects[1],
        ),
        pi,
        pi @ problem.profiles,
        uncertain.through(_prevalence(problem, fit, pi, Y)),
        np.concatenate([*(part[1][0] for part in parts), estimates]),
        uncertain.through(np.concatenate([*rows, J])),
    )


def _padded(parts: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Return the numbers of the items (I, W), NaN beyond those of an item, and their covariances (I, W, W)."""
    W = max(len(x) for x, _ in parts)
    out, covariance = np.full((len(parts), W), np.nan), np.zeros((len(parts), W, W))
    for i, (x, V) in enumerate(parts):
        out[i, : len(x)], covariance[i, : len(x), : len(x)] = x, V
    return out, covariance


def _item(item: Predictor, own: ItemGroups, family: str, of_groups: Floats) -> list[tuple[Floats, Floats]]:
    """Return probabilities of the patterns (W,) and effects (E,) of an item, each with its derivative by β."""
    p, identity = of_groups[item.where], item.link == "identity"
    patterns = (p[own.of_pattern], item.jacobian(of_groups)[own.of_pattern])
    if not item.saturated:
        beta = np.linalg.lstsq(item.design, p if identity else logit(p), rcond=None)[0]
        return [patterns, (np.asarray(beta), np.eye(item.design.shape[1]))]
    if family in {"DINA", "DINO"}:
        inverse = np.array([[1.0, 0.0], [-1.0, 1.0]])
    else:
        inverse = np.linalg.inv(saturated_design(own.patterns) if family == "GDINA" else additive_design(own.patterns))
    effects = (inverse @ logit(p), inverse / (p * (1 - p))) if family == "LLM" else (inverse @ p, inverse)
    return [patterns, effects]


def _distribution(problem: ClassProblem, fit: ClassFit, pi: Floats, Y: int) -> tuple[Floats, Floats]:
    """Return the reported parameters of the distribution (N,) and their derivative (N, Y) by the parameters worked with."""
    if not problem.distribution.saturated:
        own = fit.state.distribution
        return own, np.eye(len(own), Y, problem.n_item_parameters)
    if len(pi) > NAMED_PROFILES:
        return np.zeros(0), np.zeros((0, Y))
    members = problem.distribution.members[problem.distribution.of_class]
    J = _by_class(problem, fit, Y)[problem.distribution.of_class] / members[:, None]
    J[members > 1] = np.nan
    return pi[1:], J[1:]


def _by_class(problem: ClassProblem, fit: ClassFit, Y: int) -> Floats:
    """Return the derivative of the shares of all classes (C', Y)."""
    out = np.zeros((problem.distribution.n_classes, Y))
    place = problem.n_item_parameters + np.arange(len(fit.at.shares))
    out[fit.at.shares, place] = 1.0
    out[fit.at.reference, place] = -1.0
    return out


def _prevalence(problem: ClassProblem, fit: ClassFit, pi: Floats, Y: int) -> Floats:
    """Return the derivative of the prevalence (A, Y), NaN where classes of profiles that look alike are split by it."""
    profiles, F = problem.profiles.astype(np.float64), problem.n_item_parameters
    if not problem.distribution.saturated:
        t = attribute_distributions.profile_scores(problem.distribution, fit.state.distribution)
        out = np.zeros((profiles.shape[1], Y))
        out[:, F:] = profiles.T @ (pi[:, None] * t)
        return out
    of_class, members = problem.distribution.of_class, problem.distribution.members
    share = np.stack([np.bincount(of_class, weights=a) / members for a in profiles.T])
    out = share @ _by_class(problem, fit, Y)
    split = ((share > 0) & (share < 1))[:, fit.now.active].any(axis=1)
    out[split] = np.nan
    return out
