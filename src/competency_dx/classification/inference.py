"""From the observed information to standard errors of what is reported: effects, probabilities, profiles, prevalence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import logit

from competency_dx.arrays import Floats
from competency_dx.classification.maximise_classes import Fit
from competency_dx.classification.problem import Problem
from competency_dx.kernels.classes import attribute_distributions
from competency_dx.kernels.classes.attribute_profiles import ItemGroups, additive_design, saturated_design
from competency_dx.kernels.classes.item_classes import Predictor

NAMED_PROFILES = 2048
FLAT_SHARE = 1e-6


class Reported(NamedTuple):
    """Reported numbers with covariances; see `ItemClasses` and `ClassCalibration` for their meaning."""

    probabilities: Floats
    probability_covariance: Floats
    effects: Floats
    effect_covariance: Floats
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


def reported(problem: Problem, families: list[str], found: Fit) -> Reported:
    """Return everything reported at a fit."""
    at, state = found.at, found.state
    flat = np.asarray(at.basis @ at.flat)
    known = Uncertain(
        np.asarray(at.basis @ np.asarray(at.basis @ at.covariance).T), np.linalg.qr(flat)[0] if flat.size else flat
    )
    p = problem.probabilities(state)
    parts = [
        _item(item, own, family, p[item.where])
        for item, own, family in zip(problem.items, problem.groups, families, strict=True)
    ]
    W, E = (max(len(part[k]) for part in parts) for k in (0, 2))
    I, Y = len(parts), len(known.covariance)
    out = [np.full((I, W), np.nan), np.zeros((I, W, W)), np.full((I, E), np.nan), np.zeros((I, E, E))]
    rows = []
    for i, (item, part) in enumerate(zip(problem.items, parts, strict=True)):
        for k in (0, 2):
            n = len(part[k])
            J = np.zeros((n, Y))
            J[:, item.at] = part[k + 1]
            out[k][i, :n] = part[k]
            out[k + 1][i, :n, :n] = known.through(J)
        rows.append(J)
    pi = attribute_distributions.profile_probabilities(problem.distribution, state.distribution)
    estimates, J = _distribution(problem, found, pi, Y)
    prevalence = pi @ problem.profiles
    return Reported(
        out[0],
        out[1],
        out[2],
        out[3],
        pi,
        prevalence,
        known.through(_prevalence(problem, found, pi, Y)),
        np.concatenate([*(part[2] for part in parts), estimates]),
        known.through(np.concatenate([*rows, J])),
    )


def _item(item: Predictor, own: ItemGroups, family: str, p: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return probabilities of the patterns (W,), effects (E,) of an item, each followed by its derivative by β."""
    by_parameter = item.design if item.link == "identity" else item.design * (p * (1 - p))[:, None]
    patterns = p[own.of_pattern]
    to_patterns = by_parameter[own.of_pattern]
    if not item.saturated:
        beta = np.linalg.lstsq(item.design, p if item.link == "identity" else logit(p), rcond=None)[0]
        return patterns, to_patterns, np.asarray(beta), np.eye(item.design.shape[1])
    if family in {"DINA", "DINO"}:
        inverse = np.array([[1.0, 0.0], [-1.0, 1.0]])
    elif family == "GDINA":
        inverse = np.linalg.inv(saturated_design(own.patterns))
    else:
        inverse = np.linalg.inv(additive_design(own.patterns))
    if family == "LLM":
        return patterns, to_patterns, inverse @ logit(p), inverse / (p * (1 - p))
    return patterns, to_patterns, inverse @ p, inverse


def _distribution(problem: Problem, found: Fit, pi: Floats, Y: int) -> tuple[Floats, Floats]:
    """Return the reported parameters of the distribution (N,) and their derivative (N, Y) by the parameters worked with."""
    F = problem.n_item_parameters
    if problem.distribution.kind != "saturated":
        own = found.state.distribution
        J = np.zeros((len(own), Y))
        J[np.arange(len(own)), F + np.arange(len(own))] = 1.0
        return own, J
    if len(pi) > NAMED_PROFILES:
        return np.zeros(0), np.zeros((0, Y))
    members = problem.distribution.members[problem.distribution.of_class]
    J = _by_class(problem, found, Y)[problem.distribution.of_class] / members[:, None]
    J[members > 1] = np.nan
    return pi[1:], J[1:]


def _by_class(problem: Problem, found: Fit, Y: int) -> Floats:
    """Return the derivative of the shares of all classes (C', Y)."""
    out = np.zeros((problem.distribution.n_classes, Y))
    place = problem.n_item_parameters + np.arange(len(found.at.shares))
    out[found.at.shares, place] = 1.0
    out[found.at.reference, place] = -1.0
    return out


def _prevalence(problem: Problem, found: Fit, pi: Floats, Y: int) -> Floats:
    """Return the derivative of the prevalence (A, Y), NaN where classes of profiles that look alike are split by it."""
    profiles, F = problem.profiles.astype(np.float64), problem.n_item_parameters
    if problem.distribution.kind != "saturated":
        t = attribute_distributions.profile_scores(problem.distribution, found.state.distribution)
        out = np.zeros((profiles.shape[1], Y))
        out[:, F:] = profiles.T @ (pi[:, None] * t)
        return out
    of_class, members = problem.distribution.of_class, problem.distribution.members
    share = np.stack([np.bincount(of_class, weights=a) / members for a in profiles.T])
    out = share @ _by_class(problem, found, Y)
    split = ((share > 0) & (share < 1))[:, found.now.active].any(axis=1)
    out[split] = np.nan
    return out
