"""How many more items a conclusion needs: the Spearman-Brown formula turned round."""

from __future__ import annotations

import math

MOST = 99


def further_items(n_items: int, reliability: float, target: float, least: int) -> float:
    """Return how many items of the same quality are still needed.

    Spearman and Brown (1910): a test lengthened k times has reliability ``k r / (1 + (k - 1) r)``; the length that
    reaches the target R is ``k = R (1 - r) / (r (1 - R))``.

    Parameters
    ----------
    n_items : int
        Items answered so far.
    reliability : float
        Their reliability r.
    target : float
        The reliability R that is asked for.
    least : int
        Least number of items for a conclusion, whatever the reliability.

    Returns
    -------
    float
        A whole number, or NaN where the reliability says nothing about the length needed.
    """
    short = max(least - n_items, 0)
    if n_items == 0 or not math.isfinite(reliability) or reliability <= 0:
        return math.nan
    if reliability >= target:
        return float(short)
    factor = target * (1 - reliability) / (reliability * (1 - target))
    return float(max(math.ceil(round(n_items * factor, 9)) - n_items, short))
