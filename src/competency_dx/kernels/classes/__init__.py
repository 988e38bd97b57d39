"""Attribute profiles as support points: which are permissible, and which latent group of an item each belongs to.

An item that measures k attributes tells at most 2^k groups of profiles apart (de la Torre 2011, eq. 1,
doi:10.1007/s11336-011-9207-7); a hierarchy of prerequisites leaves fewer profiles and fewer groups. Profiles are
ordered by the number of attributes mastered, then 100 before 010 before 001.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Floats, Ints

Binary = NDArray[np.int8]
Pairs = Sequence[tuple[int, int]]


class ItemGroups(NamedTuple):
    """Latent groups of one item.

    `patterns` (W, k) are the permissible patterns of its attributes, `of_profile` (C,) the pattern of each profile;
    `of_pattern` (W,) the group of each pattern: as many groups as patterns, or two for DINA and DINO.
    """

    patterns: Binary
    of_profile: Ints
    of_pattern: Ints

    @property
    def size(self) -> int:
        """Return the number of groups."""
        return int(self.of_pattern.max()) + 1


def prerequisite_matrix(A: int, pairs: Pairs) -> Bools:
    """Return the matrix (A, A) that is true at [a, b] where b is a direct prerequisite of a."""
    out = np.zeros((A, A), dtype=np.bool_)
    for before, after in pairs:
        out[after, before] = True
    return out


def mastery_order(needs: Bools) -> list[int]:
    """Return the attributes in an order that puts prerequisites first; shorter than A where they form a circle."""
    done = np.zeros(len(needs), dtype=np.bool_)
    out: list[int] = []
    while ready := np.flatnonzero(~done & ~(needs & ~done).any(axis=1)).tolist():
        done[ready] = True
        out += ready
    return out


def permissible_profiles(needs: Bools, limit: int) -> Binary | None:
    """Return the profiles (C, A) in which every mastered attribute has its prerequisites, None when more than `limit`.

    They are built attribute by attribute, so that only permissible ones are ever made: many attributes with a
    hierarchy are no more work than their profiles.
    """
    out = np.zeros((1, len(needs)), dtype=np.int8)
    for a in mastery_order(needs):
        more = out[out[:, needs[a]].all(axis=1)].copy()
        more[:, a] = 1
        out = np.concatenate([out, more])
        if len(out) > limit:
            return None
    return out[_order(out)]


def _order(profiles: Binary) -> Ints:
    """Return the order of profiles (C,) by the number mastered, then 100 before 010 before 001."""
    return np.lexsort([*-profiles.T[::-1], profiles.sum(axis=1)])


def eligible(profiles: Binary, needs: Bools) -> Bools:
    """Return where (C, A) a profile has all prerequisites of an attribute, so that mastering it is open."""
    return np.asarray(((1 - profiles.astype(np.int64)) @ needs.T.astype(np.int64)) == 0)


def attribute_patterns(profiles: Binary, attributes: Ints) -> tuple[Binary, Ints]:
    """Return the patterns (W, k) of some attributes among the profiles and the pattern of each profile (C,)."""
    own = profiles[:, attributes]
    code = own.astype(np.int64) @ (1 << np.arange(len(attributes), dtype=np.int64))
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    order = _order(own[first])
    return own[first[order]], np.argsort(order)[inverse.ravel()]


def item_groups(profiles: Binary, attributes: Ints, family: str) -> ItemGroups:
    """Return the latent groups of an item: all attributes or not (DINA), any or none (DINO), every pattern (others)."""
    patterns, of_profile = attribute_patterns(profiles, attributes)
    kinds = {"DINA": patterns.all(axis=1), "DINO": patterns.any(axis=1)}
    return ItemGroups(patterns, of_profile, np.asarray(kinds.get(family, np.arange(len(patterns))), dtype=np.int64))


def saturated_design(patterns: Binary) -> Floats:
    """Return the matrix (W, W) of p = M δ with an effect for every pattern S that is permissible: M[w, S] = [S ⊆ w]."""
    return np.asarray(((patterns.astype(np.int64) @ (1 - patterns.astype(np.int64)).T).T == 0).astype(np.float64))


def additive_design(patterns: Binary) -> Floats:
    """Return the matrix (W, k + 1) of an intercept and the main effect of each attribute."""
    return np.concatenate([np.ones((len(patterns), 1)), patterns], axis=1).astype(np.float64)


def covering_pairs(patterns: Binary) -> Ints:
    """Return pairs (E, 2) of patterns where the second masters more than the first and nothing lies between."""
    below = (patterns[:, None, :] <= patterns[None, :, :]).all(axis=2) & ~np.eye(len(patterns), dtype=bool)
    between = (below.astype(np.int64) @ below.astype(np.int64)) > 0
    return np.argwhere(below & ~between)


def distinct_columns(place: Ints) -> tuple[Ints, Ints]:
    """Return one profile of each class (C',) that the items tell apart, and the class of each profile (C,).

    `place` (I, C) is the latent group of each profile on each item; profiles with equal columns have the same
    probability of every answer, so that nothing but an assumption about the population divides them.
    """
    _, first, inverse = np.unique(place, axis=1, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return first[order], np.argsort(order)[inverse.ravel()]
