"""Values that are hardly scores where no bank says what is possible: codes of missing answers, scales that start at 1."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from competency_dx.findings import Template
from competency_dx.responses.missing import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from competency_dx.arrays import Codes
    from competency_dx.findings import Finding
    from competency_dx.responses.missing import Reasons

USUAL_CODES = frozenset({7, 8, 9, *range(77, 80), *range(87, 90), *range(95, 100)})
"""What questionnaires write for refused, not applicable, missing."""
WIDE = 3
"""So far above the other values are codes of missing answers."""
FEWEST, SEVERAL = 5, 50
"""Cells from which codes are doubtful; answers from which a score that nobody has is, where others have it."""
MINUS_SHARE = 0.1


def strange_values(items: Sequence[str], scores: Codes, reasons: Reasons) -> tuple[Finding, ...]:
    """Return findings about values after a gap and about items without a zero, items of more than one point only."""
    codes: list[str] = []
    gaps: dict[str, str] = {}
    shifted: list[str] = []
    where: list[str] = []
    if not (several := np.flatnonzero(scores.max(axis=0, initial=0) > 1).tolist()):
        return ()
    answered = reasons == Reason.ANSWERED
    nowhere = not (answered & (scores == 0)).any()
    for k in several:
        counts = np.bincount(scores[answered[:, k], k])
        values, n = np.flatnonzero(counts).tolist(), int(counts.sum())
        breaks = [(before, v) for before, v in pairwise(values) if v - before > 1]
        start = next((v for before, v in reversed(breaks) if v - before >= WIDE), values[-1] + 1)
        after = [v for v in values if v >= start and v in USUAL_CODES] if n >= FEWEST else []
        if after:
            codes.append(items[k])
            where += [f"{items[k]} {v} ({counts[v]})" for v in after]
        elif breaks and n >= SEVERAL:
            gaps[items[k]] = f"{items[k]}: {', '.join(map(str, values))}"
        if values[0] == 1 and len(values) > 1 and n >= (FEWEST if nowhere else SEVERAL):
            shifted.append(items[k])
    return (
        *Template("responses.codes_among_scores").about(codes, where=where),
        *Template("responses.gaps").about(gaps, where=gaps.values()),
        *Template("responses.starts_at_one").about(shifted),
    )


def minus_is_doubtful(cells: int, others: int, highest: int) -> bool:
    """Tell whether -1 is so frequent beside 0 and 1 that it may be a score."""
    return cells >= max(FEWEST, MINUS_SHARE * (cells + others)) and highest <= 1
