"""The likelihood of marks: every criterion as an expert marks it is an item, whose parameters are linear in what they share.

The log odds of a mark against the one below are those of the criterion less the severity of the expert (Linacre 1989; Eckes 2015).
Items of a criterion differ in that alone, so one marginal likelihood with a design (`Items.design`) holds all of them, and keyed
items beside them. A normal prior of random effects stands on items that nobody answered, one for each effect; its SD is the
mode of the marginal likelihood with the weak prior SD exp(-SD² / 2), which is never 0 (Chung et al. 2013,
doi:10.1007/s11336-013-9328-2), and errors are integrated over it, effects being normal given it.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from competency_dx import engine
from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.engine import Control, Known, Marginal, Maximised, build_items, one_dimension_likelihood, populations_of
from competency_dx.errors import ConvergenceError, RatersError
from competency_dx.kernels.grid import Answers, points_needed, prepare
from competency_dx.models import family_for
from competency_dx.raters.rater_calibration import Facets
from competency_dx.raters.ratings import Ratings, repeated
from competency_dx.responses import Responses
from competency_dx.result import frame

EFFECTS = ("s", "c", "x", "d")  # severity of an expert, that on one criterion, thresholds, drift
PERIODS = 4  # into which days are put
SOME, ROOM = 5, 0.9  # marks like all, beside an expert's own at the start; of its narrowest posterior, for one grid to do till the end
START, SDS = 0.5, np.linspace(0.01, 3, 300)  # SDs of random effects


class FacetModel(NamedTuple):
    """The likelihood of marks and keyed answers, and what it is made of.

    Its U items are what one expert marks, `expert` (U,), R for keyed items; `of` (U,) are their places among the I criteria and J keyed
    items, whose parameters are `common` (I + J, F, n) φ but for effects of experts. Of these `place` holds the places in φ, by kind
    (`EFFECTS`) and expert: (R, 1), (R, I + J), (R, F), (R,), -1 where there is none; with a prior where `random`. `shift` (I + J, F)
    is how many times a shift of all log odds is in a parameter, `inner` (I + J, F) are those of inner marks. The likelihood has
    persons whose sums say all of θ together: `row` (P,) is where each of the persons of `answers` stands in it.
    """

    likelihood: Marginal
    answers: Answers
    row: Ints
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
    persons = tuple(dict.fromkeys((*ratings.persons, *(responses.persons if responses is not None else ()))))
    person, item, expert, mark = ratings.rows
    time = _periods(ratings.day[ratings.used]) if facets.drift != "none" else np.zeros(len(mark))
    names, top, I, R = ratings.items, ratings.max_marks, len(ratings.items), len(ratings.experts)
    held = int(np.bincount(expert).argmax()) if facets.experts == "fixed" else -1
    if responses is not None:  # keyed items are marked by nobody, R; one score alone says nothing
        scores, seen = responses.effective()
        kept = [j for j in range(len(responses.items)) if len(np.unique(scores[seen[:, j], j])) > 1]
        at, (p, j) = {name: k for k, name in enumerate(persons)}, np.nonzero(seen[:, kept])
        more = np.array([at[name] for name in responses.persons])[p], I + j, np.full(len(p), R), scores[:, kept][p, j]
        (person, item, expert, mark), time = np.hstack([ratings.rows, more]), np.append(time, np.zeros(len(p)))
        names, top = (*names, *(responses.items[j] for j in kept)), np.append(top, responses.max_scores[kept])
    F, k = int(top.max()) + 1, np.arange(top.max() + 1)
    counts = np.bincount(item * F + mark, minlength=len(top) * F).reshape(-1, F)
    if facets.model == "RSM":  # criteria of as many marks share thresholds, and so what marks there are
        counts[:I] = [counts[:I][top[:I] == t].sum(axis=0) for t in top[:I]]
    if (constant := (counts > 0).sum(axis=1) < 2).any():
        raise RatersError("raters.one_mark", items=[names[i] for i in np.flatnonzero(constant)])
    kinds = ["PCM" if facets.model == "RSM" else facets.model] * I + ["GPCM" if "G" in facets.model else "PCM"] * (len(top) - I)
    families = tuple(family_for(kind, t + 1, name).name for kind, t, name in zip(kinds, top.tolist(), names, strict=True))
    inside, lowest = (k > 0) & (k <= top[:, None]), (counts > 0).argmax(axis=1)[:, None]
    shift, inner = np.where(inside, 1.0 if facets.model == "GRM" else np.maximum(k - lowest, 0), 0.0), inside & (k < top[:, None])
    column, (of, by, when) = _columns((item, expert, time), (len(top), R + 1), person)
    shared = _common(top, I, facets)
    (u, f, effect, weight), place = _effects((of, by, when), (shift, inner), facets, (R, held))
    n, m = shared.shape[2], int(effect.max(initial=-1)) + 1
    every, sizes = np.append(of, np.full(m * (held < 0), len(names))), np.append(top + 1, 2)
    ids, of_items = tuple([*names, ""][i] for i in every), [[*families, "Rasch"][i] for i in every]
    given = np.bincount(column * F + mark, minlength=len(every) * F).reshape(-1, F)
    near = np.vstack([counts, k < 2])[every]
    if facets.model != "GRM":  # every column starts from its own marks
        near = given + SOME * near / near.sum(axis=1, keepdims=True)
    known = Known(ids, of_items, sizes[every], near, np.ones((len(every), 1), dtype=np.bool_))
    items = build_items(known, priors=None, constraints=engine.Constraints())
    design, entry, own = np.zeros((items.size, n + m)), items.place[u, f], items.place[: len(of)]
    design[own[own >= 0], :n] = shared[of][own >= 0]
    design[entry[entry >= 0], n + effect[entry >= 0]] = weight[entry >= 0]
    design[own.max() + 1 :, n:] = np.eye(m)[: m * (held < 0)]
    used = np.asarray(design.any(axis=0))
    codes = np.full((len(persons), len(every)), -1, dtype=np.int8)
    codes[person, column] = mark
    population = populations_of(("theta",), free_variance=np.array([facets.model in {"PCM", "RSM"}]))
    answers = prepare(np.maximum(codes, 0), codes >= 0, sizes[every])
    rows, row = _alike(answers, by < R, given) if facets.model in {"PCM", "RSM"} else (answers, np.arange(len(persons)))
    likelihood = one_dimension_likelihood(items._replace(design=design[:, used]), rows, population=population)
    phi = np.append(np.where(used, np.cumsum(used) - 1, -1), -1)
    place = {kind: phi[np.where(at < 0, -1, n + at)] for kind, at in place.items()}
    common = np.zeros((len(names), F, int(used.sum() + population.free.sum())))
    common[:, :, : used[:n].sum()] = shared[:, :, used[:n]]
    return FacetModel(likelihood, answers, row, persons, names, families, by, of, common, place, held < 0, shift, inner)


def _alike(answers: Answers, marks: Bools, counts: Ints) -> tuple[Answers, Ints]:
    """Return a row for all persons with the same columns and sums of marks and of keyed points, and each person's row (P,)."""
    seen, sums = answers.coded(-1) >= 0, (answers.codes[:, : len(marks)][:, of].sum(axis=1, dtype=np.int32) for of in (marks, ~marks))
    key = np.hstack([np.packbits(seen, axis=1), np.stack([*sums], axis=1).view(np.uint8)])
    _, first, row, n = np.unique(key.view(f"V{key.shape[1]}")[:, 0], return_index=True, return_inverse=True, return_counts=True)
    return answers.take(first)._replace(weight=n.astype(float), tally=counts[answers.item, answers.category].astype(float)), row


def _periods(day: Floats) -> Floats:
    """Return the middle of the period of each mark (M,), from -½ for the first day to ½ for the last; 0 where the day is unknown."""
    out, known = np.zeros(len(day)), np.isfinite(day)
    scaled = (day[known] - day[known].min()) / np.ptp(day[known]) - 0.5
    block = np.searchsorted(np.unique(np.quantile(scaled, np.arange(1, PERIODS) / PERIODS)), scaled)
    out[known] = (np.bincount(block, weights=scaled) / np.maximum(np.bincount(block), 1))[block]
    return out


def _columns(kind: tuple[Ints, Ints, Floats], sizes: tuple[int, int], person: Ints) -> tuple[Ints, tuple[Ints, Ints, Floats]]:
    """Return the column of each mark (M,) and the kinds (U,) of columns; a person's further marks of a kind have their own."""
    times, period = np.unique(kind[2], return_inverse=True) if kind[2].any() else (np.zeros(1), np.zeros(len(person), dtype=np.int64))
    shape = (*sizes, len(times))
    code, n = np.ravel_multi_index((*kind[:2], period), shape), int(np.prod(shape))
    cell, again = person * n + code, np.zeros(len(code), dtype=np.int64)
    twice = np.flatnonzero(repeated(cell, (int(person.max()) + 1) * n))
    again[twice] = frame(cell=cell[twice]).groupby("cell").cumcount()
    column, of = frame(code=code + n * again)["code"].factorize(sort=True)
    item, expert, when = np.unravel_index(np.array(of) % n, shape)
    return column, (item, expert, times[when])


def _common(top: Ints, I: int, facets: Facets) -> Floats:
    """Return what parameters (a, e_1 …) of I criteria, then keyed items, are made of whoever marks them (I + J, F, (I + J) F)."""
    F = int(top.max()) + 1
    out = np.eye(len(top) * F).reshape(len(top), F, -1)
    for i, t in enumerate(top[:I].tolist() if facets.model == "RSM" else ()):
        out[i] = 0.0  # a place of its own, and thresholds of the first criterion with as many marks
        out[i, : t + 1, i * F] = -np.arange(t + 1.0)
        out[i, 1:t, int(np.argmax(top == t)) * F + 1 :][:, : t - 1] += np.eye(t - 1)
    return out


def _effects(
    columns: tuple[Ints, Ints, Floats], by_item: tuple[Floats, Bools], facets: Facets, experts: tuple[int, int]
) -> tuple[tuple[Ints, Ints, Ints, Floats], dict[str, Ints]]:
    """Return what effects add: column, parameter, effect and weight; and the place of each effect by kind, -1 where there is none."""
    (item, expert, time), (shift, inner), (R, held) = columns, by_item, experts
    (I, F), down = shift.shape, -shift[item]
    free, r = ((expert != held) & (expert < R))[:, None], expert[:, None]
    at = r, r * I + item[:, None], r * F + np.arange(F), r
    weight = (
        free * down * (facets.severity == "expert" or held < 0),
        free * down * (facets.severity == "criterion"),
        free * inner[item] * (facets.thresholds == "expert"),
        (r < R) * down * time[:, None] * (facets.drift != "none"),
    )
    shapes = (R, 1), (R, I), (R, F), (R,)
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    all_at = np.stack([np.broadcast_to(x, down.shape) + start for x, start in zip(at, [0, *ends], strict=False)])
    kind, u, f = np.nonzero(weight)
    used, where = np.unique(all_at[kind, u, f], return_inverse=True)
    place = np.full(ends[-1], -1)
    place[used] = np.arange(len(used))
    parts = zip(EFFECTS, np.split(place, ends[:-1]), shapes, strict=True)
    return (u, f, where, np.stack(weight)[kind, u, f]), {kind: part.reshape(shape) for kind, part, shape in parts}


class Fitted(NamedTuple):
    """A model with its maximum, the covariance V (n, n) of φ there, errors of SDs in it, and the SDs of random effects by kind."""

    model: FacetModel
    at: Maximised
    V: Floats
    spread: dict[str, float]

    def told(self, rows: Floats) -> Floats:
        """Return linear functions of φ, rows (…, n), with their standard errors (…, 2)."""
        return np.stack([rows @ self.at.phi, np.sqrt(np.maximum(np.einsum("...n,...n->...", rows @ self.V, rows), 0.0))], axis=-1)


def fitted(model: FacetModel, control: Control) -> Fitted:
    """Return the maximum; raises `ConvergenceError` when it was not reached."""
    of, phi, points = model.likelihood, model.likelihood.start, control.points
    while (now := of.evaluate(phi, points, precision="single")).spacing > now.narrowest and points < 500:  # else they look narrower
        points = 2 * points - 1
    control = control._replace(points=max(control.points, points_needed(ROOM * now.narrowest)))
    effects = {kind: at[at >= 0] for kind, at in model.place.items() if model.random and (at >= 0).any()}
    rows, spread = len(of.items.place) - sum(map(len, effects.values())), dict.fromkeys(effects, START)
    while True:
        precision = of.items.prior.precision.copy()
        precision[rows:, 1, 1] = np.array([spread[kind] ** -2 for kind, at in effects.items() for _ in at])
        of = replace(of, items=of.items._replace(prior=of.items.prior._replace(precision=precision)))
        found = engine.fit(of, control, phi)
        phi, V = found.phi, found.information.covariance
        if V is None or not found.converged:
            raise ConvergenceError("raters.no_maximum", state=found, iterations=found.iterations, step=found.step)
        before, told = spread, {kind: _integrated(phi, V, at, spread[kind]) for kind, at in effects.items()}
        spread = {kind: sd for kind, (sd, _) in told.items()}
        if all(abs(spread[kind] - before[kind]) < 1.5 * SDS[0] for kind in spread):  # a step of the grid
            V = V + sum((added for _, added in told.values()), np.zeros(V.shape))
            return Fitted(model._replace(likelihood=of), found, V, before)


def _integrated(phi: Floats, V: Floats, at: Ints, spread: float) -> tuple[float, Floats]:
    """Return the SD of effects, and what not knowing it adds to V (n, n), given φ and V at the maximum for the SD `spread`.

    With another SD the precision of the effects changes, and with it, the likelihood being normal around its maximum, φ and V.
    """
    known, U = np.linalg.eigh(V[np.ix_(at, at)])
    more, y, X = (SDS**-2 - spread**-2)[:, None], U.T @ phi[at], V[:, at] @ U
    rest = np.maximum(1 + more * known, 1e-9)
    log_weight = (1 - len(at)) * np.log(SDS) - 0.5 * SDS**2 - 0.5 * (np.log(rest) + y**2 * more / rest).sum(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    off = X @ (y * more / rest).T
    return float(SDS[weight.argmax()]), (off * weight) @ off.T - (X * (weight @ (more / rest))) @ X.T
