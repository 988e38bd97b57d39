"""Fit of persons: lz*, infit, patterns that no competency explains, and what an item does to their conclusions."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from scipy.special import ndtri

from competency_dx.arrays import Bools, Codes, Floats, blocks, evenly
from competency_dx.bank import ItemBank
from competency_dx.calibration import Calibration
from competency_dx.competencies import R201, STATES, DeficitRule, bank_impact, diagnose, one_option
from competency_dx.fit.item_statistics import METHOD, Part
from competency_dx.kernels import families
from competency_dx.kernels.persons import solve
from competency_dx.kernels.residual_fit import alike, standardised_parts
from competency_dx.models import ItemParameters, expected_scores
from competency_dx.persons import Matched, posterior_of
from competency_dx.responses import Responses

BLOCK, REACH = 4096, 10.0
COMPARED, LEAST_SAME = 5000, 8  # persons of whom every pair is looked at, items that both answered
TAIL, TRIED = 1e-4, 400  # probability of a person's zeros at the end below which they are called so; persons
SAME = 0.9  # share of one score among the answers to items of several scores
NONE = STATES.index("insufficient_data")


def lz_star(part: Part) -> Floats:
    """Return lz* (p,) at MAP estimates, summed up over competencies that share no item; NaN where items measure several."""
    known, out = part.known, np.full(len(part.rows), np.nan)
    for rows in blocks(len(out), BLOCK) if known.between else ():
        total = np.zeros((4, rows.stop - rows.start))
        for d in range(len(known.dimensions)):
            at = np.flatnonzero(known.dimension_index == d)
            of, codes, observed = known.take(at).single(d), part.matched.codes[rows][:, at], part.matched.observed[rows][:, at]
            curves, ends = partial(families.person_curves, of.groups, of.beta, allowed=of.allowed), REACH * np.sqrt(of.variance)
            theta, _ = solve("MAP", curves, codes, observed, (of.mean, of.variance), (of.mean - ends, of.mean + ends))
            total += standardised_parts(curves, codes, observed, theta, (of.mean - theta) / of.variance)
        with np.errstate(invalid="ignore", divide="ignore"):
            out[rows] = total[0] / np.sqrt(total[1])
    return out


def person_statistics(
    parts: Sequence[Part], matched: Matched, prob: Floats, closed: Bools
) -> tuple[Floats, Floats, dict[str, Bools], list[tuple[int, int]]]:
    """Return lz*, infit, flags by name (P,), and pairs who are alike; `prob` (P, I, K) is expected, `closed` columns have options."""
    codes, observed, points = matched.codes, matched.observed, parts[0].known.points
    (P, I), fit = codes.shape, np.empty(len(codes))
    for part in parts:
        fit[part.rows] = lz_star(part)
    mean = np.einsum("pik,ik->pi", prob, points)
    variance, off = np.einsum("pik,ik->pi", prob, points**2) - mean**2, points[np.arange(I), codes.astype(np.int64)] - mean
    with np.errstate(invalid="ignore", divide="ignore"):
        infit = (off**2 * observed).sum(axis=1) / (variance * observed).sum(axis=1)
    one = one_option(matched.data, np.flatnonzero(closed)) | flat(codes, observed, prob)
    dull = one | flat(codes, observed, prob, 0.5)  # as much as explains that their answers agree
    same, pairs = np.zeros(P, dtype=np.bool_), list[tuple[int, int]]()
    if P <= COMPARED and I >= LEAST_SAME:
        for p, q in alike(codes, observed, prob, -np.expm1(np.log(0.95) * 2 / max(P * (P - 1), 2))):
            if (observed[p] & observed[q]).sum() >= LEAST_SAME and not (dull[p] or dull[q]):
                pairs.append((p, q))
        same[np.array(pairs, dtype=np.int64).ravel()] = True
    after = np.cumsum(((codes > 0) & observed)[:, ::-1], axis=1)[:, ::-1]
    zeros = np.where((after == 0) & observed, np.log(np.maximum(prob[:, :, 0], 1e-300)), 0.0).sum(axis=1)
    flags = {"misfit": fit < DeficitRule().misfit, "one_option": one, "alike": same}
    return fit, infit, flags | {"zero_tail": (zeros < np.log(TAIL)) & (after[:, 0] > 0)}, pairs


def flat(codes: Codes, observed: Bools, prob: Floats, share: float = SAME) -> Bools:
    """Return who gave one middle score (P,) to this share of the items of several scores, more often than expected."""
    out = np.zeros(len(codes), dtype=np.bool_)
    top = prob.any(axis=0).sum(axis=1) - 1  # (I,)
    for k in range(1, prob.shape[2] - 1):
        seen = observed & (top > k)
        given, expected, n = ((codes == k) & seen).sum(axis=1), prob[:, :, k] * seen, seen.sum(axis=1)
        spread = np.sqrt((expected * (1 - expected)).sum(axis=1))
        out |= (n >= LEAST_SAME) & (given >= share * n) & (given - expected.sum(axis=1) > -ndtri(TAIL) * spread)
    return out


def changed_states(source: ItemBank | Calibration, data: Responses, parts: Sequence[Part], items: Sequence[str]) -> Iterator[float]:
    """Yield for each item the share of states of persons and competencies that change without it, of at most 400 persons.

    With a bank they are those of `diagnose`; with a calibration, of P(expected share of points on the competency's items below the
    first cut) by the rule of `diagnose`.
    """
    if isinstance(source, ItemBank):
        before = diagnose(data.select(persons=[data.persons[p] for p in evenly(len(data.persons), TRIED)]), source)
        for item in items:
            yield len(bank_impact(before, source.without([item]))) / max(int((before.state != NONE).sum()), 1)
        return
    chosen = [part.matched.rows(evenly(len(part.rows), TRIED // len(parts))) for part in parts]
    asked = [(part.known, m, _cuts(part.known)) for part, m in zip(parts, chosen, strict=True)]
    whole = np.concatenate([_states(*one, "") for one in asked])
    for item in items:
        yield float(np.mean(whole != np.concatenate([_states(*one, item) for one in asked])))


def _cuts(known: ItemParameters) -> Floats:
    """Return θ (D,) at which so many points of the competency's items are expected as the first cut asks for."""
    cuts = np.empty(len(mean := known.population.mean))
    for d, sd in enumerate(np.sqrt(np.diag(known.population.covariance))):
        own, theta = known.loads[:, d], np.tile(mean, (241, 1))
        theta[:, d] += sd * np.linspace(-6, 6, 241)
        score = expected_scores(known, theta if len(mean) > 1 else theta[:, 0])[own].sum(axis=0)
        cuts[d] = np.interp(R201().deficit_cut / 100, score / known.points[own].max(axis=1).sum(), theta[:, d])
    return cuts


def _states(known: ItemParameters, matched: Matched, cuts: Floats, without: str) -> Floats:
    """Return the states (p, D) when an item is set aside."""
    kept = matched.observed & np.array([item != without for item in known.items])
    below = posterior_of(matched._replace(observed=kept), known, METHOD).below(cuts)
    return np.asarray(DeficitRule().state_index(below, np.ones(below.shape, dtype=np.bool_)))
