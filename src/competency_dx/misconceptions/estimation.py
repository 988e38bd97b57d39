"""Estimating misconceptions from the wrong options chosen, item parameters held: design, evidence that there is one, fit."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import log
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.linalg import block_diag
from scipy.sparse import csr_array
from scipy.special import ndtri

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.bank import Item, ItemBank
from competency_dx.errors import CalibrationError, ConvergenceError
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.kernels.classes import misconception_mixture as kernel
from competency_dx.responses import Reason, Responses, score_answers

Standing = Literal["estimated", "no_item", "one_item", "few_answers", "not_seen"]
MOST_OPTIONS = 10  # of a multiple-choice item: 1023 answers are possible then
MOST_TOGETHER = 8  # misconceptions whose items overlap: 256 states of a person
LEAST_PERSONS = 20  # who show two choices each, for a test of association to mean anything
PRIORS = {"level": (-1.0, 1.5), "slope": (0.0, 0.75), "log_strength": (log(2), 0.75), "base": (0.0, 2.0), "trend": (0.0, 0.5)}
MISCONCEPTION_MODEL = {
    "model": "score by the response model; option given score: conditional logit with a latent misconception",
    "priors": ", ".join(f"{name} N({mean:g}, {sd:g}²)" for name, (mean, sd) in PRIORS.items()),
}
STARTS = ((-1.0, 2.0), (-2.5, 3.0), (0.5, 1.5), (-0.5, 4.0))  # prevalence in logits, strength
DRAWS, SEED = 64, 20_261_121
TOLERANCE, MOST_NEWTON = 1e-6, 15
FIRST_STEPS, NEXT_STEPS, MOST_STEPS = 20, 40, 500
FIRST_PERSONS = 1500
NEGLIGIBLE = 1e-12  # posterior weight of a point of the scale in everybody


class Marked(NamedTuple):
    """An item with marked options: its alternatives as in the kernel, sets of one left out, and what each person chose.

    `ticks` (N, V), `marks` (N, M) of all codes, `first` (S,), `picked` (P,) the alternative chosen, -1 where there is none.
    """

    item: str
    options: tuple[str, ...]
    ticks: Floats
    marks: Floats
    first: Ints
    picked: Ints

    def tells(self, codes: Sequence[int]) -> Bools:
        """Return which alternatives stand in sets where the marks of any of the codes differ (N,)."""
        if not len(self.ticks):
            return np.zeros(0, dtype=np.bool_)
        low, high = (f.reduceat(self.marks[:, codes], self.first) for f in (np.minimum, np.maximum))
        return np.asarray(np.any(high > low, axis=1)[kernel.sets_of(self.first, len(self.ticks))])

    def chances(self, code: int) -> Bools:
        """Return whose answer could show a misconception (P,)."""
        return np.asarray(np.append(self.tells([code]), False)[self.picked])


class MisconceptionEstimate(NamedTuple):
    """The estimate of one misconception, numbers as in `MisconceptionParameters`, NaN where it is not estimated.

    `chances`, `before` and `after` (P,) are wrong answers in which it could show, P(held) without and with the options chosen.
    """

    standing: Standing
    n_items: int
    n_persons: int
    association: float
    level: tuple[float, float]
    slope: tuple[float, float]
    strength: tuple[float, float]
    prevalence: tuple[float, float]
    prior_share: float
    chances: Ints
    before: Floats
    after: Floats


MisconceptionEstimates = tuple[Sequence[MisconceptionEstimate], Mapping[str, tuple[str, Bools]], tuple[str, ...]]
"""Of each of the bank's codes an estimate; by "item:option" its code and who ticked it (P,); items with too many options."""


def estimate_misconceptions(
    data: Responses, bank: ItemBank, persons: kernel.AbilityWeights, significance: float
) -> MisconceptionEstimates:
    """Estimate every misconception that the bank declares from the raw answers; those whose items overlap, jointly.

    A misconception is estimated when two items can show it, 20 persons have shown two choices each, and choices go together more
    than chance and ability explain, at the given significance; otherwise its marks count as ordinary distractors.

    The data are raw answers of P persons; `persons` is the posterior of ability given the scores (P, Q).
    """
    items, ticked, too_wide = read_marked(data, bank)
    with one_blas_thread():
        ability = persons.weights @ persons.z
        out = [_first_look(items, m, ability, significance) for m in range(len(bank.misconceptions))]
        for group in _groups(items, [m for m, e in enumerate(out) if e.standing == "estimated"]):
            for m, estimate in zip(group, _estimated(items, group, persons, out), strict=True):
                out[m] = estimate
    return out, ticked, too_wide


def read_marked(data: Responses, bank: ItemBank) -> tuple[list[Marked], dict[str, tuple[str, Bools]], tuple[str, ...]]:
    """Return the marked items that have raw answers, who ticked each marked option, and the items with too many options."""
    codes, marked = tuple(bank.misconceptions), {item.id: item for item in bank.items if item.misconception_codes}
    chosen = [marked[name] for name in data.items if name in marked]
    wide = tuple(x.id for x in chosen if x.type == "multiple" and len(x.options) > MOST_OPTIONS)
    items, ticked = list[Marked](), dict[str, tuple[str, Bools]]()
    for item, (answers, column) in zip(chosen, _answers_read(data, bank, [x.id for x in chosen]), strict=True):
        for o, code in item.misconception_codes.items():
            ticked[f"{item.id}:{o}"] = code, np.array([o in a for a in (*answers, ())], dtype=np.bool_)[column]
        items += [_marked(item, codes, answers, column)] if item.id not in wide else []
    return items, ticked, wide


def _answers_read(data: Responses, bank: ItemBank, items: Sequence[str]) -> Iterator[tuple[list[tuple[str, ...]], Ints]]:
    """Yield of each item the distinct answers as option codes and the place (P,) of each person's, -1 where there is none."""
    assert data.answers is not None
    at = [data.items.index(item) for item in items]
    codes = np.where(data.reasons[:, at] == Reason.ANSWERED, data.answers.codes[:, at], -1)
    found = [np.unique(column, return_index=True, return_inverse=True) for column in codes.T]
    persons = [data.persons[who[words >= 0]].astype(str).tolist() for words, who, _ in found]
    few = data.select(items=items, persons=np.unique([p for some in persons for p in some]).tolist())
    for item, some, (words, _, place) in zip(items, persons, found, strict=True):
        given = [few.explain(person, item, bank).normalised for person in some]
        yield [tuple(g.split(" ")) for g in given], place.astype(np.int64) - int((words < 0).any())


def _marked(item: Item, codes: Sequence[str], answers: Sequence[tuple[str, ...]], column: Ints) -> Marked:
    options = tuple(item.options)
    possible = [c for size in (range(1, len(options) + 1) if item.type == "multiple" else (1,)) for c in combinations(options, size)]
    points, status = score_answers(item, [" ".join(c) for c in possible])
    sets = [[c for c, x, s in zip(possible, points, status, strict=True) if s == 0 and x == k] for k in np.unique(points)]
    sets = [s for s in sets if len(s) > 1]
    flat = [c for s in sets for c in s]
    place = {frozenset(c): n for n, c in enumerate(flat)}
    ticks = np.array([[o in c for o in options] for c in flat], dtype=np.float64).reshape(len(flat), len(options))
    named = np.array([[item.misconception_codes.get(o) == m for m in codes] for o in options], dtype=np.float64)
    lookup = np.array([place.get(frozenset(a), -1) for a in answers] + [-1], dtype=np.int64)
    return Marked(item.id, options, ticks, ticks @ named, np.cumsum([0, *(len(s) for s in sets)])[:-1].astype(np.int64), lookup[column])


def association(items: Sequence[Marked], code: int, ability: Floats) -> tuple[float, int]:
    """Return how far the choices of marked options go together between items, and in how many persons it can be seen.

    For each item the number of marked options ticked is freed of its mean within the set of alternatives and of a linear trend in
    ability (P,); answers marked for other misconceptions are left out, which does not change the odds among the rest. With r_pi
    what is left, c_p = Σ_{i<j} r_pi r_pj has mean zero where nobody holds anything, and z = Σ c_p / √Σ c_p² is standard normal in
    the limit: the score test against a mixture, whose first order the base rates of the options take up.
    """
    total, squares, seen = (np.zeros(len(ability)) for _ in range(3))
    for item in items:
        who, rest = _residuals(item, code, ability)
        total[who] += rest
        squares[who] += rest**2
        seen[who] += 1
    pairs = (total**2 - squares)[seen > 1] / 2
    size = float(np.sqrt((pairs**2).sum()))
    return (float(pairs.sum()) / size if size > 0 else 0.0), int((seen > 1).sum())


def _residuals(item: Marked, code: int, ability: Floats) -> tuple[Ints, Floats]:
    """Return the persons and the residuals of their marked ticks on sets of alternatives and ability."""
    marks, set_of = item.marks[:, code], kernel.sets_of(item.first, len(item.ticks))
    alone = item.marks.sum(axis=1) == marks
    low = np.minimum.reduceat(np.where(alone, marks, np.inf), item.first)
    high = np.maximum.reduceat(np.where(alone, marks, -np.inf), item.first)
    if not len(who := np.flatnonzero(np.append(alone & (high > low)[set_of], False)[item.picked])):
        return who, np.zeros(0)
    picked = item.picked[who]
    design, y = np.concatenate([np.eye(len(item.first))[set_of[picked]], ability[who, None]], axis=1), marks[picked]
    return who, np.asarray(y - design @ np.linalg.lstsq(design, y, rcond=None)[0])


def _first_look(items: Sequence[Marked], code: int, ability: Floats, significance: float) -> MisconceptionEstimate:
    telling = [i for i in items if i.tells([code]).any()]
    chances = sum((item.chances(code).astype(np.int64) for item in telling), np.zeros(len(ability), dtype=np.int64))
    z, n = association(telling, code, ability)
    rules: dict[Standing, bool] = {"no_item": not telling, "one_item": len(telling) == 1, "few_answers": n < LEAST_PERSONS}
    known = z if not any(rules.values()) else np.nan
    rules |= {"not_seen": bool(z <= -ndtri(significance)), "estimated": True}
    standing, blank = next(name for name, holds in rules.items() if holds), np.full(len(ability), np.nan)
    return MisconceptionEstimate(standing, len(telling), n, known, *((np.nan, np.nan),) * 4, np.nan, chances, blank, blank)


def _groups(items: Sequence[Marked], codes: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Return the codes in groups that share no item, each in ascending order."""
    from scipy.sparse.csgraph import connected_components

    shown = np.array([[item.tells([m]).any() for m in codes] for item in items]).reshape(len(items), len(codes)).astype(np.int64)
    label = connected_components(shown.T @ shown)[1] if codes else ()
    groups = [tuple(m for m, at in zip(codes, label, strict=True) if at == k) for k in {*label}]
    if (most := max(map(len, groups), default=0)) > MOST_TOGETHER:
        raise CalibrationError("misconceptions.too_many_together", groups=most, most_together=MOST_TOGETHER)
    return tuple(sorted(groups))


def stack(items: Sequence[Marked], codes: Sequence[int]) -> tuple[kernel.Choices, Ints]:
    """Return the choices that tell of some codes, and the persons (p,) who made any."""
    kept = [item.tells(list(codes)) for item in items]
    starts = np.cumsum([0, *(keep.sum() for keep in kept)])
    places = [np.append(np.where(keep, start + np.cumsum(keep) - 1, -1), -1) for keep, start in zip(kept, starts, strict=False)]
    ticks = block_diag(*(item.ticks[keep] for item, keep in zip(items, kept, strict=True)))
    marks = np.concatenate([item.marks[keep][:, codes] for item, keep in zip(items, kept, strict=True)])
    first = np.concatenate([place[item.first] for item, place in zip(items, places, strict=True)])
    picked = np.stack([place[item.picked] for item, place in zip(items, places, strict=True)], axis=1)
    persons = np.flatnonzero((picked >= 0).any(axis=1))
    row, item_of = np.nonzero(picked[persons] >= 0)
    chosen = csr_array((np.ones(len(row)), (row, picked[persons][row, item_of])), shape=(len(persons), len(ticks)))
    return kernel.Choices(ticks[:, ticks.any(axis=0)], marks, first[first >= 0], chosen), persons


def _estimated(
    items: Sequence[Marked], codes: tuple[int, ...], persons: kernel.AbilityWeights, plain: Sequence[MisconceptionEstimate]
) -> Iterator[MisconceptionEstimate]:
    """Yield the estimates of codes whose items overlap."""
    M, (choices, who) = len(codes), stack(items, codes)
    near = np.flatnonzero(persons.weights.max(axis=0) > NEGLIGIBLE)
    at, weights = slice(near[0], near[-1] + 1), persons.weights[who]
    sizes = (M, M, M, *(choices.ticks.shape[1],) * 2)  # of ψ = (κ, λ, log δ, e, s)
    priors = (np.repeat([p[k] for p in PRIORS.values()], sizes) for k in (0, 1))
    problem = kernel.MixtureProblem(choices, kernel.AbilityWeights(persons.z[at], weights[:, at]), *priors)
    best = best_fit(problem)
    half = np.random.default_rng(SEED).standard_normal((DRAWS // 2, len(best.psi)))
    curve, after = kernel.averaged(best, problem, np.concatenate([half, -half]))
    before = persons.weights[:, at] @ curve
    full = before.copy()
    full[who] = after
    found = np.stack([best.psi, np.sqrt(np.diag(best.covariance))], axis=1)[: 3 * M].reshape(3, M, 2)
    found[2] = np.exp(found[2, :, :1]) * np.stack([np.ones(M), found[2, :, 1]], axis=1)
    pairs = np.concatenate([found, np.stack(kernel.mean_prevalence(best, M, persons), axis=1)[None]])
    for k, m in enumerate(codes):
        numbers: dict[str, Any] = dict(zip(("level", "slope", "strength", "prevalence"), map(tuple, pairs[:, k].tolist()), strict=True))
        prior_share = float(best.prior_share[[k, k + 2 * M]].max())
        yield plain[m]._replace(**numbers, prior_share=prior_share, before=before[:, k], after=full[:, k])


def best_fit(problem: kernel.MixtureProblem) -> kernel.MixtureFit:
    """Return the highest of the modes reached from several starts; raises `ConvergenceError` when it is not reached."""
    M, few, found = problem.M, problem.thinned(FIRST_PERSONS), []
    for level, strength in STARTS:
        start = problem.prior_mean.copy()
        start[:M], start[2 * M : 3 * M] = level, np.log(strength)
        found.append(kernel.search(start, few, FIRST_STEPS))
    near = max(found, key=lambda x: round(x[1], 3))[0]
    for most in (NEXT_STEPS, MOST_STEPS):
        near = kernel.search(near, problem, most)[0]
        best = kernel.polish(near, problem, TOLERANCE, MOST_NEWTON)
        if best.decrement < TOLERANCE:
            return best
    raise ConvergenceError("misconceptions.no_maximum", state=best, decrement=best.decrement)
