"""The generator keeps its promise: what is written earns exactly what was drawn, and reads back as it was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from competency_dx.bank import ItemBank, shipped_banks
from competency_dx.competencies import diagnose
from competency_dx.errors import CompetencyDxWarning
from competency_dx.responses import Reason, Responses, load_responses, score_answers
from competency_dx_demo import compare, percent_correct, shares, true_percent
from competency_dx_demo.raw_answers import answer_pools, draw_answers, reachable
from competency_dx_demo.region import RegionCohort, domain_weights, draw_truth, make_cohort, write_cohort

Shipped = Callable[[str], ItemBank]


def read(path: Path, bank: ItemBank) -> Responses:
    if path.suffix == ".xlsx":
        with pytest.warns(CompetencyDxWarning, match="leading zeros"):
            return load_responses(path, bank=bank)
    return load_responses(path, bank=bank)


@pytest.mark.parametrize("name", shipped_banks())
def test_every_written_answer_earns_the_points_of_its_pool(name: str, shipped: Shipped) -> None:
    """And answers drawn from the pools earn the points they were drawn for."""
    rng = np.random.default_rng(0)
    for item in shipped(name).items:
        pools = answer_pools(item, rng)
        drawn = rng.integers(0, item.max_score + 1, size=50)
        assert score_answers(item, draw_answers(drawn, pools, rng))[0].tolist() == drawn.tolist()
        assert sorted(pools) == list(range(item.max_score + 1)), item.id
        for points, pool in pools.items():
            earned, status = score_answers(item, pool.texts)
            assert set(earned.tolist()) == {points}
            assert set(status.tolist()) == {Reason.ANSWERED}
            assert pool.chances.sum() == pytest.approx(1.0)


def test_points_that_no_answer_earns_are_lowered(shipped: Shipped) -> None:
    item = shipped("physics").items[0]
    pools = answer_pools(item, np.random.default_rng(0))
    assert reachable(np.array([0, 1, 5]), {0: pools[0], 1: pools[1]}).tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("name", "ending", "language"),
    [("mathematics", ".xlsx", "ru"), ("history", ".csv", "ru"), ("physics", ".parquet", "en"), ("history", ".csv", "en")],
)
def test_a_cohort_reads_back_as_it_was_made(shipped: Shipped, name: str, ending: str, language: str, tmp_path: Path) -> None:
    bank = shipped(name)
    cohort = make_cohort(bank, 60, np.random.default_rng(7), language=language)
    found = read(write_cohort(cohort, tmp_path / f"{name}{ending}", language), bank)
    assert found.persons.tolist() == cohort.persons.tolist()
    assert found.items == tuple(item.id for item in bank.items)
    np.testing.assert_array_equal(found.reasons, cohort.reasons)
    np.testing.assert_array_equal(found.scores, cohort.points)
    assert len(found.background) == 3


def test_a_seed_gives_the_same_bytes(shipped: Shipped, tmp_path: Path) -> None:
    bank = shipped("mathematics")
    first, second = (make_cohort(bank, 40, np.random.default_rng(3)) for _ in range(2))
    for ending in (".xlsx", ".csv", ".parquet"):
        one, two = (write_cohort(cohort, tmp_path / f"{k}{ending}", "ru").read_bytes() for k, cohort in enumerate((first, second)))
        assert one == two


def test_every_reason_occurs_and_forms_are_complete(cohort: RegionCohort) -> None:
    big = make_cohort(cohort.bank, 300, np.random.default_rng(2))
    assert set(np.unique(big.reasons)) == {0, 1, 2, 3}
    absent = (big.reasons == Reason.NOT_ADMINISTERED).all(axis=1)
    shown = (big.reasons != Reason.NOT_ADMINISTERED).sum(axis=1)
    assert set(shown[~absent].tolist()) == {len(f.items) for f in big.bank.forms}
    late = (big.reasons == Reason.NOT_REACHED).any(axis=1).mean()
    assert 0.04 < late < 0.13


def test_abilities_have_the_stated_correlations(shipped: Shipped) -> None:
    bank = shipped("physics")
    truth = draw_truth(bank, np.zeros(20_000), np.random.default_rng(4))
    r = np.asarray(np.corrcoef(truth.theta.T))
    cluster = np.array([bank.framework.node(d).parent for d in truth.domains])
    same = (cluster[:, None] == cluster[None, :]) & ~np.eye(len(cluster), dtype=bool)
    assert r[same].mean() == pytest.approx(0.75, abs=0.01)
    assert r[cluster[:, None] != cluster[None, :]].mean() == pytest.approx(0.60, abs=0.01)
    assert np.diag(np.cov(truth.theta.T)) == pytest.approx(np.ones(len(cluster)), abs=0.04)


def test_an_item_of_two_domains_counts_for_both(shipped: Shipped) -> None:
    bank = shipped("physics")
    weights, domains = domain_weights(bank)
    row = weights[[i.id for i in bank.items].index("PHY-072")]
    assert {domains[k] for k in np.flatnonzero(row)} == {"PHY.M.09", "PHY.S.04"}
    assert weights.sum(axis=1) == pytest.approx(np.ones(len(bank.items)))


def test_true_percent_is_the_long_run_percent_of_points(cohort: RegionCohort) -> None:
    """With every item of the bank given, the mean share of points over the cohort approaches the mean true percent."""
    bank = cohort.bank
    everything = np.ones((1, len(bank.items)), dtype=bool)
    top = np.array([i.max_score for i in bank.items])
    found = true_percent(cohort, everything)[:, 0]
    assert found == pytest.approx(100 * cohort.expected.sum(axis=1) / top.sum())
    assert ((found > 0) & (found < 100)).all()


def test_percent_correct_counts_blanks_as_zero(cohort: RegionCohort) -> None:
    everything = np.ones((1, len(cohort.bank.items)), dtype=bool)
    found, given = percent_correct(cohort, everything)
    absent = (cohort.reasons == Reason.NOT_ADMINISTERED).all(axis=1)
    assert (given[:, 0] == ~absent).all()
    top = {i.id: i.max_score for i in cohort.bank.items}
    person = int(np.flatnonzero(~absent)[0])
    possible = sum(top[i] for i in cohort.bank.forms[cohort.form[person]].items)
    assert found[person, 0] == pytest.approx(100 * cohort.points[person].sum() / possible)


def test_judgements_add_up(cohort: RegionCohort, answers: Path) -> None:
    data = load_responses(answers, bank=cohort.bank)
    counts = compare(cohort, diagnose(data, cohort.bank))
    practice, engine = counts.iloc[::2].to_dict("list"), counts.iloc[1::2].to_dict("list")
    assert counts.index.tolist() == [(k, way) for k in ("domain", "cluster", "category") for way in ("practice", "engine")]
    assert all(practice[name] == engine[name] for name in ("judged", "deficits"))
    assert practice["undecided"] == [0, 0, 0]
    assert (counts["false_flags"].between(0, counts["flags"]) & (counts["flags"] <= counts["judged"])).all()
    assert (counts["flags"] - counts["false_flags"] + counts["missed"] <= counts["deficits"]).all()
    parts = shares(counts)
    assert parts[["found", "missed", "open"]].sum(axis=1).to_numpy() == pytest.approx(np.ones(6))
    assert parts["open"].to_dict()["domain", "engine"] <= 0.5
    twice = shares(counts + counts)
    assert twice["flags"].tolist() == (2 * counts["flags"]).tolist()
    assert twice["false"].to_numpy() == pytest.approx(parts["false"].to_numpy(), nan_ok=True)
