"""What the answers to the items of each leaf say at every θ, whoever gives them: tables over the possible answers.

Given θ, items are independent, so the posterior of an item's expected score S_i(θ) depends on the person's own answer to it
alone: E[S_i | x_i, θ] = E[S_i P(x_i | θ)] / E[P(x_i | θ)], expectations over the item's parameters. Summed over the reference
set this gives mean and variance of D(θ) = 100 Σ S_i / Σ max_i for each person and support point: what they are without answers
plus one matrix product with the indicators of the answers, as in the E-step.

All leaves stand in one array; they have the same number M of possible answers (`PossibleAnswers`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.competencies.units import Units
from competency_dx.kernels.blocks import even_product
from competency_dx.kernels.propagation.settled_persons import PossibleAnswers, possible_answers


class LeafTables(NamedTuple):
    """Tables of D leaves, M possible answers and Q points.

    Percent of the leaf: `percent` and `variance` (D, Q) without answers, and what each answer adds (D, M, Q), None where all
    items are certain; `certain` (D,) tells of which leaves they are. Columns of weights by θ, (D, Q, M) each: `inverse`,
    1 / P(x | θ); `moved` this times δ and δ² - η, what the answer adds to mean and variance; `surprise`, log P(x | θ) less its
    mean over answers, with its second and third central moments.
    """

    answers: PossibleAnswers
    percent: Floats
    variance: Floats
    added: tuple[Floats, Floats] | None
    certain: Bools
    inverse: Floats
    moved: tuple[Floats, Floats] | None
    surprise: tuple[Floats, Floats, Floats]

    def of_answers(self, values: Floats, codes: Codes) -> Floats:
        """Return what values (D, p, M) of possible answers say of the answers given (p, I)."""
        flat = values.transpose(1, 0, 2).reshape(len(codes), -1)
        return np.asarray(np.take_along_axis(flat, self.answers.place[np.arange(codes.shape[1]), codes], axis=1))


def leaf_tables(
    units: Units, points: Ints, log_prob: Floats, scores: tuple[Floats, Floats], by_answer: tuple[Floats, Floats]
) -> LeafTables:
    """Return the tables of items with so many points (I,) and log-probabilities (I, K, Q).

    `scores` are mean and variance (I, Q) of the expected scores, `by_answer` those given each answer (I, K, Q).
    """
    D, (I, K) = len(units.leaves), log_prob.shape[:2]
    item, category = np.nonzero(np.arange(K) <= points[:, None])
    leaf, answers = units.leaf[item], possible_answers(units.leaf, points + 1)

    def stacked(values: Floats) -> Floats:
        return answers.stacked(values, item, category)

    reference = units.reference[units.leaves[units.leaf], np.arange(I)]
    top = np.bincount(units.leaf, weights=points * reference, minlength=D)
    scale = (100 * reference / top[units.leaf])[:, None]
    of_leaf = (units.leaf == np.arange(D)[:, None]).astype(np.float64)
    prob, off = np.exp(log_prob), log_prob - (np.exp(log_prob) * log_prob).sum(axis=1)[:, None]
    second, third = ((prob * off**r).sum(axis=1) for r in (2, 3))
    more, wider = ((x - y[:, None])[item, category] for x, y in zip(by_answer, scores, strict=True))
    more, wider, inverse = more * scale[item], wider * scale[item] ** 2, np.exp(-log_prob[item, category])
    by_weight = [inverse, inverse * more, inverse * (more**2 - wider), off[item, category], second[item], third[item]]
    columns = [np.ascontiguousarray(stacked(x).transpose(0, 2, 1)) for x in by_weight]
    loose = np.bincount(leaf, weights=(more != 0).any(axis=1) | (wider != 0).any(axis=1), minlength=D) > 0
    return LeafTables(
        answers,
        of_leaf @ (scores[0] * scale),
        of_leaf @ (scores[1] * scale**2),
        (stacked(more), stacked(wider)) if loose.any() else None,
        ~loose,
        columns[0],
        (columns[1], columns[2]) if loose.any() else None,
        (columns[3], columns[4], columns[5]),
    )


def influence(tables: LeafTables, weight: Floats, below: tuple[Floats, Floats], z: Floats, sd: Floats) -> Floats:
    """Return P(D below the cut) less what it would be without each possible answer (D, p, M).

    `weight` (D, p, Q) are the tilted marginals and `below` P(D below the cut), by θ and overall (D, p); z = (cut - m) / s with
    `sd` s, (D, p, Q) or (D, 1, Q). Where items are uncertain the answer also moved mean and variance of D given θ, by δ and η; as
    Φ((cut - m) / s) solves the heat equation, taking them back is, to second order, Φ + δ φ / s - (δ² - η) z φ / 2 s².
    """
    total = even_product(weight, tables.inverse)
    without = even_product(weight * below[0], tables.inverse)
    if tables.moved is not None:
        density = weight * np.exp(-0.5 * z**2) / (np.sqrt(2 * np.pi) * sd)
        without += even_product(density, tables.moved[0])
        without -= 0.5 * even_product(density * z / sd, tables.moved[1])
    return np.asarray(below[1][:, :, None] - without / np.where(total > 0, total, 1.0))


def misfit_moments(tables: LeafTables, weight: Floats, chosen: Floats) -> Floats:
    """Return log-likelihood less its expectation, and its second and third central moments (3, p), averaged over the posterior.

    Drasgow, Levine & Williams (1985, doi:10.1111/j.2044-8317.1985.tb00817.x), with θ integrated out in place of estimated.
    """
    return np.stack([(even_product(weight, column) * chosen).sum(axis=(0, 2)) for column in tables.surprise])
