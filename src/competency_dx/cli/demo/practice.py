"""What flags are worth, measured on a cohort whose truth is known: today's percent-correct rule against the engine.

Today's practice calls a block a deficit when less than 60 % of its points were earned, blanks counting as 0. A block is
truly a deficit when the person's expected percent on the whole reference set, under the parameters and abilities that
the answers were drawn with, lies below 60.
"""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.cli.demo.region import RegionCohort
from competency_dx.competencies import STATES, DeficitProfiles
from competency_dx.responses import Reason
from competency_dx.result import DataFrame

LEVELS = ("domain", "cluster", "category")
LINE = 60.0
CONFIRMED, LIKELY, NOT_FOUND = (STATES.index(s) for s in ("confirmed", "likely", "not_found"))


def compare(cohort: RegionCohort, profiles: DeficitProfiles) -> DataFrame:
    """Count how both ways of judging agree with the truth on domains, clusters and the whole test.

    The frame has two rows for each level, ``practice`` and ``engine``; those of several subjects can be added. Columns:
    ``judged`` persons × blocks with items in the form, ``deficits`` true ones among them, ``flags`` blocks called a
    deficit, ``false_flags`` those that are none, ``missed`` true deficits declared to be none, ``undecided`` blocks
    about which nothing is said, ``announced`` false flags that the engine itself predicts (the sum of 1 - P over its flags).
    """
    import pandas as pd

    kinds = np.array([c.kind for c in profiles.competencies])
    of = {fact.item: fact.competencies for fact in profiles.items}
    member = np.array([[c.code in of[item.id] for item in cohort.bank.items] for c in profiles.competencies])
    truly = true_percent(cohort, member) < LINE
    earned, given = percent_correct(cohort, member)
    flagged = np.isin(profiles.state, (CONFIRMED, LIKELY))
    ways = {"practice": (earned < LINE, earned >= LINE), "engine": (flagged, profiles.state == NOT_FOUND)}
    out = {}
    for level in LEVELS:
        chosen = given & (kinds == level)
        for way, (flags, cleared) in ways.items():
            out[level, way] = {
                "judged": chosen.sum(),
                "deficits": (chosen & truly).sum(),
                "flags": (chosen & flags).sum(),
                "false_flags": (chosen & flags & ~truly).sum(),
                "missed": (chosen & cleared & truly).sum(),
                "undecided": (chosen & ~flags & ~cleared).sum(),
                "announced": (1 - profiles.p_deficit)[chosen & flags].sum() if way == "engine" else np.nan,
            }
    return pd.DataFrame.from_dict(out, orient="index")


def shares(counts: DataFrame) -> DataFrame:
    """Return the counts with false and announced flags as shares of the flags, the rest as shares of the deficits."""
    flags, deficits = counts["flags"].replace(0, np.nan), counts["deficits"].replace(0, np.nan)
    hits = counts["flags"] - counts["false_flags"]
    return counts[["judged", "flags"]].assign(
        false=counts["false_flags"] / flags,
        announced=counts["announced"] / flags,
        found=hits / deficits,
        missed=counts["missed"] / deficits,
        open=(counts["deficits"] - hits - counts["missed"]) / deficits,
    )


def true_percent(cohort: RegionCohort, member: Bools) -> Floats:
    """Return the expected percent (P, C) on the reference items of every competency; `member` (C, I) tells its items."""
    reference = set(cohort.bank.reference_set)
    weight = member * np.array([item.id in reference for item in cohort.bank.items], dtype=float)
    return np.asarray(100 * (cohort.expected @ weight.T) / (weight @ cohort.top))


def percent_correct(cohort: RegionCohort, member: Bools) -> tuple[Floats, Bools]:
    """Return the percent of the form's points that was earned (P, C), and where the form has items of the competency.

    Blanks count as 0, as they do in a spreadsheet; whoever did not come is judged on nothing.
    """
    possible = ((cohort.reasons != Reason.NOT_ADMINISTERED) * cohort.top) @ member.T.astype(float)
    given = possible > 0
    return 100 * (cohort.points @ member.T.astype(float)) / np.where(given, possible, 1.0), given
