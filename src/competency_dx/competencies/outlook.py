"""What the answers alone said of each leaf, taken back from a profile, and what further answers would tell.

A diagnosis propagates normal sites: the posterior of a person's leaves is N(V(Σ⁻¹μ + ν), V) with V = (Σ⁻¹ + diag τ)⁻¹, where
N(μ, Σ) is the population and (τ, ν) what the own items of each leaf say (Minka 2001; `competency_dx.persons`). A profile keeps
the means of θ, their SDs and `own_share` = τ_d V_dd (nearly, where the population is uncertain), and from these the sites follow.
With them a person can be put into another population, that of the group, without being diagnosed anew.

Given the answers so far, the points X_j of an unanswered item and the percent D_k of a leaf have moments under the tilted
marginals. Those of X_j on θ of its leaf are the regression of points on θ; where the item's own parameters are uncertain and it
belongs to the reference set, its answer tells of the percent beside what it tells of θ: Cov(D_k, X_j | θ) = Var S_j(θ) / top_k.
The variance that a two-category item takes away from θ is exactly Cov(θ, X)² / Var(X).
"""

from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats
from competency_dx.bank import ItemBank
from competency_dx.competencies.conclusion import DeficitRule
from competency_dx.competencies.joint import joint_answers, leaves_of, own_shares
from competency_dx.competencies.plan import Plan, averaged, percent_at, plan
from competency_dx.competencies.population import LeafPopulations
from competency_dx.competencies.profile import DeficitProfiles
from competency_dx.errors import DiagnosisError
from competency_dx.kernels.blocks import even_product
from competency_dx.kernels.propagation.settled_persons import Mixture
from competency_dx.persons import match
from competency_dx.responses import Responses

SMALLEST, SUREST = 1e-12, 1 - 1e-6


class OwnEvidence(NamedTuple):
    """Of P persons and D leaves: sites τ and ν (P, D), the population's mean (D,) and covariance (D, D).

    `curves` (D, Q) are the percents of the leaves at the points of `grid` (Q,), equally far apart; `share` (C, D) is the part of the
    reference points of each unit that lies on each leaf.
    """

    tau: Floats
    nu: Floats
    mean: Floats
    covariance: Floats
    grid: Floats
    curves: Floats
    share: Floats

    def percents(self, theta: Floats) -> Floats:
        """Return the true percents of all units (…, C) of persons at θ (…, D)."""
        D, Q = self.curves.shape
        at = np.clip((theta - self.grid[0]) * ((Q - 1) / (self.grid[-1] - self.grid[0])), 0.0, Q - 1.0)
        cell = at.astype(np.int64)
        place, steps = cell + Q * np.arange(D), np.diff(self.curves, axis=1, append=self.curves[:, -1:])
        return np.asarray((self.curves.take(place) + (at - cell) * steps.take(place)) @ self.share.T)


def own_evidence(profiles: DeficitProfiles) -> OwnEvidence:
    """Return what the answers alone said of each person in the profiles."""
    codes = [c.code for c in profiles.competencies]
    leaves = [leaf for leaf in profiles.population.leaves if leaf in codes]  # a propensity to omit is none
    at, D = [codes.index(leaf) for leaf in leaves], len(leaves)
    population = profiles.population.of(tuple(leaves))
    inverse = np.linalg.inv(population.central)
    tau = np.clip(np.nan_to_num(profiles.own_share[:, at]), 0.0, SUREST) / profiles.se[:, at] ** 2
    nu = np.matmul(inverse + tau[:, :, None] * np.eye(D), profiles.theta[:, at, None])[:, :, 0] - inverse @ population.mean
    nu[tau == 0] = 0.0
    inside = np.array([[code in fact.competencies for code in codes] for fact in profiles.items])
    points = np.array([fact.max_score for fact in profiles.items]) @ inside[:, at]
    curves = [100 * profiles.curves[held].sum(axis=0) / p for held, p in zip(inside[:, at].T, points, strict=True)]
    grid = np.linspace(profiles.grid[0], profiles.grid[-1], len(profiles.grid))
    even = np.stack([np.interp(grid, profiles.grid, curve) for curve in curves])
    below = inside.T.astype(np.int64) @ inside[:, at] > 0  # an item counts for one leaf and for what lies above it
    weight = below * np.array([profiles.competencies[c].reference_points for c in at], dtype=np.float64)
    share = weight / weight.sum(axis=1, keepdims=True)
    return OwnEvidence(tau, nu, population.mean, population.central, grid, even, share)


class LeafOutlook(NamedTuple):
    """Of P persons and D leaves, and of I items each measuring one leaf.

    `mean` (P, D) and `covariance` (P, D, D) of θ, `precision` (P, D) that the answers to its items give each; percent:
    `p_deficit` P(below the lowest cut), its `variance` and `slope` on θ (P, D). Points of an item: `item_slope` on θ of its leaf
    and `item_noise`, their variance given θ (P, I); `item_shared` the covariance of points and percent given θ (P, I).
    """

    mean: Floats
    covariance: Floats
    precision: Floats
    p_deficit: Floats
    slope: Floats
    variance: Floats
    item_slope: Floats
    item_noise: Floats
    item_shared: Floats


def outlook_of(profiles: DeficitProfiles, bank: ItemBank) -> tuple[LeafOutlook, Plan]:
    """Return outlook and plan by the answers and population that profiles keep; raises `DiagnosisError` when the bank is not theirs."""
    stated = profiles.provenance.inputs.get("bank", "").split()
    if stated[-1:] != [bank.digest]:
        named = " ".join(stated[:2]) or "(not named)"
        raise DiagnosisError("competencies.other_bank", stated=named, bank=bank.id, version=bank.version)
    made = plan(bank, profiles.standards, profiles.population)
    return leaf_outlook(profiles.answers(), made, profiles.rule, profiles.population), made


def leaf_outlook(data: Responses, made: Plan, rule: DeficitRule, population: LeafPopulations) -> LeafOutlook:
    """Return the outlook given answers to the items of a plan, in their order."""
    matched = match(data, made.parameters, rule.missing)
    answers = joint_answers(matched, data.reasons, made, rule.missing, population)
    return LeafOutlook(*answers.of_blocks(_block, made))


def _block(made: Plan, codes: Codes, observed: Bools, mixture: Mixture) -> LeafOutlook:
    """Return the outlook of one block of persons."""
    settled, rows, I = leaves_of(mixture.joined(), len(made.units.leaves)), mixture.rows, len(made.units.leaf)
    codes, observed = codes[rows, :I], observed[rows, :I]
    weight = np.ascontiguousarray(settled.tilted.transpose(0, 2, 1))
    off = made.theta - even_product(weight, made.theta[:, None])
    spread = np.maximum((weight * off**2).sum(axis=2), SMALLEST)
    along = weight * off / spread[:, :, None]
    at = percent_at(made.tables, made.tables.answers.chosen(codes, observed))
    below = (weight * at.below(made.standards.deficit_cut)).sum(axis=2)
    variance = np.maximum(averaged(weight, at)[1], SMALLEST)
    by_item = np.zeros((3, *codes.shape))
    prob, points = np.exp(made.log_prob), np.arange(made.log_prob.shape[1], dtype=float)
    squared = np.einsum("k,ikq->iq", points**2, prob)
    for d, c in enumerate(made.units.leaves):
        of = np.flatnonzero(made.units.leaf == d)
        slope, expected = (even_product(x[d], made.score[of].T) for x in (along, weight))
        noise = even_product(weight[d], squared[of].T) - expected**2 - slope**2 * spread[d][:, None]
        reference = made.units.reference[c, of]
        top = (made.parameters.n_categories - 1)[of][reference].sum()
        shared = even_product(weight[d], made.score_variance[of].T) * (100 / top * reference)
        by_item[:, :, of] = slope, np.maximum(noise, SMALLEST), shared
    by_leaf = below.T, (along * at.mean).sum(axis=2).T, variance.T
    V = settled.covariance.transpose(2, 0, 1)
    precision = own_shares(mixture, settled) / np.diagonal(V, axis1=1, axis2=2)
    return LeafOutlook(settled.mean.T, V, precision, *by_leaf, *by_item)
