"""The reporting units in the order of their tree, and what one needs to know of their places."""

from __future__ import annotations

from collections.abc import Sequence

from competency_dx.arrays import value
from competency_dx.competencies import Competency


@value
class Branch:
    """A reporting unit in its place: column in the profiles, indent, and the columns of all units below it."""

    index: int
    depth: int
    competency: Competency
    below: tuple[int, ...]


def branches(competencies: Sequence[Competency]) -> tuple[Branch, ...]:
    """Return the units depth first, siblings in the given order; a unit whose parent is not among them is a root."""
    place = {c.code: k for k, c in enumerate(competencies)}
    children: dict[int, list[int]] = {}
    for k, c in enumerate(competencies):
        children.setdefault(place.get(c.parent or "", -1), []).append(k)
    out: list[Branch] = []
    for root in children.get(-1, []):
        _descend(root, 0, competencies, children, out)
    return tuple(out)


def _descend(
    k: int, depth: int, competencies: Sequence[Competency], children: dict[int, list[int]], out: list[Branch]
) -> list[int]:
    at, below = len(out), []
    for child in children.get(k, []):
        below += [child, *_descend(child, depth + 1, competencies, children, out)]
    out.insert(at, Branch(index=k, depth=depth, competency=competencies[k], below=tuple(below)))
    return below


def clusters(tree: Sequence[Branch]) -> tuple[Branch, ...]:
    """Return the default reporting units: the clusters, or the roots where the framework has none."""
    found = tuple(b for b in tree if b.competency.kind == "cluster")
    return found or tuple(b for b in tree if b.depth == 0)
