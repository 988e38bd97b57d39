"""From a fit to the calibration: effects, probabilities, profiles, prevalence, with standard errors by the information."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import logit

from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.classification.choices import ClassificationML
from competency_dx.classification.class_calibration import ClassCalibration, ClassCertificate, ItemClasses, standard_errors
from competency_dx.classification.findings import after
from competency_dx.classification.maximise_classes import ClassFit
from competency_dx.classification.problem import ClassProblem, QMatrix
from competency_dx.findings import Template
from competency_dx.kernels.classes import ItemGroups, additive_design, attribute_distributions, saturated_design
from competency_dx.kernels.classes.item_classes import Predictor
from competency_dx.models import CALIBRATED_FROM, NormalPopulation
from competency_dx.provenance import digest_arrays, provenance

NAMED_PROFILES = 2048
FLAT_SHARE = 1e-6


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
            out[moved | moved[:, None]] = np.nan
        return np.asarray(out)


def calibrated(
    problem: ClassProblem, fit: ClassFit, q: QMatrix, data: tuple[Codes, Bools], method: ClassificationML
) -> ClassCalibration:
    """Return the calibration at a fit, with the findings of the fit."""
    (codes, observed), at = data, fit.at
    n_answers, flat = observed.sum(axis=0), np.asarray(at.basis @ at.flat)
    covariance = np.asarray(at.basis @ np.asarray(at.basis @ at.covariance).T)
    uncertain, Y = Uncertain(covariance, np.linalg.qr(flat)[0] if flat.size else flat), len(covariance)
    items, effects, rows = _items(problem, fit, q, uncertain, n_answers)
    pi = attribute_distributions.profile_probabilities(problem.distribution, fit.now.state.distribution)
    own, J = _distribution(problem, fit, pi, Y)
    profiles, mean, estimates = problem.profiles.astype(np.float64), pi @ problem.profiles, np.concatenate([effects, own])
    structural = len(pi) - 1 if problem.distribution.saturated else len(fit.now.state.distribution)
    size, persons = problem.n_item_parameters + structural, int(problem.persons)
    crowded = [Template("classification.too_many_parameters").of(parameters=size, persons=persons)] if size > persons else []
    model = problem.families[0] if len(set(problem.families)) == 1 else "mixed"
    peak: dict[str, Any] = {"smallest_eigenvalue": at.smallest_eigenvalue, "flat_directions": at.flat.shape[1]}
    answers = digest_arrays(np.where(observed, codes, 0), np.packbits(observed))
    inputs = {"responses": answers, "q_matrix": digest_arrays(q.entries)}
    settings = {"model": model, **method.describe(), "standard errors": "observed information (Louis), complete"}
    return ClassCalibration(
        model=model,
        parameters=items,
        attribute_distribution=problem.distribution.kind,
        hierarchy=method.hierarchy,
        profile_probabilities=pi,
        prevalence=mean,
        prevalence_se=standard_errors(np.diag(uncertain.through(_prevalence(problem, fit, pi, Y)))),
        population=NormalPopulation(dimensions=q.attributes, mean=mean, covariance=(profiles.T * pi) @ profiles - np.outer(mean, mean)),
        parameter_names=_names(problem, items, len(estimates)),
        estimates=estimates,
        covariance=uncertain.through(np.concatenate([rows, J])),
        n_parameters=size,
        log_likelihood=fit.now.log_likelihood,
        converged=fit.converged,
        iterations=fit.iterations,
        n_persons=persons,
        n_answers=n_answers,
        certificate=ClassCertificate(promised_gain=at.promised_gain, missed_profile=fit.missed, starts=np.array(fit.starts), **peak),
        findings=(*crowded, *after(problem, fit, items)),
        provenance=provenance("calibrate", inputs, settings),
    )


def _names(problem: ClassProblem, items: ItemClasses, F: int) -> tuple[str, ...]:
    """Return the names of the reported parameters: effects of items, then the distribution's."""
    out = [f"{item}.d{e}" for i, item in enumerate(items.items) for e in np.flatnonzero(np.isfinite(items.effects[i]))]
    if problem.distribution.saturated:
        out += [f"profile.{''.join(str(x) for x in row)}" for row in problem.profiles[1:]]
        return tuple(out[:F])
    slopes = {"higher_order": [f"{a}.slope" for a in items.attributes], "higher_order_1pl": ["slope"]}
    return (*out, *(f"{a}.intercept" for a in items.attributes), *slopes.get(problem.distribution.kind, ()))


def _items(problem: ClassProblem, fit: ClassFit, q: QMatrix, uncertain: Uncertain, counts: Ints) -> tuple[ItemClasses, Floats, Floats]:
    """Return the items with covariances, all their effects (E,), and the derivatives (E, Y) of these."""
    p, Y = problem.probabilities(fit.now.state), len(uncertain.covariance)
    parts, rows = [], []
    for item, own, family in zip(problem.items, problem.groups, problem.families, strict=True):
        part = []
        for x, J in _item(item, own, family, p):
            wide = np.zeros((len(J), Y))
            wide[:, item.at] = J
            part.append((x, uncertain.through(wide)))
        parts.append(part)
        rows.append(wide)
    probabilities, effects = (_padded([part[k] for part in parts]) for k in (0, 1))
    held: dict[str, Any] = {"families": problem.families, "q_matrix": q.entries, "profiles": problem.profiles}
    held["statuses"] = tuple("calibrated" if n >= CALIBRATED_FROM else "pilot" for n in counts)
    columns = ("probabilities", "probability_covariance", "effects", "effect_covariance")
    held |= dict(zip(columns, (*probabilities, *effects), strict=True))
    out = ItemClasses(items=q.items, attributes=q.attributes, **held)
    return out, np.concatenate([part[1][0] for part in parts]), np.concatenate(rows)


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
        own = fit.now.state.distribution
        return own, np.eye(len(own), Y, problem.n_item_parameters)
    if len(pi) > NAMED_PROFILES:
        return np.zeros(0), np.zeros((0, Y))
    members = problem.distribution.members[problem.distribution.of_class]
    J = _by_class(problem, fit, Y)[problem.distribution.of_class] / members[:, None]
    J[members > 1] = np.nan
    return pi[1:], J[1:]


def _by_class(problem: ClassProblem, fit: ClassFit, Y: int) -> Floats:
    """Return the derivative of the shares of all classes (C', Y)."""
    out = np.zeros((len(problem.distribution.members), Y))
    place = problem.n_item_parameters + np.arange(len(fit.at.shares))
    out[fit.at.shares, place] = 1.0
    out[fit.at.reference, place] = -1.0
    return out


def _prevalence(problem: ClassProblem, fit: ClassFit, pi: Floats, Y: int) -> Floats:
    """Return the derivative of the prevalence (A, Y), NaN where classes of profiles that look alike are split by it."""
    profiles, F = problem.profiles.astype(np.float64), problem.n_item_parameters
    if not problem.distribution.saturated:
        t = attribute_distributions.profile_scores(problem.distribution, fit.now.state.distribution)
        out = np.zeros((profiles.shape[1], Y))
        out[:, F:] = profiles.T @ (pi[:, None] * t)
        return out
    of_class, members = problem.distribution.of_class, problem.distribution.members
    share = np.stack([np.bincount(of_class, weights=a) / members for a in profiles.T])
    out = share @ _by_class(problem, fit, Y)
    split = ((share > 0) & (share < 1))[:, fit.now.active].any(axis=1)
    out[split] = np.nan
    return out
