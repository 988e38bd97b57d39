"""Which option behaves like the key of an item whose keyed answer does not."""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.responses import Responses

LEAST_CHOSEN = 0.05
SURE = 2.0


def key_swaps(data: Responses, kept: Ints, rest: Floats) -> dict[str, str]:
    """Return for each item with a negative item-rest correlation the answer that strong persons give instead.

    The answer must be chosen by at least 5 %, and its correlation with the share of points on the other items must be positive
    and lie two standard errors of a difference (√(2/n)) above that of the keyed answer.
    Nothing is returned where raw answers were not kept.
    """
    if data.answers is None:
        return {}
    answered = data.observed
    share = np.where(answered, data.scores / np.maximum(data.max_scores, 1), 0.0)
    total, count = share.sum(axis=1), answered.sum(axis=1)
    out: dict[str, str] = {}
    for i, r in zip(kept, rest, strict=True):
        who = answered[:, i] & (count > 1)
        if not r < 0 or not who.any():
            continue
        others = (total[who] - share[who, i]) / (count[who] - 1)
        found = _strongest(data.answers.codes[who, i], others, float(r))
        if found is not None:
            out[data.items[i]] = data.answers.vocabulary[i][found]
    return out


def _strongest(codes: Ints, others: Floats, keyed: float) -> int | None:
    best, at = max(0.0, keyed + SURE * float(np.sqrt(2 / len(codes)))), None
    for code in np.unique(codes[codes >= 0]):
        chosen = codes == code
        if LEAST_CHOSEN <= chosen.mean() < 1:
            r = float(np.corrcoef(chosen, others)[0, 1])
            if r > best:
                best, at = r, int(code)
    return at
