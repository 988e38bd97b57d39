"""What flags are worth, measured on a cohort whose truth is known: today's percent-correct rule against the engine.

Today's practice calls a block a deficit when less than 60 % of its points were earned, blanks counting as 0. A block is
truly a deficit when the person's expected percent on the whole reference set, under the parameters and abilities that
the answers were drawn with, lies below 60.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, value
from competency_dx.cli.demo.cohort import Cohort
from competency_dx.competencies import STATES, DeficitProfiles
from competency_dx.responses import Reason

Level = Literal["domain", "cluster", "category"]
LEVELS: tuple[Level, ...] = get_args(Level)
LINE = 60.0
CONFIRMED, LIKELY, NOT_FOUND = (STATES.index(s) for s in ("confirmed", "likely", "not_found"))


@value
class Tally:
    """How the judgements of one way of judging compare with the truth, over persons and blocks.

    Attributes
    ----------
    judged : int
        Persons × blocks with at least one item given.
    deficits : int
        True deficits among them.
    flags : int
        Blocks called a deficit.
    false_flags : int
        Flags that are no true deficit.
    missed : int
        True deficits declared to be none.
    undecided : int
        Blocks about which nothing is said.
    promised : float
        False flags that the way of judging itself announces (the sum of 1 - P over its flags); NaN without one.
    """

    judged: int
    deficits: int
    flags: int
    false_flags: int
    missed: int
    undecided: int
    promised: float

    @property
    def false_share(self) -> float:
        """Return false flags as a share of flags, NaN without flags."""
        return self.false_flags / self.flags if self.flags else float("nan")

    @property
    def missed_share(self) -> float:
        """Return missed deficits as a share of the true ones, NaN where there are none."""
        return self.missed / self.deficits if self.deficits else float("nan")

    @property
    def found_share(self) -> float:
        """Return deficits that were flagged as a share of the true ones."""
        return (self.flags - self.false_flags) / self.deficits if self.deficits else float("nan")

    @property
    def open_share(self) -> float:
        """Return true deficits about which nothing is said, as a share of the true ones."""
        return (
            (self.deficits - self.flags + self.false_flags - self.missed) / self.deficits
            if self.deficits
            else float("nan")
        )

    @property
    def undecided_share(self) -> float:
        """Return the share of blocks about which nothing is said."""
        return self.undecided / self.judged if self.judged else float("nan")

    @property
    def promised_share(self) -> float:
        """Return announced false flags as a share of flags."""
        return self.promised / self.flags if self.flags else float("nan")


@value
class Comparison:
    """Both ways of judging on the blocks of one level of the framework."""

    level: Level
    practice: Tally
    engine: Tally


def compare(cohort: Cohort, profiles: DeficitProfiles) -> tuple[Comparison, ...]:
    """Compare both ways of judging on domains, clusters and the whole test, each where it has items of the form."""
    kinds = np.array([c.kind for c in profiles.competencies])
    member = _member(cohort, [c.code for c in profiles.competencies])
    truly = true_percent(cohort, member) < LINE
    earned, given = percent_correct(cohort, member)
    out = []
    for level in LEVELS:
        chosen = given & (kinds == level)
        out.append(
            Comparison(
                level=level,
                practice=_tally(chosen, truly, flagged=earned < LINE, cleared=earned >= LINE),
                engine=_engine(chosen, truly, profiles),
            )
        )
    return tuple(out)


def pooled(found: Iterable[Sequence[Comparison]]) -> tuple[Comparison, ...]:
    """Return the comparisons of several subjects as one: counts add up."""
    return tuple(
        Comparison(
            level=same[0].level,
            practice=_sum([c.practice for c in same]),
            engine=_sum([c.engine for c in same]),
        )
        for same in zip(*found, strict=True)
    )


def _sum(tallies: Sequence[Tally]) -> Tally:
    return Tally(
        judged=sum(t.judged for t in tallies),
        deficits=sum(t.deficits for t in tallies),
        flags=sum(t.flags for t in tallies),
        false_flags=sum(t.false_flags for t in tallies),
        missed=sum(t.missed for t in tallies),
        undecided=sum(t.undecided for t in tallies),
        promised=sum(t.promised for t in tallies),
    )


def _member(cohort: Cohort, codes: Sequence[str]) -> Bools:
    """Return which items (I) are evidence for which competency (C), as (C, I)."""
    framework = cohort.bank.framework
    rows = [[any(framework.within(c, code) for c in item.competencies) for item in cohort.bank.items] for code in codes]
    return np.array(rows)


def true_percent(cohort: Cohort, member: Bools) -> Floats:
    """Return the expected percent of every person on the items of every competency (P, C), as the truth has it."""
    frozen = np.array([item.id in set(cohort.bank.reference_set) for item in cohort.bank.items])
    top = np.array([item.max_score for item in cohort.bank.items], dtype=float)
    weight = (member & frozen).astype(float)
    return np.asarray(100 * (cohort.truth.expected @ weight.T) / (weight @ top))


def percent_correct(cohort: Cohort, member: Bools) -> tuple[Floats, Bools]:
    """Return the percent of the form's points that was earned (P, C), and where the form has items of the competency.

    Blanks count as 0, as they do in a spreadsheet; whoever did not come is judged on nothing.
    """
    top = np.array([item.max_score for item in cohort.bank.items], dtype=float)
    shown = (cohort.reasons != Reason.NOT_ADMINISTERED).astype(float)
    possible = (shown * top) @ member.T.astype(float)
    earned = cohort.points @ member.T.astype(float)
    given = possible > 0
    return 100 * earned / np.where(given, possible, 1.0), given


def _engine(chosen: Bools, truly: Bools, profiles: DeficitProfiles) -> Tally:
    state: Ints = profiles.state.astype(np.int64)
    flagged = (state == CONFIRMED) | (state == LIKELY)
    out = _tally(chosen, truly, flagged=flagged, cleared=state == NOT_FOUND)
    promised = float((1 - profiles.p_deficit)[chosen & flagged].sum())
    return Tally(
        judged=out.judged,
        deficits=out.deficits,
        flags=out.flags,
        false_flags=out.false_flags,
        missed=out.missed,
        undecided=out.undecided,
        promised=promised,
    )


def _tally(chosen: Bools, truly: Bools, *, flagged: Bools, cleared: Bools) -> Tally:
    return Tally(
        judged=int(chosen.sum()),
        deficits=int((chosen & truly).sum()),
        flags=int((chosen & flagged).sum()),
        false_flags=int((chosen & flagged & ~truly).sum()),
        missed=int((chosen & cleared & truly).sum()),
        undecided=int((chosen & ~flagged & ~cleared).sum()),
        promised=float("nan"),
    )
