"""The likelihood of marks: every criterion as an expert marks it is an item, whose parameters are linear in what they share.

The log odds of a mark against the one below are those of the criterion less the severity of the expert (Linacre 1989; Eckes 2015).
Items of a criterion differ in that alone, so one marginal likelihood with a design (`Items.design`) holds all of them, and keyed
items beside them. A normal prior of random effects stands on items that nobody answered, one for each effect; its variance follows
from the effects and their errors (MacKay 1992, doi:10.1162/neco.1992.4.3.415; Laplace approximation of the posterior of the effects).
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.engine import (
    Constraints,
    Control,
    Known,
    Marginal,
    Maximised,
    build_items,
    category_counts,
    fit,
    one_dimension_likelihood,
    populations_of,
)
from competency_dx.errors import ConvergenceError, RatersError
from competency_dx.kernels.grid import points_needed, prepare
from competency_dx.models import family_for
from competency_dx.raters.rater_calibration import Facets
from competency_dx.raters.ratings import Ratings
from competency_dx.responses import Responses

EFFECTS = ("s", "c", "x", "d")  # severity of an expert, that on one criterion, thresholds, drift
PERIODS = 4  # into which days are put
START, LEAST, SETTLED = 0.25, 1e-3, 1e-3  # variances of random effects


class FacetModel(NamedTuple):
    """The likelihood of marks and keyed answers, and what it is made of.

    Its items are U columns of marks, an `expert` (U,) each, then keyed ones; `of` (U + J,) are their places among the I criteria and
    J keyed items, whose parameters are `common` (I + J, F, n) φ but for effects of experts. Of these `place` holds the places in φ,
    by kind (`EFFECTS`) and expert: (R, 1), (R, I), (R, F), (R,), -1 where there is none; with a prior where `random`. `shift` (I, F)
    is how many times a shift of all log odds is in a parameter of a criterion, `inner` (I, F) are those of inner marks.
    """

    likelihood: Marginal
    persons: tuple[str, ...]
    items: tuple[str, ...]
    families: tuple[str, ...]
    expert: Ints
    of: Ints
    common: Floats
    place: dict[str, Ints]
    random: bool
    shift: Floats
    inner: Bools

    def rows(self, kind: str) -> Floats:
        """Return the vectors (…, n) that pick effects of a kind out of φ, all zero where there is none."""
        return np.eye(self.common.shape[2] + 1)[self.place[kind], :-1]


def facet_model(ratings: Ratings, responses: Responses | None, facets: Facets) -> FacetModel:
    """Return the model of marks and keyed answers, without priors."""
    (person, item, expert, mark), top, I = ratings.rows, ratings.max_marks, len(ratings.items)
    period = _periods(ratings.day[ratings.used]) if facets.drift != "none" else np.zeros(len(mark))
    times, place_in_time = np.unique(period, return_inverse=True)
    column, (criterion, by, time) = _columns(np.stack([item, expert, place_in_time.ravel()]), person)
    counts = np.zeros((I, int(top.max()) + 1), dtype=np.int64)
    np.add.at(counts, (item, mark), 1)
    if facets.model == "RSM":  # criteria of as many marks share thresholds, and so what marks there are
        counts = np.stack([counts[top == t].sum(axis=0) for t in top])
    if (constant := (counts > 0).sum(axis=1) < 2).any():
        raise RatersError("raters.one_mark", items=[ratings.items[i] for i in np.flatnonzero(constant)])
    keyed, answered = _keyed(responses)
    names, sizes = (*ratings.items, *(name for name, _ in keyed)), np.array([*(top + 1), *(K for _, K in keyed)])
    kinds = ["PCM" if facets.model == "RSM" else facets.model] * I + [facets.keyed] * len(keyed)
    families = tuple(family_for(kind, K, name).name for kind, K, name in zip(kinds, sizes.tolist(), names, strict=True))
    F, U = int(sizes.max()), len(by)
    counts = np.pad(counts, ((0, 0), (0, F - counts.shape[1])))
    counts = np.concatenate([counts, category_counts(np.maximum(answered, 0), answered >= 0, F)])
    of, k = np.concatenate([criterion, np.arange(I, len(names))]), np.arange(F)
    lowest, inside = (counts[:I] > 0).argmax(axis=1)[:, None], (k > 0) & (k <= top[:, None])
    shift, inner = np.where(inside, 1.0 if facets.model == "GRM" else np.maximum(k - lowest, 0), 0.0), inside & (k < top[:, None])
    held = int(np.bincount(expert).argmax()) if facets.experts == "fixed" else -1
    shared = _common(top, facets, len(names), F)
    effects, place = _effects((criterion, by, times[time]), (shift, inner), facets, (len(ratings.experts), held))
    random = np.eye(effects.shape[2])[effects.any(axis=(0, 1)) & (held < 0)]
    every, K = np.concatenate([of, np.full(len(random), len(names))]), np.append(sizes, 2)
    known = Known(
        ids=tuple([*names, ""][i] for i in every),
        families=[[*families, "Rasch"][i] for i in every],
        n_categories=K[every],
        counts=np.vstack([counts, k < 2])[every],
        loads=np.ones((len(every), 1), dtype=np.bool_),
    )
    items = build_items(known, priors=None, constraints=Constraints())
    free, n = items.free[: len(of)], shared.shape[2]
    design = np.zeros((items.size, n + effects.shape[2]))
    design[: free.sum(), :n], design[: free[:U].sum(), n:], design[free.sum() :, n:] = shared[of][free], effects[free[:U]], random
    used = np.asarray(design.any(axis=0))
    population = populations_of(("theta",), free_variance=np.array([facets.model in {"PCM", "RSM"}]))
    persons = tuple(dict.fromkeys((*ratings.persons, *(responses.persons if responses is not None else ()))))
    codes = np.full((len(persons), len(every)), -1, dtype=np.int8)
    codes[person, column] = mark
    if responses is not None:
        at = {p: row for row, p in enumerate(persons)}
        codes[[at[p] for p in responses.persons], U : len(of)] = answered
    answers = prepare(np.maximum(codes, 0), codes >= 0, K[every])
    likelihood = one_dimension_likelihood(items._replace(design=design[:, used]), answers, population=population)
    phi = np.append(np.where(used, np.cumsum(used) - 1, -1), -1)
    place = {kind: phi[np.where(at < 0, -1, n + at)] for kind, at in place.items()}
    common = np.zeros((len(names), F, len(likelihood.start)))
    common[:, :, : used[:n].sum()] = shared[:, :, used[:n]]
    return FacetModel(likelihood, persons, names, families, by, of, common, place, held < 0, shift, inner)


def _periods(day: Floats) -> Floats:
    """Return the middle of the period of each mark (M,), from -½ for the first day to ½ for the last; 0 where the day is unknown."""
    out, known = np.zeros(len(day)), np.isfinite(day)
    scaled = (day[known] - day[known].min()) / np.ptp(day[known]) - 0.5
    block = np.searchsorted(np.unique(np.quantile(scaled, np.arange(1, PERIODS) / PERIODS)), scaled)
    out[known] = (np.bincount(block, weights=scaled) / np.maximum(np.bincount(block), 1))[block]
    return out


def _columns(kind: Ints, person: Ints) -> tuple[Ints, Ints]:
    """Return the column of each mark (M,) and the kinds (N, U) of the columns.

    Marks of a kind (N, M) share a column; a person's further marks of a kind stand in columns of their own.
    """
    import pandas as pd

    shape = tuple(kind.max(axis=1) + 1)
    code, n = np.ravel_multi_index(tuple(kind), shape), int(np.prod(shape))
    again = pd.Series(person).groupby(person * n + code).cumcount().to_numpy()
    column, of = pd.factorize(code + n * again, sort=True)
    return column, np.stack(np.unravel_index(of % n, shape))


def _keyed(responses: Responses | None) -> tuple[list[tuple[str, int]], Ints]:
    """Return keyed items of more than one score with their numbers of scores, and the scores (P, J), -1 where there is none."""
    if responses is None:
        return [], np.zeros((0, 0), dtype=np.int64)
    scores, seen = responses.effective()
    kept = [j for j in range(len(responses.items)) if len(np.unique(scores[seen[:, j], j])) > 1]
    return [(responses.items[j], int(responses.max_scores[j]) + 1) for j in kept], np.where(seen, scores, -1)[:, kept]


def _common(top: Ints, facets: Facets, n: int, F: int) -> Floats:
    """Return what parameters (a, e_1 …) of n criteria and keyed items are made of whoever marks them (n, F, n F)."""
    out = np.eye(n * F).reshape(n, F, -1)
    if facets.model != "RSM":
        return out
    out[: len(top)] = 0.0
    for i, t in enumerate(top.tolist()):  # a place of its own, and thresholds of the first criterion with as many marks
        out[i, : t + 1, i * F] = -np.arange(t + 1.0)
        out[i, 1:t, int(np.argmax(top == t)) * F + 1 :][:, : t - 1] += np.eye(t - 1)
    return out


def _effects(
    columns: tuple[Ints, Ints, Floats], by_item: tuple[Floats, Bools], facets: Facets, experts: tuple[int, int]
) -> tuple[Floats, dict[str, Ints]]:
    """Return what effects (m) add to the parameters of columns (U, F, m), and the place of each by kind, -1 where it is not asked for.

    Columns have item, expert and time (U,), items `shift` and `inner`. Of R `experts` the one `held` has no effect but drift.
    """
    (item, expert, time), (shift, inner), (R, held) = columns, by_item, experts
    (I, F), free, down = shift.shape, (expert != held)[:, None], -shift[item]
    kinds = {
        "s": (facets.severity == "expert" or held < 0, (R, 1), expert[:, None], free * down),
        "c": (facets.severity == "criterion", (R, I), (expert * I + item)[:, None], free * down),
        "x": (facets.thresholds == "expert", (R, F), expert[:, None] * F + np.arange(F), free * inner[item]),
        "d": (facets.drift != "none", (R,), expert[:, None], down * time[:, None]),
    }
    place, n = {kind: np.full(shape, -1) for kind, (_, shape, _, _) in kinds.items()}, 0
    for kind, (asked, shape, _, _) in kinds.items():
        if asked:
            place[kind] = n + np.arange(place[kind].size).reshape(shape)
            n += place[kind].size
    out = np.zeros((len(item), F, n))
    for kind, (asked, _, at, weight) in kinds.items():
        if asked:
            out[np.arange(len(item))[:, None], np.arange(F), place[kind].ravel()[at]] = weight
    return out, place


class Fitted(NamedTuple):
    """A model with its maximum, the covariance V (n, n) of φ there, and the variances of random effects by kind."""

    model: FacetModel
    at: Maximised
    V: Floats
    spread: dict[str, float]

    def told(self, rows: Floats) -> Floats:
        """Return linear functions of φ, rows (…, n), with their standard errors (…, 2)."""
        variance = np.einsum("...n,...n->...", rows @ self.V, rows)
        return np.stack([rows @ self.at.phi, np.sqrt(np.maximum(variance, 0.0))], axis=-1)


def fitted(model: FacetModel, control: Control) -> Fitted:
    """Return the maximum; raises `ConvergenceError` when it was not reached."""
    of, phi = model.likelihood, None
    narrowest = of.evaluate(of.start, control.points, precision="single").narrowest
    control = control._replace(points=max(control.points, points_needed(narrowest)))
    effects = {kind: at[at >= 0] for kind, at in model.place.items() if model.random and (at >= 0).any()}
    at = np.array([f for places in effects.values() for f in places], dtype=np.int64)
    kind = np.repeat(np.arange(len(effects)), [len(places) for places in effects.values()])
    rows = np.arange(len(of.items.place) - len(at), len(of.items.place))
    path = [np.full(len(effects), np.log(START))]
    while True:
        spread, precision = np.exp(path[-1]), of.items.prior.precision.copy()
        precision[rows, 1, 1] = 1 / spread[kind]
        of = replace(of, items=of.items._replace(prior=of.items.prior._replace(precision=precision)))
        found = fit(of, control, phi)
        phi, V = found.phi, found.information.covariance
        if V is None or not found.converged:
            raise ConvergenceError("raters.no_maximum", state=found, iterations=found.iterations, step=found.step)
        if not len(at):
            break
        told = np.bincount(kind) - np.bincount(kind, weights=np.diag(V)[at]) / spread  # of so many effects the marks tell
        path.append(np.log(np.maximum(np.bincount(kind, weights=phi[at] ** 2) / np.maximum(told, LEAST), LEAST)))
        if np.abs(path[-1] - path[-2]).max() < SETTLED:
            break
        if len(path) % 3 == 0:  # steps of two rounds tell where they lead (Aitken)
            first, second = path[-2] - path[-3], path[-1] - path[-2]
            ratio = np.clip(np.divide(second, first, out=np.zeros_like(first), where=first != 0), 0.0, 0.9)
            path.append(np.maximum(path[-1] + second * ratio / (1 - ratio), np.log(LEAST)))
    return Fitted(model._replace(likelihood=of), found, V, dict(zip(effects, np.exp(path[-1]).tolist(), strict=True)))
