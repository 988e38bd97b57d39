"""What a calibration knows of its items before any model: the same verdicts, without answers to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from competency_dx.quality.classical import mean_limits
from competency_dx.quality.item_analysis import ItemAnalysis, judged
from competency_dx.quality.verdicts import ItemFacts
from competency_dx.responses import MissingPolicy

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration


def items_of(calibration: Calibration) -> ItemAnalysis:
    """Return the item analysis that a calibration carries: answers, shares of points, correlations with the rest, doubtful keys.

    What only the answers say is NaN or empty: alpha, thirds, options, what was left out. Items with parameters of their own in
    groups have a row in each.
    """
    p, n = calibration.parameters, calibration.n_answers
    items, unknown = p.labels, np.full(len(n), np.nan)
    highest = (p.n_categories - 1).astype(np.float64)
    share = calibration.share if calibration.share.size else unknown
    flat: set[str] = set()
    doubted: dict[str, str] = {}
    for finding in calibration.findings:
        if finding.code == "calibration.constant_item":
            flat |= set(finding.scope)
        elif finding.code == "calibration.probable_wrong_key":
            doubted |= dict.fromkeys(finding.scope, "")
        elif finding.code == "calibration.other_key":
            doubted |= finding.facts["answers"]
    facts = ItemFacts(
        items=items,
        n=n,
        share=share,
        limits=mean_limits(share * highest, share * (1 - share) * highest**2, highest, n),
        constant=np.array([item in flat for item in p.items], dtype=np.bool_),
        rest=calibration.item_rest,
        omitted=unknown,
        not_reached=unknown,
        in_tail=unknown,
        suspected={label: doubted[item] for label, item in zip(items, p.items, strict=True) if item in doubted},
        rivals={},
    )
    return judged(
        facts,
        max_scores=p.n_categories - 1,
        **dict.fromkeys(("alpha", "alpha_low", "alpha_high", "alpha_given", "n_given"), np.nan),
        alpha_without=unknown,
        thirds=np.full((len(n), 3), np.nan),
        options=(),
        n_persons=calibration.n_persons,
        missing=MissingPolicy(),
        findings=(),
        provenance=calibration.provenance,
    )
