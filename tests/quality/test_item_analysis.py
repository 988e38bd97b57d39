"""Item analysis: numbers by other means, verdicts that the data bear out, and silence where they do not."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.responses import RawAnswers

Scores = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def drawn(rng: np.random.Generator, persons: int, items: int, *, slope: float = 1.2, difficulty: Scores | None = None) -> Scores:
    """Return right (1) and wrong (0) answers of a normal population."""
    b = rng.normal(size=items) if difficulty is None else difficulty
    logit = slope * (rng.normal(size=(persons, 1)) - b)
    return (rng.random(logit.shape) < 1 / (1 + np.exp(-logit))).astype(float)


def checked(table: object, bank: cdx.ItemBank | None = None) -> cdx.quality.ItemAnalysis:
    """Return the analysis without the Python warnings that go with its findings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
        return cdx.check_items(table, bank)


def codes(analysis: cdx.quality.ItemAnalysis) -> set[str]:
    return {f.code for f in analysis.findings}


def why(analysis: cdx.quality.ItemAnalysis, item: str) -> set[str]:
    return {r.code.removeprefix("quality.item_") for r in analysis.reasons if item in r.scope}


@cache
def mixed() -> Scores:
    """Return points of items with 1, 2 and 3 at most."""
    rng = np.random.default_rng(2)
    theta = rng.normal(size=(300, 1))
    chance = 1 / (1 + np.exp(-(theta - rng.normal(size=9))))
    return rng.binomial([1, 2, 3] * 3, chance).astype(float)


def alpha_of(covariance: Scores) -> float:
    k = len(covariance)
    return float(k / (k - 1) * (1 - np.trace(covariance) / covariance.sum()))


def test_numbers_of_complete_data_are_the_usual_ones() -> None:
    x = mixed()
    found = checked(x)
    total, top = x.sum(axis=1), x.max(axis=0)
    rest = [np.corrcoef(x[:, i], total - x[:, i])[0, 1] for i in range(9)]
    np.testing.assert_allclose(found.item_rest, rest, atol=1e-12)
    np.testing.assert_allclose(found.share, x.mean(axis=0) / top, atol=1e-12)
    np.testing.assert_allclose(found.mean, x.mean(axis=0), atol=1e-12)
    assert found.alpha == pytest.approx(alpha_of(np.cov(x.T)), abs=1e-12)
    without = [alpha_of(np.cov(np.delete(x, i, axis=1).T)) for i in range(9)]
    np.testing.assert_allclose(found.alpha_without, without, atol=1e-12)
    assert found.alpha_given == pytest.approx(found.alpha, abs=1e-12)
    order = np.argsort(total - x[:, 4], kind="stable")
    lower, upper = (x[order[part], 4].mean() / top[4] for part in (slice(100), slice(200, None)))
    np.testing.assert_allclose(found.thirds[4, [0, 2]], [lower, upper], atol=0.08)  # ties stay together
    z, n = 1.959963984540054, 300
    p = x[:, 0].mean()
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    assert found.share_high[0] - found.share_low[0] == pytest.approx(2 * half, abs=1e-12)
    narrow = found.share_high[2] - found.share_low[2]
    assert narrow < 2 * 1.05 * z * x[:, 2].std() / 3 / np.sqrt(n)


def test_alpha_of_incomplete_data_is_that_of_the_covariances_of_pairs() -> None:
    x = mixed().copy()
    x[np.random.default_rng(3).random(x.shape) < 0.3] = np.nan
    found = checked(x)
    assert found.alpha == pytest.approx(alpha_of(pd.DataFrame(x).cov().to_numpy()), abs=1e-12)
    assert found.alpha_given == pytest.approx(found.alpha, abs=0.2)
    assert found.alpha_given < found.alpha
    assert np.isnan(found.alpha_low)


def test_booklets_give_what_the_whole_test_would_give() -> None:
    """Strong persons with a hard booklet, weak ones with an easy one, common items between; a chain of three."""
    rng = np.random.default_rng(4)
    theta = np.repeat([-1.2, 0.0, 1.2], 800) + rng.normal(size=2400) * 0.6
    b = np.linspace(-2.5, 2.5, 24)
    full = (rng.random((2400, 24)) < 1 / (1 + np.exp(-1.3 * (theta[:, None] - b)))).astype(float)
    x = full.copy()
    for k in range(3):
        x[np.ix_(np.arange(800 * k, 800 * (k + 1)), np.r_[0 : 6 * k, 6 * k + 12 : 24])] = np.nan
    found = checked(x)
    assert found.n_given == 12
    by_hand = []
    for k in range(3):
        own = full[800 * k : 800 * (k + 1), 6 * k : 6 * k + 12]
        total = own.sum(axis=1)
        by_hand.append([np.corrcoef(own[:, i], total - own[:, i])[0, 1] for i in range(12)])
    # items of one booklet only: exactly the correlation within it
    np.testing.assert_allclose(found.item_rest[:6], by_hand[0][:6], atol=1e-9)
    np.testing.assert_allclose(found.item_rest[18:], by_hand[2][6:], atol=1e-9)
    # items of two: persons differ more than within either, so the relation is at least as strong
    assert (found.item_rest[6:12] > np.minimum(by_hand[0][6:], by_hand[1][:6])).all()
    assert set(found.verdicts) <= {"keep", "look"}
    assert found.alpha_given < found.alpha < 1


def test_order_of_persons_and_items_does_not_matter() -> None:
    x = pd.DataFrame(mixed(), columns=[f"q{k}" for k in range(9)], index=[f"p{k}" for k in range(300)])
    x = x.mask(np.random.default_rng(5).random(x.shape) < 0.2)
    found = checked(x)
    turned = checked(x.iloc[::-1, ::-1])
    for name in ("share", "item_rest", "alpha_without", "share_low", "thirds"):
        np.testing.assert_allclose(getattr(turned, name)[::-1], getattr(found, name), atol=1e-9)
    assert turned.verdicts[::-1] == found.verdicts


def test_a_test_without_faults_is_kept() -> None:
    rng = np.random.default_rng(6)
    found = [checked(drawn(rng, 300, 20, difficulty=np.linspace(-1.5, 1.5, 20))) for _ in range(5)]
    kept = [v for one in found for v in one.verdicts]
    assert kept.count("keep") >= 98
    assert "repair" not in kept
    assert not any(f.severity == "error" for one in found for f in one.findings)
    assert "responses.zero_tails" not in set().union(*map(codes, found))


@pytest.mark.parametrize(("persons", "items", "missing"), [(20, 25, 0.0), (60, 25, 0.0), (60, 80, 0.92), (100, 80, 0.9)])
def test_right_keys_raise_no_error(persons: int, items: int, missing: float) -> None:
    rng = np.random.default_rng(7)
    for _ in range(6):
        x = drawn(rng, persons, items, slope=1.0)
        x[rng.random(x.shape) < missing] = np.nan
        found = checked(x)
        assert not any(f.severity == "error" for f in (*found.findings, *found.reasons))
        assert all((v == "undecided") == (n < 30) for v, n in zip(found.verdicts, found.n, strict=True))


def with_options(rng: np.random.Generator, persons: int, *, wrong: bool) -> cdx.Responses:
    """Return answers A-D to 20 items with the key A; the first is keyed B, if so wanted."""
    right = drawn(rng, persons, 20, difficulty=np.linspace(-1.5, 1.5, 20)) == 1
    chosen = np.where(right, 0, rng.integers(1, 4, size=right.shape))
    points = np.where((np.arange(20) == 0) & wrong, chosen == 1, chosen == 0).astype(int)
    answers = RawAnswers(codes=chosen.astype(np.int32), vocabulary=(tuple("ABCD"),) * 20, kinds=(("text",) * 4,) * 20)
    return replace(cdx.load_responses(points), answers=answers)


def test_a_wrong_key_is_named_with_the_answer_that_behaves_like_it() -> None:
    data = with_options(np.random.default_rng(8), 300, wrong=True)
    with pytest.warns(cdx.CompetencyDxWarning, match=r"Probable wrong key: item1 .*item1 — A"):
        found = cdx.check_items(data)
    assert found.verdicts[0] == "repair"
    assert found.verdicts[1:].count("repair") == 0
    assert found.by_trouble[0] == 0
    assert found.suspected_keys == ("item1",)
    assert "'A' behaves like the key" in found.reason("item1")
    assert "ответ «A»" in found.reason("item1", "ru")
    assert "repair item1" in str(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
        calibration = cdx.calibrate(data, model="2PL")
    suspected = next(f for f in calibration.findings if f.code == "calibration.probable_wrong_key")
    assert suspected.scope == found.suspected_keys


def test_the_table_of_answers_counts_what_was_chosen() -> None:
    data = with_options(np.random.default_rng(9), 240, wrong=False)
    found = checked(data)
    table = found.options_frame().query("item == 'item7'").set_index("option")
    chosen = data.answers.codes[:, 6] if data.answers is not None else np.empty(0, dtype=np.int32)
    assert table["n"].tolist() == np.bincount(chosen).tolist()
    assert table["share"].sum() == pytest.approx(1.0)
    assert table["credited"].tolist() == [True, False, False, False]
    points = data.scores.astype(float)
    rest = points.sum(axis=1) - points[:, 6]
    for k, option in enumerate("ABCD"):
        took = chosen == k
        assert table.loc[option, "r"] == pytest.approx(np.corrcoef(took, rest)[0, 1], abs=1e-12)
        assert table.loc[option, "rest"] == pytest.approx(rest[took].mean() / 19, abs=1e-12)
    thirds = table[["low", "middle", "high"]]
    np.testing.assert_allclose(thirds.sum(), 1.0)
    assert thirds.loc["A"].is_monotonic_increasing
    assert found.thirds[6] == pytest.approx(thirds.loc["A"].to_numpy())


def test_a_second_right_answer_is_looked_at() -> None:
    rng = np.random.default_rng(10)
    data = with_options(rng, 600, wrong=False)
    assert data.answers is not None
    level = data.scores[:, 1:].sum(axis=1)
    chosen = data.answers.codes.copy()
    chosen[:, 0] = np.where(level > 11, np.where(rng.random(600) < 0.5, 0, 2), np.where(rng.random(600) < 0.3, 0, 1))
    scores = data.scores.copy()
    scores[:, 0] = chosen[:, 0] == 0
    found = checked(replace(data, scores=scores, answers=replace(data.answers, codes=chosen)))
    assert found.verdicts[0] == "look"
    assert "rival" in why(found, "item1")
    assert "'C'" in found.reason("item1")


def test_reasons_follow_their_rules() -> None:
    rng = np.random.default_rng(11)
    x = drawn(rng, 2000, 14, difficulty=np.linspace(-1.5, 1.5, 14))
    x[:, 0] = 1  # everybody right
    x[:, 1] = rng.random(2000) < 0.5  # measures nothing
    x[:, 2] = rng.random(2000) < 0.99
    x[:, 3] = rng.random(2000) < 0.01
    found = checked(pd.DataFrame(x, columns=[f"q{k}" for k in range(14)]))
    assert why(found, "q0") == {"constant"}
    assert why(found, "q1") == {"unrelated"}
    assert "easy" in why(found, "q2")
    assert "hard" in why(found, "q3")
    assert [found.verdicts[i] for i in found.by_trouble[:2]] == ["drop", "drop"]
    assert why(found, "q7") == {"sound"}


def test_what_is_missing_is_counted_by_its_reason() -> None:
    rng = np.random.default_rng(12)
    x = pd.DataFrame(drawn(rng, 200, 10), columns=[f"q{k}" for k in range(10)]).astype(int).astype(str)
    x.iloc[:60, 3] = "нет ответа"
    x.iloc[:80, 9] = "не дошел"
    x.iloc[100:, 5] = None
    found = checked(x)
    assert found.omitted[3] == pytest.approx(0.3)
    assert found.not_reached[9] == pytest.approx(0.4)
    assert found.n[[3, 5, 9]].tolist() == [200, 100, 120]
    assert "omitted" in why(found, "q3")
    assert "not_reached" in why(found, "q9")
    assert found.omitted[5] == 0.0


def test_few_answers_give_no_verdict() -> None:
    found = checked(drawn(np.random.default_rng(13), 12, 8))
    assert set(found.verdicts) == {"undecided"}
    assert "quality.few_answers" in codes(found)
    assert "12 answers" in found.reason("item1")
    assert "12 ответов" in found.reason("item1", "ru")
    rough = checked(drawn(np.random.default_rng(13), 40, 8))
    assert "quality.rough" in codes(rough)
    assert "quality.few_answers" not in codes(rough)
    alone = checked(drawn(np.random.default_rng(13), 50, 1))
    assert alone.verdicts == ("undecided",)
    assert np.isnan(alone.alpha)


def test_odd_tables_are_analysed_or_refused_in_a_sentence() -> None:
    x = drawn(np.random.default_rng(18), 50, 6)
    absent, empty = x.copy(), x.copy()
    absent[3], empty[:, 2] = np.nan, np.nan
    assert checked(absent).alpha == pytest.approx(checked(np.delete(x, 3, axis=0)).alpha, abs=1e-12)
    assert np.isfinite(checked(absent).alpha_low)
    assert checked(empty).verdicts[2] == "undecided"
    assert set(checked(np.ones((40, 5))).verdicts) == {"drop"}
    assert set(checked(x[:1]).verdicts) == {"undecided"}
    apart = np.full((60, 6), np.nan)
    apart[:30, :3], apart[30:, 3:] = x[:30, :3], x[:30, 3:]
    within = np.corrcoef(x[:30, 0], x[:30, 1] + x[:30, 2])[0, 1]
    assert checked(apart).item_rest[0] == pytest.approx(within, abs=1e-9)
    with pytest.raises(cdx.CompetencyDxError, match="0 persons and 6 items"):
        checked(cdx.load_responses(x).select(persons=[]))


def test_zeros_at_the_end_are_taken_for_a_shortage_of_time() -> None:
    rng = np.random.default_rng(5)
    x = drawn(rng, 400, 20, slope=1.0, difficulty=np.linspace(-1, 1, 20))
    reach = rng.integers(8, 21, 400)
    x[np.arange(20) >= reach[:, None]] = 0
    found = checked(pd.DataFrame(x, columns=[f"I{k}" for k in range(20)]))
    tail = next(f for f in found.findings if f.code == "responses.zero_tails")
    assert {"I15", "I16", "I17", "I18", "I19"} <= set(tail.scope)
    assert not {f"I{k}" for k in range(10)} & set(tail.scope)
    truth = (reach[:, None] <= np.arange(20)).mean(axis=0)
    np.testing.assert_allclose(found.in_tail[12:], truth[12:], atol=0.12)
    assert "zero_tail" in why(found, "I19")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
        calibration = cdx.calibrate(x, model="Rasch")
    assert "responses.zero_tails" in {f.code for f in calibration.findings}


def test_hard_last_items_are_no_shortage_of_time() -> None:
    rng = np.random.default_rng(14)
    tables = [drawn(rng, 400, 24, difficulty=np.linspace(-2, 2, 24)) for _ in range(6)]
    assert not any("responses.zero_tails" in codes(checked(x)) for x in tables)


def test_ceiling_and_floor_of_the_test() -> None:
    rng = np.random.default_rng(15)
    easy = checked(drawn(rng, 200, 6, difficulty=np.full(6, -2.5)))
    hard = checked(drawn(rng, 200, 6, difficulty=np.full(6, 2.5)))
    assert "quality.ceiling" in codes(easy)
    assert "quality.floor" not in codes(easy)
    assert "quality.floor" in codes(hard)


def test_with_a_bank_options_have_their_words_and_words_of_persons_stay_out() -> None:
    bank = cdx.load_bank("mathematics")
    rng = np.random.default_rng(16)
    single = next(i for i in bank.items if i.type == "single")
    text = next(i for i in bank.items if i.type == "text")
    other = next(i for i in bank.items if i.type == "number")
    options = list(single.options)[:-1]  # the last one is never chosen
    table = pd.DataFrame(
        {
            single.id: [options[k] for k in rng.integers(0, len(options), 80)],
            text.id: rng.choice(["Иванова Анна", "ответ", "не знаю", "окружность"], 80),
            other.id: ["2", str(other.key)] * 40,
        }
    )
    with pytest.warns(cdx.CompetencyDxWarning, match="personal data"):
        given = cdx.load_responses(table, bank=bank)
    found = checked(given, bank)
    mine = [o for o in found.options if o.item == single.id]
    assert [o.option for o in mine if o.n == 0] == [list(single.options)[-1]]
    assert {o.text for o in mine} == set(single.options.values())
    assert not [o for o in found.options if o.item == text.id]
    assert "Иванова" not in found.to_json()


def test_a_long_table_takes_time_in_proportion() -> None:
    """Ten times the persons, on whatever machine: ten times the processor time, not a hundred times."""
    import time

    x, taken = drawn(np.random.default_rng(17), 25_000, 60), {}
    for persons in (2_500, 25_000):
        data = cdx.load_responses(x[:persons])
        start = time.process_time()
        checked(data)
        taken[persons] = time.process_time() - start
    assert taken[25_000] < 40 * taken[2_500]
