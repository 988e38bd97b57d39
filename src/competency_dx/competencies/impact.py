"""`bank_impact`: whose conclusions another version of the bank would change, from the answers that profiles keep."""

from __future__ import annotations

import numpy as np

from competency_dx.bank import ItemBank
from competency_dx.competencies.api import diagnose
from competency_dx.competencies.conclusion import STATES
from competency_dx.competencies.profile import DeficitProfiles
from competency_dx.errors import DiagnosisError, wrong_type
from competency_dx.result import DataFrame, frame


def bank_impact(profiles: DeficitProfiles, bank: ItemBank) -> DataFrame:
    """Diagnose the kept points with another version of the bank, whose population is taken, and return what changes.

    Points stay as they were given: of items whose key changed, which `ledger_of` names, the raw answers have to be scored anew.

    Returns
    -------
    pandas.DataFrame
        One row per person and competency with another state: person, competency, state, state_after, and p_deficit and percent
        with what they would be after.
    """
    if not isinstance(profiles, DeficitProfiles):
        raise wrong_type(DiagnosisError, "profiles", profiles, DeficitProfiles)
    after = diagnose(profiles.answers(), bank, standards=profiles.standards, rule=profiles.rule)
    codes, now = ([c.code for c in x.competencies] for x in (profiles, after))
    old, new = np.array([(codes.index(c), now.index(c)) for c in codes if c in now], dtype=np.int64).reshape(-1, 2).T
    p, c = np.nonzero(profiles.state[:, old] != after.state[:, new])
    words, columns = np.array(STATES, dtype=object), {}
    for name in ("state", "p_deficit", "percent"):
        both = getattr(profiles, name)[p, old[c]], getattr(after, name)[p, new[c]]
        columns[name], columns[f"{name}_after"] = (words[x] for x in both) if name == "state" else both
    return frame(person=profiles.persons[p], competency=[codes[k] for k in old[c]], **columns)
