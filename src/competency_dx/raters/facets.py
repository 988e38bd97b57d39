"""The likelihood of marks: every criterion as an expert marks it is an item, whose parameters are linear in what they share.

The log odds of a mark against the one below are those of the criterion less the severity of the expert (Linacre 1989; Eckes 2015).
Items of a criterion differ in that alone, so one marginal likelihood with a design (`Items.design`) holds all of them, and keyed
items beside them. A normal prior of random effects stands on items that nobody answered, one for each effect; its variance follows
from the effects and their errors (MacKay 1992, doi:10.1162/neco.1992.4.3.415; Laplace approximation of the posterior of the effects).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.engine import (
    Constraints,
    Control,
    Items,
    Known,
    Marginal,
    Maximised,
    build_items,
    fit,
    one_dimension_likelihood,
    populations_of,
)
from competency_dx.errors import RatersError
from competency_dx.kernels.grid import prepare
from competency_dx.models import family_for
from competency_dx.raters.rater_calibration import Facets
from competency_dx.raters.ratings import Ratings
from competency_dx.responses import Responses

Key = tuple[str, int, int]
"""A parameter: "a", "e" slope and intercepts of a criterion, "b" its place among common thresholds "t", "k" of a keyed item;
"s", "c", "x", "d" severity, that on one criterion, thresholds and drift of an expert."""
EFFECTS = ("s", "c", "x", "d")
PERIODS = 4  # into which days are put
START, LEAST, SETTLED = 0.25, 1e-3, 1e-3  # variances of random effects


class FacetModel(NamedTuple):
    """The likelihood of marks and keyed answers, and what it is made of.

    `keys` are the places of parameters in φ, `random` those with a prior; `mark` are person, criterion, expert, mark and column (5, M);
    `families` are those of the columns, `lowest` the lowest marks of the criteria (I,).
    """

    likelihood: Marginal
    keys: dict[Key, int]
    random: tuple[Key, ...]
    mark: Ints
    persons: tuple[str, ...]
    keyed: tuple[str, ...]
    families: tuple[str, ...]
    lowest: Ints

    def row(self, kind: str, one: int, other: int = 0) -> Floats:
        """Return the vector (F,) that picks a parameter out of φ, all zero where there is none."""
        out = np.zeros(len(self.keys) + int(self.likelihood.population.free.sum()))
        out[[self.keys[key] for key in [(kind, one, other)] if key in self.keys]] = 1.0
        return out


class _Column(NamedTuple):
    """An item of the likelihood: its id, family, how often each category was seen (K,), what its parameters are made of."""

    item: str
    family: str
    counts: Ints
    terms: dict[Key, Floats]


def facet_model(ratings: Ratings, responses: Responses | None, facets: Facets) -> FacetModel:
    """Return the model of marks and keyed answers, without priors."""
    (person, item, expert, mark), top = ratings.rows, ratings.max_marks.tolist()
    period = _periods(ratings.day[ratings.used]) if facets.drift != "none" else np.zeros(len(mark))
    first, column = _places(np.stack([item, expert, np.unique(period, return_inverse=True)[1].ravel()]), person)
    counts = np.zeros((len(top), max(top) + 1), dtype=np.int64)
    np.add.at(counts, (item, mark), 1)
    if facets.model == "RSM":  # criteria of as many marks share thresholds, and so what marks there are
        counts = np.stack([counts[ratings.max_marks == t].sum(axis=0) for t in top])
    if (constant := (counts > 0).sum(axis=1) < 2).any():
        raise RatersError("raters.one_mark", items=[ratings.items[i] for i in np.flatnonzero(constant)])
    lowest, held = (counts > 0).argmax(axis=1), int(np.bincount(expert).argmax()) if facets.experts == "fixed" else -1
    name, columns = "PCM" if facets.model == "RSM" else facets.model, []
    for i, r, t in zip(item[first].tolist(), expert[first].tolist(), period[first].tolist(), strict=True):
        own = dict(_effects((i, r, t), times(top[i], int(lowest[i]), facets), facets, held))
        family = family_for(name, top[i] + 1, ratings.items[i]).name
        columns.append(_Column(ratings.items[i], family, counts[i, : top[i] + 1], dict(common_terms(i, top[i], facets)) | own))
    keyed, answered = (
        _keyed_columns(responses, facets, len(columns)) if responses is not None else ([], np.zeros((0, 0), dtype=np.int64))
    )
    persons = tuple(dict.fromkeys((*ratings.persons, *(responses.persons if responses is not None else ()))))
    random = () if held >= 0 else tuple(sorted({key for c in columns for key in c.terms if key[0] in EFFECTS}))
    prior = [_Column("", "Rasch", np.ones(2, dtype=np.int64), {key: np.eye(2)[1]}) for key in random]
    codes = np.full((len(persons), len(columns) + len(keyed) + len(prior)), -1, dtype=np.int8)
    codes[person, column] = mark
    if responses is not None:
        place = {p: k for k, p in enumerate(persons)}
        codes[[place[p] for p in responses.persons], len(columns) : len(columns) + len(keyed)] = answered
    columns = [*columns, *keyed, *prior]
    K, sizes = max(len(c.counts) for c in columns), np.array([len(c.counts) for c in columns])
    families, seen = tuple(c.family for c in columns), np.stack([np.pad(c.counts, (0, K - len(c.counts))) for c in columns])
    known = Known(tuple(c.item for c in columns), list(families), sizes, seen, np.ones((len(columns), 1), dtype=np.bool_))
    items = build_items(known, priors=None, constraints=Constraints())
    keys, design = _design(items, [c.terms for c in columns])
    population = populations_of(("theta",), free_variance=np.array([facets.model in {"PCM", "RSM"}]))
    answers = prepare(np.maximum(codes, 0), codes >= 0, sizes)
    likelihood = one_dimension_likelihood(items._replace(design=design), answers, population=population)
    marked = np.stack([person, item, expert, mark, column])
    return FacetModel(likelihood, keys, random, marked, persons, tuple(c.item for c in keyed), families, lowest)


def _periods(day: Floats) -> Floats:
    """Return the middle of the period of each mark (M,), from -½ for the first day to ½ for the last; 0 where the day is unknown."""
    out, known = np.zeros(len(day)), np.isfinite(day)
    scaled = (day[known] - day[known].min()) / np.ptp(day[known]) - 0.5
    block = np.searchsorted(np.unique(np.quantile(scaled, np.arange(1, PERIODS) / PERIODS)), scaled)
    out[known] = (np.bincount(block, weights=scaled) / np.maximum(np.bincount(block), 1))[block]
    return out


def _places(kind: Ints, person: Ints) -> tuple[Ints, Ints]:
    """Return one mark of each column and the column of each mark (M,).

    Marks of a kind (N, M) share a column; a person's further marks of a kind stand in columns of their own.
    """
    code = np.unique(np.ravel_multi_index(tuple(kind), tuple(kind.max(axis=1) + 1)), return_inverse=True)[1].ravel()
    cell = person * (int(code.max()) + 1) + code
    order, n = np.argsort(cell, kind="stable"), np.arange(len(person))
    again = np.empty_like(person)
    again[order] = n - np.maximum.accumulate(np.where(np.r_[True, np.diff(cell[order]) != 0], n, 0))
    _, first, column = np.unique(code + (int(code.max()) + 1) * again, return_index=True, return_inverse=True)
    return first, column.ravel()


def _keyed_columns(responses: Responses, facets: Facets, before: int) -> tuple[list[_Column], Ints]:
    """Return keyed items of more than one score, which stand behind others, and the scores (P, J), -1 where there is none."""
    scores, seen = responses.effective()
    codes, out = np.where(seen, scores, -1), []
    kept = [j for j in range(len(responses.items)) if len(np.unique(scores[seen[:, j], j])) > 1]
    for n, j in enumerate(kept, start=before):
        K, item = int(responses.max_scores[j]) + 1, responses.items[j]
        own = {("k", n, f): one for f, one in enumerate(np.eye(K))}
        out.append(_Column(item, family_for(facets.keyed, K, item).name, np.bincount(scores[seen[:, j], j], minlength=K), own))
    return out, codes[:, kept]


def _design(items: Items, terms: list[dict[Key, Floats]]) -> tuple[dict[Key, int], Floats]:
    """Return the places of the parameters in φ and the design (N, n); what no free parameter of an item depends on has no place."""
    keys: dict[Key, int] = {}
    cells = [
        (entry, keys.setdefault(key, len(keys)), weight)
        for place, of in zip(items.place.tolist(), terms, strict=True)
        for key, weights in of.items()
        for entry, weight in zip(place, weights.tolist(), strict=False)
        if entry >= 0 and weight
    ]
    out = np.zeros((int(items.place.max()) + 1, len(keys)))
    rows, columns, values = zip(*cells, strict=True)
    out[list(rows), list(columns)] = values
    return keys, out


def times(top: int, lowest: int, facets: Facets) -> Floats:
    """Return how many times a shift of all log odds is in the parameters (a, e_1 …) of a criterion."""
    k = np.arange(top + 1.0)
    return np.where(k > 0, 1.0 if facets.model == "GRM" else np.maximum(k - lowest, 0), 0.0)


def common_terms(i: int, top: int, facets: Facets) -> Iterator[tuple[Key, Floats]]:
    """Yield the parameters that those (a, e_1 …) of criterion i are made of whoever marks it, with their weights."""
    one = np.eye(top + 1)
    if facets.model == "RSM":
        yield ("b", i, 0), -np.arange(top + 1.0)
        yield from ((("t", top, k), one[k]) for k in range(1, top))
    else:
        yield ("a", i, 0), one[0]
        yield from ((("e", i, k), one[k]) for k in range(1, top + 1))


def _effects(at: tuple[int, int, float], shift: Floats, facets: Facets, held: int) -> Iterator[tuple[Key, Floats]]:
    """Yield the effects of expert r on criterion i at time t; those of the expert `held` are zero."""
    (i, r, t), one = at, np.eye(len(shift))
    if facets.drift != "none":
        yield ("d", r, 0), -shift * t
    if r != held:
        if facets.severity == "expert" or held < 0:
            yield ("s", r, 0), -shift
        if facets.severity == "criterion":
            yield ("c", r, i), -shift
        if facets.thresholds == "expert":
            yield from ((("x", r, k), one[k]) for k in range(1, len(shift) - 1))


def fitted(model: FacetModel, control: Control) -> tuple[Marginal, Maximised, dict[str, float]]:
    """Return likelihood and maximum, and the variances of random effects by kind; there are none where experts are fixed."""
    of, phi, n = model.likelihood, None, len(model.random)
    rows = np.arange(len(of.items.place) - n, len(of.items.place))
    at = np.array([model.keys[key] for key in model.random], dtype=np.int64)
    kinds, kind = np.unique(np.array([key[0] for key in model.random], dtype=object), return_inverse=True)
    path = [np.full(len(kinds), np.log(START))]
    while True:
        spread, precision = np.exp(path[-1]), of.items.prior.precision.copy()
        precision[rows, 1, 1] = 1 / spread[kind]
        of = replace(of, items=of.items._replace(prior=of.items.prior._replace(precision=precision)))
        found = fit(of, control, phi)
        phi, V = found.phi, found.information.covariance
        if V is None or not n or not found.converged:
            break
        told = np.bincount(kind) - np.bincount(kind, weights=np.diag(V)[at]) / spread  # of so many effects the marks tell
        path.append(np.log(np.maximum(np.bincount(kind, weights=phi[at] ** 2) / np.maximum(told, LEAST), LEAST)))
        if np.abs(path[-1] - path[-2]).max() < SETTLED:
            break
        if len(path) % 3 == 0:  # steps of two rounds tell where they lead (Aitken)
            first, second = path[-2] - path[-3], path[-1] - path[-2]
            ratio = np.clip(np.divide(second, first, out=np.zeros_like(first), where=first != 0), 0.0, 0.9)
            path.append(np.maximum(path[-1] + second * ratio / (1 - ratio), np.log(LEAST)))
    return of, found, dict(zip(kinds.tolist(), np.exp(path[-1]).tolist(), strict=True))
