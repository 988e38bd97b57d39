"""The verb of this room, and from a fit to the calibration: effects, probabilities, profiles, prevalence, with standard errors.

Errors are by the information. What a Q-matrix and the fit say of items, profiles and maxima stands below.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.special import logit

from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.classification.class_calibration import ClassCalibration, ClassCertificate, ItemClasses, standard_errors
from competency_dx.classification.maximise_classes import ClassFit, fit
from competency_dx.classification.problem import FAMILIES, ClassificationML, ClassProblem, QMatrix, build, read_q_matrix
from competency_dx.errors import CalibrationError, ConvergenceError, checked
from competency_dx.findings import Finding, Template, announce, gathered
from competency_dx.kernels import classes
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.kernels.classes import FARTHEST, ItemGroups, additive_design, covering_pairs, saturated_design
from competency_dx.kernels.classes.item_classes import BOUND, Predictor
from competency_dx.models import CALIBRATED_FROM, NormalPopulation
from competency_dx.responses import answers_to_tests
from competency_dx.result import DataFrame, digest_arrays, provenance

NAMED_PROFILES = 2048
FLAT_SHARE = 1e-6
LEAST_ITEMS = 3
SURE = 1.96
SAME_MAXIMUM = 1e-3
DEFAULT_METHOD = ClassificationML()


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
    pi = classes.profile_probabilities(problem.distribution, fit.now.state.distribution)
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
        t = classes.profile_scores(problem.distribution, fit.now.state.distribution)
        out = np.zeros((profiles.shape[1], Y))
        out[:, F:] = profiles.T @ (pi[:, None] * t)
        return out
    of_class, members = problem.distribution.of_class, problem.distribution.members
    share = np.stack([np.bincount(of_class, weights=a) / members for a in profiles.T])
    out = share @ _by_class(problem, fit, Y)
    split = ((share > 0) & (share < 1))[:, fit.now.active].any(axis=1)
    out[split] = np.nan
    return out


def after(problem: ClassProblem, fit: ClassFit, items: ItemClasses) -> tuple[Finding, ...]:
    """Return the findings of a fit."""
    p, empty = problem.probabilities(fit.now.state), fit.at.empty
    at_bound = ((p <= BOUND * 1.001) | (p >= 1 - BOUND * 1.001)) & ~empty
    ends, _ = items.ends()
    own = list(zip(items.items, problem.items, strict=True))
    bounded = [i for i, x in own if at_bound[x.where].any()]
    far = np.abs(fit.now.state.distribution) > FARTHEST - 1e-6
    held = () if problem.distribution.saturated else np.flatnonzero(far) % len(items.attributes)
    reached, several_starts = np.array(fit.starts), list[Finding]()
    if len(reached) > 1:
        best, gap = int((reached > reached.max() - SAME_MAXIMUM).sum()), float(reached.max() - reached.min())
        facts: dict[str, Any] = {"best": best, "starts": len(reached), "gap": gap}
        several_starts.append(Template("classification.local_maxima").of(severity="info" if best > 1 else "warning", **facts))
    return (
        *_inseparable(problem, items),
        *Template("classification.negative_discrimination").about(items.items[i] for i in np.flatnonzero(ends[:, 2] < 0)),
        *Template("classification.not_monotone").about(_falling(items)),
        *Template("classification.boundary_probability").about(bounded, low=BOUND, high=1 - BOUND),
        *Template("classification.empty_group").about(i for i, x in own if empty[x.where].any()),
        *_not_identified(fit, items),
        *Template("classification.boundary_distribution").about((items.attributes[k] for k in held), limit=FARTHEST),
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
    masters = zip(items.attributes, (np.bincount(of_class, weights=a) for a in problem.profiles.T), strict=True)
    names = [a for a, n in masters if ((n > 0) & (n < members)).any()]
    of_data, by_model = Template("classification.inseparable_profiles"), Template("classification.profiles_by_model")
    template = of_data if problem.distribution.saturated else by_model
    return (template.of(names, classes=len(members), profiles=len(problem.profiles)),)


def _not_identified(fit: ClassFit, items: ItemClasses) -> tuple[Finding, ...]:
    if not (directions := fit.at.flat.shape[1]):
        return ()
    lost = np.isnan(np.einsum("iww->iw", items.probability_covariance)) & np.isfinite(items.probabilities)
    names = [items.items[i] for i in np.flatnonzero(lost.any(axis=1))]
    template = Template("classification.not_identified") if names else Template("classification.profiles_not_identified")
    return (template.of(names, directions=directions),)


def check_q_matrix(q: QMatrix, families: Sequence[str]) -> tuple[Finding, ...]:
    """Return what a Q-matrix leaves unidentified.

    For DINA and DINO the conditions are necessary and sufficient (Gu & Xu 2019, theorem 1, doi:10.1007/s11336-018-9619-8): each
    attribute has an item of its own, at least three items measure it, and without one item of its own per attribute the columns still
    differ. Other families are generically identified when two disjoint sets of items can be matched with all attributes and each
    attribute has one item besides (Gu & Xu 2021, doi:10.5705/ss.202018.0410). The conditions are for attributes without a hierarchy.
    """
    conjunctive = all(f in {"DINA", "DINO"} for f in families)
    few = [(a, int(n)) for a, n in zip(q.attributes, q.entries.sum(axis=0), strict=True) if n < LEAST_ITEMS]
    found = Template("classification.q_few_items").about((a for a, _ in few), counts=few, least=LEAST_ITEMS)
    if not conjunctive:
        # two sets of items are matched with the attributes, and one item is left over for each
        match = maximum_bipartite_matching(csr_array(np.tile(q.entries.T, (2, 1))), perm_type="column")
        left = np.delete(q.entries, match[match >= 0], axis=0)
        lacking = {k % len(q.attributes) for k in np.flatnonzero(match < 0)} | set(np.flatnonzero(~left.any(axis=0)).tolist())
        unmatched = [q.attributes[k] for k in sorted(lacking) if q.entries[:, k].sum() >= LEAST_ITEMS]
        return found + Template("classification.q_not_generic").about(unmatched)
    single = q.entries[q.entries.sum(axis=1) == 1].any(axis=0)
    bare = Template("classification.q_incomplete").about(a for a, has in zip(q.attributes, single, strict=True) if not has)
    own = np.flatnonzero(q.entries.sum(axis=1) == 1)
    _, first = np.unique(q.entries[own].argmax(axis=1), return_index=True)
    columns = np.delete(q.entries, own[first], axis=0).T.tolist()  # without one item of its own for each attribute
    equal = (a for a, c in zip(q.attributes, columns, strict=True) if columns.count(c) > 1)
    return found + bare + Template("classification.q_equal_columns").about(equal)


@checked(CalibrationError)
def classify(
    responses: object, q_matrix: DataFrame, *, model: str | Mapping[str, str] = "GDINA", method: ClassificationML = DEFAULT_METHOD
) -> ClassCalibration:
    """Calibrate a diagnostic classification model by marginal maximum likelihood.

    Standard errors are from the observed information of all parameters together.
    Raises `CalibrationError` when items have more than one point, the Q-matrix does not fit, or there are too many profiles. Raises
    `ConvergenceError` when no maximum could be certified; `state` carries the unconverged ClassCalibration.

    Parameters
    ----------
    responses : Responses, data frame, array or path. Items of 0 and 1 point; missing answers are allowed.
    q_matrix : Items x attributes of 0 and 1; item ids in the index or in a column `item`. Rows of items that are not in the data are
        left aside.
    model : {"DINA", "DINO", "ACDM", "LLM", "GDINA"} or mapping of item to one of them
    method : Distribution of the attributes, hierarchy, order, starts, tolerance.
    """
    data = answers_to_tests(responses)
    codes, observed = data.effective(method.missing)
    if not len(kept := np.flatnonzero(observed.any(axis=0))):
        raise CalibrationError("classification.no_answers", n_items=len(data.items))
    ids = [data.items[i] for i in kept]
    q = read_q_matrix(q_matrix).take(ids)
    named = _families(model, ids)
    codes, observed = codes[:, kept], np.ascontiguousarray(observed[:, kept])
    _refuse(codes, observed, q)
    with one_blas_thread():
        problem = build(codes, observed, q=q, families=named, method=method)
        out = calibrated(problem, fit(problem, method), q, (codes, observed), method)
    left_out = Template("classification.no_answers").about(item for item in data.items if item not in set(ids))
    notes = gathered(data.findings, left_out, () if method.hierarchy else check_q_matrix(q, named))
    out = replace(out, findings=notes + out.findings)
    announce(out.findings, known=data.findings)
    if not out.converged:
        n, gain, least = out.iterations, out.certificate.promised_gain, out.certificate.smallest_eigenvalue
        raise ConvergenceError("classification.no_maximum", state=out, iterations=n, promised_gain=gain, smallest_eigenvalue=least)
    return out


def _families(families: Mapping[str, str] | str, ids: list[str]) -> list[str]:
    """Return the family of each item by its name in `FAMILIES`; "G-DINA" is "GDINA"."""
    asked = dict.fromkeys(ids, families) if isinstance(families, str) else families
    if bare := [item for item in ids if item not in asked]:
        raise CalibrationError("classification.no_family", bare=bare)
    out = [asked[item].upper().replace("-", "") for item in ids]
    if odd := [f"{item} ({name})" for item, name in zip(ids, out, strict=True) if name not in FAMILIES]:
        raise CalibrationError("classification.not_families", odd=odd, families=FAMILIES)
    return out


def _refuse(codes: Codes, observed: Bools, q: QMatrix) -> None:
    """Raise where no honest calibration exists."""
    if high := [item for i, item in enumerate(q.items) if codes[:, i].max(initial=0) > 1]:
        raise CalibrationError("classification.scores_above_one", high=high)
    right, answers = ((codes > 0) & observed).sum(axis=0), observed.sum(axis=0)
    if constant := [item for i, item in enumerate(q.items) if right[i] in {0, answers[i]}]:
        raise CalibrationError("classification.constant", constant=constant)
    if bare := [a for a, n in zip(q.attributes, q.entries.sum(axis=0), strict=True) if not n]:
        raise CalibrationError("classification.attribute_without_items", bare=bare)
