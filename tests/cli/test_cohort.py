"""The generator keeps its promise: what is written earns exactly what was drawn, and reads back as it was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from competency_dx.bank import ItemBank, load_bank, shipped_banks
from competency_dx.cli.demo.cohort import Cohort, domain_weights, draw_truth, make_cohort
from competency_dx.cli.demo.cohort_files import write_cohort
from competency_dx.cli.demo.practice import compare, percent_correct, pooled, true_percent
from competency_dx.cli.demo.raw_answers import answer_pools, draw_answers, reachable
from competency_dx.competencies import diagnose
from competency_dx.errors import CompetencyDxWarning
from competency_dx.responses import Reason, Responses, load_responses, score_answers

BANKS = tuple(load_bank(name) for name in shipped_banks())


def read(path: Path, bank: ItemBank) -> Responses:
    if path.suffix == ".xlsx":
        with pytest.warns(CompetencyDxWarning, match="leading zeros"):
            return load_responses(path, bank=bank)
    return load_responses(path, bank=bank)


@pytest.mark.parametrize("bank", BANKS, ids=lambda b: b.id)
def test_every_written_answer_earns_the_points_of_its_pool(bank: ItemBank) -> None:
    rng = np.random.default_rng(0)
    for item in bank.items:
        pools = answer_pools(item, rng)
        assert sorted(pools) == list(range(item.max_score + 1)), item.id
        for points, pool in pools.items():
            earned, status = score_answers(item, pool.texts)
            assert set(earned.tolist()) == {points}
            assert set(status.tolist()) == {Reason.ANSWERED}
            assert pool.chances.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("bank", BANKS, ids=lambda b: b.id)
def test_drawn_answers_earn_the_drawn_points(bank: ItemBank) -> None:
    rng = np.random.default_rng(1)
    for item in bank.items:
        points = rng.integers(0, item.max_score + 1, size=50)
        texts = draw_answers(points, answer_pools(item, rng), rng)
        assert score_answers(item, texts)[0].tolist() == points.tolist()


def test_points_that_no_answer_earns_are_lowered() -> None:
    item = BANKS[0].items[0]
    pools = answer_pools(item, np.random.default_rng(0))
    assert reachable(np.array([0, 1, 5]), {0: pools[0], 1: pools[1]}).tolist() == [0, 1, 1]


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize(("name", "ending"), [("mathematics", ".xlsx"), ("history", ".csv"), ("physics", ".parquet")])
def test_a_cohort_reads_back_as_it_was_made(name: str, ending: str, language: str, tmp_path: Path) -> None:
    bank = load_bank(name)
    cohort = make_cohort(bank, 90, np.random.default_rng(7), language=language)
    found = read(write_cohort(cohort, tmp_path / f"{name}{ending}", language), bank)
    assert found.persons.tolist() == cohort.persons.tolist()
    assert found.items == tuple(item.id for item in bank.items)
    np.testing.assert_array_equal(found.reasons, cohort.reasons)
    np.testing.assert_array_equal(found.scores, cohort.points)
    assert len(found.background) == 3


def test_a_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    bank = load_bank("mathematics")
    first, second = (make_cohort(bank, 40, np.random.default_rng(3)) for _ in range(2))
    for ending in (".xlsx", ".csv", ".parquet"):
        one, two = (
            write_cohort(cohort, tmp_path / f"{k}{ending}", "ru").read_bytes()
            for k, cohort in enumerate((first, second))
        )
        assert one == two


def test_every_reason_occurs_and_forms_are_complete(cohort: Cohort) -> None:
    big = make_cohort(cohort.bank, 300, np.random.default_rng(2))
    assert set(np.unique(big.reasons)) == {0, 1, 2, 3}
    absent = (big.reasons == Reason.NOT_ADMINISTERED).all(axis=1)
    shown = (big.reasons != Reason.NOT_ADMINISTERED).sum(axis=1)
    assert set(shown[~absent].tolist()) == {len(f.items) for f in big.bank.forms}
    late = (big.reasons == Reason.NOT_REACHED).any(axis=1).mean()
    assert 0.04 < late < 0.13


def test_abilities_have_the_stated_correlations() -> None:
    bank = load_bank("physics")
    truth = draw_truth(bank, np.zeros(20_000), np.random.default_rng(4))
    r = np.asarray(np.corrcoef(truth.theta.T))
    cluster = np.array([bank.framework.node(d).parent for d in truth.domains])
    same = (cluster[:, None] == cluster[None, :]) & ~np.eye(len(cluster), dtype=bool)
    assert r[same].mean() == pytest.approx(0.75, abs=0.01)
    assert r[cluster[:, None] != cluster[None, :]].mean() == pytest.approx(0.60, abs=0.01)
    assert np.diag(np.cov(truth.theta.T)) == pytest.approx(np.ones(len(cluster)), abs=0.04)


def test_an_item_of_two_domains_counts_for_both() -> None:
    bank = load_bank("physics")
    weights, domains = domain_weights(bank)
    row = weights[[i.id for i in bank.items].index("PHY-048")]
    assert {domains[k] for k in np.flatnonzero(row)} == {"PHY.M.09", "PHY.S.01"}
    assert weights.sum(axis=1) == pytest.approx(np.ones(len(bank.items)))


def test_true_percent_is_the_long_run_percent_of_points(cohort: Cohort) -> None:
    """With every item of the bank given, the mean share of points over the cohort approaches the mean true percent."""
    bank = cohort.bank
    everything = np.ones((1, len(bank.items)), dtype=bool)
    top = np.array([i.max_score for i in bank.items])
    found = true_percent(cohort, everything)[:, 0]
    assert found == pytest.approx(100 * cohort.truth.expected.sum(axis=1) / top.sum())
    assert ((found > 0) & (found < 100)).all()


def test_percent_correct_counts_blanks_as_zero(cohort: Cohort) -> None:
    everything = np.ones((1, len(cohort.bank.items)), dtype=bool)
    found, given = percent_correct(cohort, everything)
    absent = (cohort.reasons == Reason.NOT_ADMINISTERED).all(axis=1)
    assert (given[:, 0] == ~absent).all()
    top = {i.id: i.max_score for i in cohort.bank.items}
    person = int(np.flatnonzero(~absent)[0])
    possible = sum(top[i] for i in cohort.bank.forms[cohort.form[person]].items)
    assert found[person, 0] == pytest.approx(100 * cohort.points[person].sum() / possible)


def test_judgements_add_up(cohort: Cohort, answers: Path) -> None:
    data = load_responses(answers, bank=cohort.bank)
    found = compare(cohort, diagnose(data, cohort.bank))
    for level in found:
        assert level.practice.judged == level.engine.judged
        assert level.practice.deficits == level.engine.deficits
        assert level.practice.undecided == 0
        for tally in (level.practice, level.engine):
            assert 0 <= tally.false_flags <= tally.flags <= tally.judged
            assert tally.flags - tally.false_flags + tally.missed <= tally.deficits
            assert tally.found_share + tally.missed_share + tally.open_share == pytest.approx(1.0)
    twice = pooled([found, found])
    assert [c.engine.flags for c in twice] == [2 * c.engine.flags for c in found]
    assert twice[0].practice.false_share == pytest.approx(found[0].practice.false_share)
