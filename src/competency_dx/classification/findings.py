"""What a Q-matrix and a fitted classification model say of items, profiles and maxima."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from competency_dx.classification.class_calibration import ItemClasses, standard_errors
from competency_dx.classification.maximise_classes import ClassFit
from competency_dx.classification.problem import ClassProblem, QMatrix
from competency_dx.findings import Finding, Template
from competency_dx.kernels.classes import covering_pairs
from competency_dx.kernels.classes.attribute_distributions import FARTHEST
from competency_dx.kernels.classes.item_classes import BOUND

LEAST_ITEMS = 3
SURE = 1.96
SAME_MAXIMUM = 1e-3


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
