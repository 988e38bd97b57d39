"""Reporting units, which are the nodes of the framework above a bank's items, topics excepted; the joint population of the leaves.

What a bank leaves open of its population is integrated over. Means that are uncertain by σ² make the prior of one person
N(μ, Σ + σ² I), exactly. SDs and correlations change its form; they are integrated over a few fixed points, which every person's
answers weigh by their probability.
"""

from itertools import chain
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from competency_dx.arrays import Bools, Floats, Ids, Ints, choice, held_to, value
from competency_dx.bank import BankPopulation, CorrelationMatrix, ItemBank
from competency_dx.competencies.conclusion import Competency
from competency_dx.errors import DiagnosisError
from competency_dx.models import ItemParameters, NormalPopulation, cubature

HIGHEST = 0.98  # correlation: leaves stay distinct
SMALLEST = 1e-4  # eigenvalue of a correlation matrix
TRIANGLE = np.sqrt(2) * np.array([[0.0, 1.0], [-np.sqrt(0.75), -0.5], [np.sqrt(0.75), -0.5]])
"""Points of equal weight, exact for means and covariances of two standard normals (Stroud 1971, formula E_2^{r²} 2-1)."""
WIDE = 0.1  # relative standard error of SDs beyond which these points miss the tails, and a product of degree 9 is taken


@value
class Units:
    """Reporting units of a bank. Every item counts for one leaf and for what lies above it: sums of leaves contradict no parent.

    `competencies` are C units in the order of the framework, parents before children; `parent` is the position of each one's nearest
    ancestor among them, -1 for a root. `member` (C, I): an item, in the order of the parameters, is evidence for a unit; `reference`
    (C, I): it belongs to the set that the unit's percent is defined on. `leaves` (D,) are the positions of the units that own items:
    the deepest reported node above an item's competency of greatest weight; `leaf` (I,) is the leaf, 0 … D - 1, of each item, and
    `below` (C, D) says which leaves a unit consists of.
    """

    competencies: tuple[Competency, ...]
    member: Bools
    reference: Bools
    parent: tuple[int, ...]
    leaves: Ints
    leaf: Ints
    below: Bools

    @property
    def leaf_codes(self) -> tuple[str, ...]:
        """Return the codes of the D leaves."""
        return tuple(self.competencies[c].code for c in self.leaves)

    @property
    def wide(self) -> Ints:
        """Return the positions of the W units of several leaves."""
        return np.flatnonzero(self.below.sum(axis=1) > 1)


def reporting_units(bank: ItemBank, parameters: ItemParameters) -> Units:
    """Return the units; a leaf without reference items uses all. Raises `DiagnosisError` when there is no competency to report."""
    leaf_of = [bank.leaves.get(item) for item in parameters.items]
    lines = [[n.code for n in bank.framework.lineage(code)] if code else [] for code in leaf_of]
    carried = [set(line) for line in lines]
    place = {node.code: k for k, node in enumerate(bank.framework.nodes)}
    above = {code: [n.code for n in bank.framework.lineage(code)] for code in {*chain(*carried)}}
    nodes = [bank.framework.node(code) for code in sorted(above, key=lambda code: [place[up] for up in reversed(above[code])])]
    if not nodes:
        raise DiagnosisError("competencies.topics_only", bank=bank.id)
    if any(not line for line in lines):
        bare = [item for item, line in zip(parameters.items, lines, strict=True) if not line]
        raise DiagnosisError("competencies.no_domain", bank=bank.id, bare=bare)
    member = np.array([[node.code in codes for codes in carried] for node in nodes])
    codes = [n.code for n in nodes]
    leaves, leaf = np.unique([codes.index(line[0]) for line in lines], return_inverse=True)
    frozen = np.array([item in set(bank.reference_set) for item in parameters.items])
    reference = member & (frozen | (np.bincount(leaf, weights=frozen)[leaf] == 0))
    sizes = member.sum(axis=1).tolist(), (reference @ (parameters.n_categories - 1)).tolist()
    competencies = tuple(
        Competency(code=node.code, title=node.title, kind=node.kind, parent=node.parent, n_items=n, reference_points=worth)
        for node, n, worth in zip(nodes, *sizes, strict=True)
    )
    parent, below = tuple(codes.index(node.parent) if node.parent else -1 for node in nodes), member @ np.eye(len(leaves))[leaf] > 0
    of_items = {"member": member, "reference": reference, "leaf": leaf}
    return Units(competencies=competencies, parent=parent, leaves=leaves, below=below, **of_items)


@value
class LeafPopulations:
    """Where persons may come from: H normal populations of D leaves, as a diagnosis used them.

    Where omissions are modelled the last dimension is the propensity to omit. `leaves` are D codes, `mean` is (D,), `covariances` (H,
    D, D) with logarithms of the prior weights `log_weight` (H,), `central` (D, D) the covariance at the best values of what is
    uncertain. `epoch` is the scale of θ, as `ItemBank.epoch` names it; "" where nobody said.
    """

    leaves: Ids
    mean: Annotated[Floats, held_to("leaves", type="number", minimum=-1e3, maximum=1e3)]
    covariances: Annotated[Floats, held_to("H", "leaves", "leaves", type="number", covariance="definite", maximum=1e8)]
    log_weight: Annotated[Floats, held_to("H", type="number")]
    central: Annotated[Floats, held_to("leaves", "leaves", type="number", covariance="definite", maximum=1e6)]
    epoch: str = ""

    def mixture(self) -> tuple[Floats, Floats, Floats]:
        """Return mean, covariances and log weights."""
        return self.mean, self.covariances, self.log_weight

    def of(self, leaves: tuple[str, ...]) -> "LeafPopulations":
        """Return the populations of the first leaves; raises `DiagnosisError` when these are others."""
        D = len(leaves)
        if self.leaves[:D] != leaves:
            raise DiagnosisError("competencies.population_other", leaves=self.leaves, leaves2=leaves)
        first: dict[str, Any] = {"mean": self.mean[:D], "covariances": self.covariances[:, :D, :D], "central": self.central[:D, :D]}
        return LeafPopulations(leaves=leaves, log_weight=self.log_weight, **first)


class Pattern(NamedTuple):
    """Fisher's z of correlations (D, D), diagonal 0, and independent directions (D, D) of one standard error each."""

    z: Floats
    directions: tuple[Floats, ...]

    def with_slopes(self, steps: ArrayLike) -> tuple[Floats, Floats]:
        """Return the correlation matrix (D, D) some steps along M directions and its derivatives by them (M, D, D).

        Where the steps leave the positive definite matrices, the nearest on the way to independence is taken, and the
        derivatives are those of the matrix taken.
        """
        D, along = len(self.z), np.array(self.directions).reshape(-1, *self.z.shape)
        raw = np.tanh(self.z + np.tensordot(np.ravel(steps), along, 1))
        out, slopes = np.clip(raw, -HIGHEST, HIGHEST), along * np.where(np.abs(raw) < HIGHEST, 1 - raw**2, 0.0)
        np.fill_diagonal(out, 1.0)
        values, vectors = np.linalg.eigh(out)
        least, lowest = values[0], vectors[:, 0]
        if least < SMALLEST:
            share = (SMALLEST - least) / (1 - least)
            to_share = (SMALLEST - 1) / (1 - least) ** 2 * (slopes @ lowest @ lowest)
            slopes = (1 - share) * slopes + to_share[:, None, None] * (np.eye(D) - out)
            out = (1 - share) * out + share * np.eye(D)
        return out, slopes


Stated = BankPopulation | NormalPopulation | LeafPopulations | None


def leaf_populations(bank: ItemBank, units: Units, stated: Stated) -> LeafPopulations:
    """Return the populations that a bank, or what is stated in its place, gives to the leaves.

    Raises `DiagnosisError` when a stated population or a matrix of correlations does not name the leaves.
    """
    if isinstance(stated, LeafPopulations):
        return stated.of(units.leaf_codes)
    if isinstance(stated, NormalPopulation):
        at = _places(stated.dimensions, units.leaf_codes, "population=")
        central = stated.covariance[np.ix_(at, at)]
        mean, one = stated.mean[at], np.zeros(1)
        return LeafPopulations(leaves=units.leaf_codes, mean=mean, covariances=central[None], log_weight=one, central=central)
    population = bank.header.population if stated is None else stated
    leaves = [population.leaves.get(code) for code in units.leaf_codes]
    mean = np.array([population.mean if leaf is None else leaf.mean for leaf in leaves])
    sd = np.array([np.sqrt(population.variance) if leaf is None else leaf.sd for leaf in leaves])
    pattern = pattern_of(population, units)
    both = Pattern(pattern.z, (sum(pattern.directions, np.zeros_like(pattern.z)),))  # where the one is high the other is

    def covariance_at(point: Floats) -> Floats:
        scale = sd * np.exp(point[0] * population.sd_se)
        return np.asarray(both.with_slopes(point[1])[0] * np.outer(scale, scale) + population.mean_se**2 * np.eye(len(sd)))

    points, log_weight = np.zeros((1, 2)), np.zeros(1)
    if population.sd_se or both.directions[0].any():
        points, log_weight = TRIANGLE, np.zeros(3) - np.log(3)
    if population.sd_se > WIDE:
        points, weights = cubature(2)
        log_weight = np.log(weights)
    central, covariances = covariance_at(np.zeros(2)), np.stack([covariance_at(p) for p in points])
    return LeafPopulations(leaves=units.leaf_codes, mean=mean, covariances=covariances, log_weight=log_weight, central=central)


def clusters(units: Units) -> Ints:
    """Return a number (D,) for the cluster of each leaf: leaves under one unit share it."""
    above = np.array([units.parent[c] if units.parent[c] >= 0 else c for c in units.leaves])
    return np.asarray(np.unique(above, return_inverse=True)[1].ravel())


def pattern_of(population: BankPopulation, units: Units) -> Pattern:
    """Return the correlations of the leaves that a population states, and how uncertain they are."""
    of, D = clusters(units), len(units.leaves)
    pattern = population.correlations
    if isinstance(pattern, CorrelationMatrix):
        at, n = _places(pattern.leaves, units.leaf_codes, "population.correlations"), len(pattern.leaves)
        z, se = np.zeros((2, n, n))
        lower = np.tril_indices(n, -1)
        z[lower], se[lower] = np.arctanh(pattern.values), pattern.se or 0.0
        z, se = ((x + x.T)[np.ix_(at, at)] for x in (z, se))
        return Pattern(z, (se,))
    near, far = (of[:, None] == of) & ~np.eye(D, dtype=np.bool_), of[:, None] != of
    z = np.arctanh(np.where(near, pattern.within, np.where(far, min(pattern.between, pattern.within), 0.0)))
    return Pattern(z, (near * pattern.within_se, far * pattern.between_se))


def _places(names: tuple[str, ...], leaves: tuple[str, ...], where: str) -> Ints:
    missing = [code for code in leaves if code not in names]
    if missing:
        raise DiagnosisError("competencies.population_lacks", where=where, missing=missing, names=names)
    return np.array([names.index(code) for code in leaves])


@choice(DiagnosisError)
class Cohort:
    """The population is that of the persons diagnosed: estimated from their answers with the items held.

    A person's profile then depends on the others. Items whose difficulty is a judgement keep it. Fewer than `min_persons` with answers
    are refused; where there are more than `most_persons`, so many stand for them, evenly chosen.
    """

    min_persons: int = 100
    most_persons: int = 1000

    def __post_init__(self) -> None:
        if not 2 <= self.min_persons <= self.most_persons:
            raise DiagnosisError("competencies.cohort_limits", min_persons=self.min_persons, most_persons=self.most_persons)
