"""Reporting units: the nodes of the framework that a bank's items are evidence for, topics excepted."""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Bools, Ints, value
from competency_dx.bank import ItemBank, Node
from competency_dx.competencies.conclusion import Competency
from competency_dx.errors import DiagnosisError
from competency_dx.models import ItemParameters


@value
class Units:
    """Reporting units of a bank. Every item counts for one leaf and for what lies above it: sums of leaves contradict no parent.

    Attributes
    ----------
    competencies : tuple of Competency
        C units in the order of the framework, parents before children.
    member : ndarray of bool, shape (C, I)
        Whether an item (in the order of the parameters) is evidence for a unit.
    reference : ndarray of bool, shape (C, I)
        Whether an item belongs to the reference set that the unit's percent is defined on.
    parent : tuple of int
        Position of each unit's nearest ancestor among the units, -1 for a root.
    leaves : ndarray of int, shape (D,)
        Positions of the units that own items: the deepest reported node above an item's competency of greatest weight.
    leaf : ndarray of int, shape (I,)
        The leaf, 0 … D - 1, of each item.
    below : ndarray of bool, shape (C, D)
        Which leaves a unit consists of.
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


def reporting_units(bank: ItemBank, parameters: ItemParameters) -> Units:
    """Return the units of a bank; a leaf without items in the reference set uses all its items.

    Raises `DiagnosisError` when no item with parameters carries a competency that can be reported.
    """
    leaf_of = [bank.leaves.get(item) for item in parameters.items]
    lines = [[n.code for n in bank.framework.lineage(code)] if code else [] for code in leaf_of]
    carried = [set(line) for line in lines]
    nodes = [n for n in _depth_first(bank) if any(n.code in codes for codes in carried)]
    if not nodes:
        raise DiagnosisError("competencies.topics_only", bank=bank.id)
    if any(not line for line in lines):
        bare = [item for item, line in zip(parameters.items, lines, strict=True) if not line]
        raise DiagnosisError("competencies.no_domain", bank=bank.id, bare=bare)
    member = np.array([[node.code in codes for codes in carried] for node in nodes])
    codes = [n.code for n in nodes]
    leaves, leaf = np.unique([codes.index(line[0]) for line in lines], return_inverse=True)
    leaf = leaf.ravel()
    frozen = np.array([item in set(bank.reference_set) for item in parameters.items])
    held = np.bincount(leaf, weights=frozen)[leaf] > 0
    reference = member & (frozen | ~held)
    points = parameters.n_categories - 1
    above = [[n.code for n in bank.framework.lineage(node.code)][1:] for node in nodes]
    parent = tuple(next((codes.index(code) for code in line if code in codes), -1) for line in above)
    sizes = zip(member.sum(axis=1).tolist(), (reference @ points).tolist(), strict=True)
    parents = [codes[up] if up >= 0 else None for up in parent]
    competencies = tuple(
        Competency(code=node.code, title=node.title, kind=node.kind, parent=up, n_items=n, reference_points=worth)
        for node, up, (n, worth) in zip(nodes, parents, sizes, strict=True)
    )
    below = np.stack([member[:, leaf == d].any(axis=1) for d in range(len(leaves))], axis=1)
    of_items = {"member": member, "reference": reference, "leaf": leaf}
    return Units(competencies=competencies, parent=parent, leaves=leaves, below=below, **of_items)


def _depth_first(bank: ItemBank) -> list[Node]:
    below: dict[str | None, list[Node]] = {}
    for node in bank.framework.nodes:
        below.setdefault(node.parent, []).append(node)

    def descend(parent: str | None) -> list[Node]:
        return [n for node in below.get(parent, []) for n in (node, *descend(node.code))]

    return descend(None)
