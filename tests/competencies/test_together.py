"""Diagnoses that threads ask for at the same time are worked out together, and nobody can tell."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import competency_dx as cdx
from competency_dx.competencies import api, joint
from competency_dx.kernels.blocks import _shared

BANKS = tuple(map(cdx.load_bank, ("mathematics", "history")))
PLANS = (0, cdx.R201()), (0, replace(cdx.R201(), cuts=(45.0, 70.0))), (1, cdx.R201())  # two of one width
RULES = cdx.DeficitRule(), cdx.DeficitRule(interval=0.8), cdx.DeficitRule(missing=cdx.MissingPolicy(omitted="modelled"))
MANY = [cdx.simulate(bank, 30, rng=np.random.default_rng(1)) for bank in BANKS]

Asked = tuple[int, int, int, int, bool]


def _outcome(asked: Asked) -> str:
    """Return the document of some persons by one of the plans, or the fault."""
    plan, rule, first, n, wrong = asked
    bank, standards = PLANS[plan]
    persons = MANY[bank].select(persons=MANY[bank].persons[first : first + n].tolist())
    try:  # answers to another bank are refused
        return cdx.diagnose(persons, BANKS[bank - wrong], standards=standards, rule=RULES[rule]).to_json()
    except cdx.CompetencyDxError as fault:
        return f"{fault.code}: {fault}"


@pytest.mark.filterwarnings("ignore::competency_dx.errors.CompetencyDxWarning")
@settings(max_examples=2, deadline=None, phases=[Phase.explicit, Phase.generate])  # a smaller example is sought for minutes
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 20), st.sampled_from([1, 1, 1, 2, 9]), st.booleans()),
        min_size=12,
        max_size=16,
    )
)
def test_documents_and_faults_are_the_same_on_many_threads(asked: list[Asked]) -> None:
    alone = list(map(_outcome, asked))
    for threads in (8, 64):
        with ThreadPoolExecutor(threads) as pool:
            assert list(pool.map(_outcome, asked)) == alone


@pytest.mark.filterwarnings("ignore::competency_dx.errors.CompetencyDxWarning")
def test_persons_who_wait_are_worked_out_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """While others hold the turn, twelve persons come to wait: those asked alike are one block, and nobody keeps what is others'."""
    asked: list[Asked] = [(plan, rule, k, 1, False) for k in range(4) for plan, rule in ((0, 0), (1, 0), (0, 1))]
    alone = list(map(_outcome, asked))
    blocks, estimates, block, judged = list[int](), list[joint.UnitEstimates](), joint._block, joint.estimates

    def one_block(*about: Any) -> joint.UnitEstimates:
        blocks.append(len(about[-1].rows))
        return block(*about)

    def all_estimates(*about: Any) -> joint.UnitEstimates:
        estimates.append(judged(*about))
        return estimates[-1]

    monkeypatch.setattr(joint, "_block", one_block)
    monkeypatch.setattr(api, "estimates", all_estimates)
    with ThreadPoolExecutor(12) as pool:
        with _shared[0].turn:
            found = pool.map(_outcome, asked)
            while len(_shared[0].waiting) < 12:
                time.sleep(0.001)
        assert list(found) == alone
    assert blocks == [4, 4, 4]
    assert all(x.base is None and len(x) == 1 for of in estimates for x in of)
