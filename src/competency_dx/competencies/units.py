"""Reporting units: the nodes of the framework that a bank's items are evidence for, topics excepted."""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Bools, value
from competency_dx.bank import ItemBank, Node
from competency_dx.competencies.conclusion import Competency
from competency_dx.errors import DiagnosisError
from competency_dx.models import ItemParameters


@value
class Units:
    """Reporting units of a bank.

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
    """

    competencies: tuple[Competency, ...]
    member: Bools
    reference: Bools
    parent: tuple[int, ...]


def reporting_units(bank: ItemBank, parameters: ItemParameters) -> Units:
    """Return the units of a bank; a unit without items in the reference set uses all its items.

    Raises
    ------
    DiagnosisError
        When no item with parameters carries a competency that can be reported.
    """
    items = [bank.item(item) for item in parameters.items]
    ancestry = {c: {n.code for n in bank.framework.lineage(c)} for item in items for c in item.competencies}
    carried = [set().union(*(ancestry[c] for c in item.competencies)) for item in items]
    found = set().union(*carried)
    nodes = [n for n in _depth_first(bank) if n.code in found and n.kind != "topic"]
    if not nodes:
        raise DiagnosisError(
            f"bank {bank.id}: its items carry topics only; link them to a framework with domains above the topics"
        )
    member = np.array([[node.code in codes for codes in carried] for node in nodes])
    frozen = np.array([item in set(bank.reference_set) for item in parameters.items])
    reference = np.where((member & frozen).any(axis=1)[:, None], member & frozen, member)
    points = parameters.n_categories - 1
    codes = [n.code for n in nodes]
    above = [[n.code for n in bank.framework.lineage(node.code)][1:] for node in nodes]
    parent = tuple(next((codes.index(code) for code in line if code in codes), -1) for line in above)
    return Units(
        competencies=tuple(
            Competency(
                code=node.code,
                title=node.title,
                kind=node.kind,
                parent=codes[up] if up >= 0 else None,
                n_items=int(member[c].sum()),
                reference_points=int(points[reference[c]].sum()),
            )
            for c, (node, up) in enumerate(zip(nodes, parent, strict=True))
        ),
        member=member,
        reference=reference,
        parent=parent,
    )


def _depth_first(bank: ItemBank) -> list[Node]:
    below: dict[str | None, list[Node]] = {}
    for node in bank.framework.nodes:
        below.setdefault(node.parent, []).append(node)

    def descend(parent: str | None) -> list[Node]:
        return [n for node in below.get(parent, []) for n in (node, *descend(node.code))]

    return descend(None)
