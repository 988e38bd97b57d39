"""A real cohort of sixty simulated persons with awkward names and groups of unequal size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import competency_dx as cdx
from competency_dx.arrays import names

AWKWARD = ("<script>alert(1)</script>", "../../escape", "a/b", "CON", "x" * 300, "Т-007", "t 7", "t_7")
PLACES = ("Заречный",) * 30 + ("Луговой",) * 19 + ("Горный",) * 7 + ("<b>Степной</b>",) * 4


def diagnosed(persons: int) -> cdx.DeficitProfiles:
    bank = cdx.load_bank("mathematics")
    drawn = cdx.simulate(bank, persons, rng=np.random.default_rng(11))
    ids = [*AWKWARD, *(f"П-{k:03d}" for k in range(persons - len(AWKWARD)))]
    responses = replace(drawn, persons=names(ids), background={"municipality": names(PLACES[:persons])})
    return cdx.diagnose(responses, bank)


@pytest.fixture(scope="session")
def profiles() -> cdx.DeficitProfiles:
    return diagnosed(60)


@pytest.fixture(scope="session")
def few() -> cdx.DeficitProfiles:
    """Return so many persons that there is a page for `PERSON`."""
    return diagnosed(20)
