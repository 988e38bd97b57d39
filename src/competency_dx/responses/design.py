"""Whether a design can carry a common scale: empty and constant items, empty persons, booklets that never meet."""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, Names, blocks
from competency_dx.findings import Finding, Template
from competency_dx.responses.missing import MissingPolicy
from competency_dx.responses.responses import Responses

PERSONS_AT_ONCE = 1 << 12
LEAST_LINK = 10  # persons who link a block of items with the others


def check_design(responses: Responses, policy: MissingPolicy | None = None) -> tuple[Finding, ...]:
    """Return what stands against a calibration of these responses on one scale.

    Parameters
    ----------
    responses : Responses
    policy : MissingPolicy or None
        Which cells count; the default policy when None.

    Returns
    -------
    tuple of Finding
        Severity "error" when items and persons fall into blocks that no answer connects: difficulties of different
        blocks cannot be compared; "warning" where fewer than ten persons link some items with the others.
    """
    scores, seen = responses.effective(policy)
    top = np.where(seen, scores, -1).max(axis=0, initial=-1)
    low = np.where(seen, scores, np.int8(127)).min(axis=0, initial=127)
    empty = [i for i, t in zip(responses.items, top, strict=True) if t < 0]
    constant = [i for i, t, b in zip(responses.items, top, low, strict=True) if t >= 0 and t == b]
    silent = responses.persons[~seen.any(axis=1)].tolist()
    together = meetings(seen)
    block, names = components(together), np.array(responses.items, dtype=object)
    parts = [names[block == k].tolist() for k in range(int(block.max(initial=0)) + 1)]
    apart = Template("responses.disconnected").about(
        names[block > 0], parts=len(parts), blocks=[(part[0], len(part)) for part in parts if part]
    )
    return (
        *Template("responses.empty_items").about(empty, severity="warning"),
        *Template("responses.constant_items").about(constant),
        *Template("responses.empty_persons").about(silent, severity="warning"),
        *apart,
        *(() if apart else _weak_links(seen, components(together, least=LEAST_LINK), names)),
    )


def _weak_links(seen: Bools, block: Ints, names: Names) -> tuple[Finding, ...]:
    """Return the finding about blocks of items, each linked firmly within, that few persons link with the others."""
    weak, scope = [], []
    for k in range(int(block.max(initial=0)) + 1):
        inside = block == k
        if 2 <= inside.sum() <= len(block) / 2:
            persons = int((seen[:, inside].any(axis=1) & seen[:, ~inside].any(axis=1)).sum())
            if persons < LEAST_LINK:
                weak.append((names[inside][0], int(inside.sum()), persons))
                scope += names[inside].tolist()
    return Template("responses.weakly_linked").about(scope, least=LEAST_LINK, blocks=weak)


def meetings(seen: Bools) -> Floats:
    """Return how many persons answered both of two items (I, I).

    Counting stops, after some thousands of persons, where all items with answers are linked firmly: more persons only add.
    """
    out, answered = np.zeros((seen.shape[1], seen.shape[1])), seen.any(axis=0)
    for rows in blocks(len(seen), PERSONS_AT_ONCE):
        weights = seen[rows].astype(np.float32)
        out += weights.T @ weights
        if not components(out, least=LEAST_LINK)[answered].any():
            break
    return out


def components(together: Floats, least: int = 1) -> Ints:
    """Return the block of each item that has answers (-1 without), blocks in the order of their first item.

    Two items are in one block when a chain of items, each answered with the next by `least` persons, leads from one to the
    other.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    _, labels = connected_components(csr_array((together >= least).astype(np.int8)), directed=False)
    out = np.full(len(together), -1, dtype=np.int64)
    order: dict[int, int] = {}
    for k in np.flatnonzero(np.diag(together)).tolist():
        out[k] = order.setdefault(int(labels[k]), len(order))
    return out
