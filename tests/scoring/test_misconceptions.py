"""Misconceptions: the likelihood from first principles, its derivatives, recovery, probabilities that come true, honest gaps."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

import competency_dx as cdx
from competency_dx.bank import Item, ItemBank, ParameterRecord, Text
from competency_dx.errors import CompetencyDxWarning, ScoringError
from competency_dx.kernels.classes import misconception_mixture as mixture
from competency_dx.misconceptions.api import REASONS, STATES, MisconceptionEvidence, MisconceptionRule, find_misconceptions
from competency_dx.misconceptions.estimation import read_marked

MakeBank = Callable[..., ItemBank]
Quiet = Callable[[], Any]


# --- the kernel against first principles ----------------------------------------------------------------------------------


def small_problem(seed: int, persons: int = 40) -> mixture.MixtureProblem:
    """Three items of three wrong options, two misconceptions that share the first item."""
    rng = np.random.default_rng(seed)
    z = np.linspace(-3, 3, 7)
    weights = rng.dirichlet(np.ones(7), persons)
    marks = np.zeros((9, 2))
    marks[[0, 3], 0] = marks[[1, 7], 1] = 1
    chosen = np.zeros((persons, 9))
    for i in range(3):
        who = np.flatnonzero(rng.random(persons) < 0.8)
        chosen[who, 3 * i + rng.integers(0, 3, len(who))] = 1
    choices = mixture.Choices(np.eye(9), marks, np.array([0, 3, 6]), csr_array(chosen))
    return mixture.MixtureProblem(choices, mixture.AbilityWeights(z, weights), np.zeros(24), np.full(24, 1.5))


def naive_person(problem: mixture.MixtureProblem, psi: np.ndarray, p: int) -> np.ndarray:
    """Return the joint mass of each state (C,) for one person, by loops over points, states and items."""
    of, z, choices = mixture.parts(psi, 2), problem.persons.z, problem.choices
    row = choices.chosen.toarray()[p]
    out = []
    for state in itertools.product((0, 1), repeat=2):
        held = state[::-1]  # the first misconception varies fastest
        mass = 0.0
        for q, point in enumerate(z):
            factor = problem.persons.weights[p, q]
            for m in range(2):
                share = 1 / (1 + math.exp(-(of.level[m] + of.slope[m] * point)))
                factor *= share if held[m] else 1 - share
            for first in (0, 3, 6):
                utility = [
                    math.exp(of.base[n] + of.trend[n] * point + sum(of.strength[m] * held[m] * choices.marks[n, m] for m in range(2)))
                    for n in range(first, first + 3)
                ]
                for k in range(3):
                    if row[first + k]:
                        factor *= utility[k] / sum(utility)
            mass += factor
        out.append(mass)
    return np.array(out)


def test_likelihood_and_posterior_are_those_of_plain_loops() -> None:
    problem = small_problem(1)
    psi = np.random.default_rng(2).normal(size=24) * 0.7
    step = mixture.e_step(psi, problem)
    masses = np.array([naive_person(problem, psi, p) for p in range(40)])
    assert step.log_likelihood == pytest.approx(np.log(masses.sum(axis=1)).sum(), abs=1e-10)
    np.testing.assert_allclose(step.posterior, masses / masses.sum(axis=1, keepdims=True), atol=1e-12)


@pytest.mark.parametrize("seed", [3, 4])
def test_gradient_and_information_are_finite_differences(seed: int) -> None:
    problem, h = small_problem(seed), 1e-5
    psi = np.random.default_rng(seed).normal(size=24) * 0.5

    def slope(x: np.ndarray) -> np.ndarray:
        return mixture.gradient(x, problem, mixture.e_step(x, problem))

    def height(x: np.ndarray) -> float:
        return mixture.e_step(x, problem).log_likelihood

    steps = h * np.eye(24)
    np.testing.assert_allclose(slope(psi), [(height(psi + e) - height(psi - e)) / (2 * h) for e in steps], atol=1e-7)
    bend = mixture.information(psi, problem, mixture.e_step(psi, problem))
    np.testing.assert_allclose(bend, [(slope(psi - e) - slope(psi + e)) / (2 * h) for e in steps], atol=1e-6)


def test_information_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = small_problem(5)
    psi = np.random.default_rng(5).normal(size=24) * 0.5
    whole = mixture.information(psi, problem, mixture.e_step(psi, problem))
    monkeypatch.setattr(mixture, "CELLS", 5000)
    np.testing.assert_allclose(mixture.information(psi, problem, mixture.e_step(psi, problem)), whole, atol=1e-10)


def test_the_fit_is_a_mode() -> None:
    problem, rng = small_problem(7, persons=150), np.random.default_rng(7)
    fit = mixture.polish(mixture.search(np.zeros(24), problem, 500)[0], problem, 1e-6, 15)
    assert fit.decrement < 1e-6
    error = np.sqrt(np.diag(fit.covariance))
    for _ in range(100):
        psi = fit.psi + 0.3 * error * rng.normal(size=24)
        height = mixture.log_posterior(psi, problem)[1]
        assert height < fit.log_posterior
    assert (fit.prior_share > 0).all()
    assert (fit.prior_share <= 1).all()


def test_misconceptions_without_shared_items_factorise_where_ability_is_known() -> None:
    """At one point of the scale the joint model of two is the product of the models of one."""
    rng = np.random.default_rng(6)
    chosen = np.zeros((30, 12))
    for i in range(4):
        chosen[np.arange(30), 3 * i + rng.integers(0, 3, 30)] = 1
    marks = np.zeros((12, 2))
    marks[[0, 3], 0] = marks[[6, 9], 1] = 1
    persons = mixture.AbilityWeights(np.zeros(1), np.ones((30, 1)))
    psi = rng.normal(size=6 + 24) * 0.5
    own = mixture.parts(psi, 2)

    def problem(m: list[int], n: slice) -> tuple[np.ndarray, mixture.MixtureProblem]:
        part = np.concatenate([x[m] for x in (own.level, own.slope, np.log(own.strength))] + [own.base[n], own.trend[n]])
        size = len(range(*n.indices(12)))
        choices = mixture.Choices(np.eye(size), marks[n][:, m], np.arange(0, size, 3), csr_array(chosen[:, n]))
        return part, mixture.MixtureProblem(choices, persons, np.zeros(len(part)), np.ones(len(part)))

    both = mixture.e_step(*problem([0, 1], slice(0, 12)))
    one, two = mixture.e_step(*problem([0], slice(0, 6))), mixture.e_step(*problem([1], slice(6, 12)))
    assert both.log_likelihood == pytest.approx(one.log_likelihood + two.log_likelihood, abs=1e-10)
    product = np.einsum("pa,pb->pba", one.posterior, two.posterior).reshape(30, 4)
    np.testing.assert_allclose(both.posterior, product, atol=1e-12)


@given(seed=st.integers(0, 10_000), item=st.sampled_from([0, 3]), instead=st.sampled_from([1, 2]))
def test_choosing_a_marked_option_instead_of_another_never_lowers_the_probability(seed: int, item: int, instead: int) -> None:
    """With one misconception and distractors that do not lean on ability."""
    problem = small_problem(seed % 7, persons=12)
    choices = problem.choices._replace(marks=problem.choices.marks[:, :1])
    psi = np.random.default_rng(seed).normal(size=21)
    psi[1], psi[12:] = 0.0, 0.0
    row = choices.chosen.toarray()
    row[:, item : item + 3] = 0

    def held(option: int) -> np.ndarray:
        table = row.copy()
        table[:, item + option] = 1
        found = problem._replace(choices=choices._replace(chosen=csr_array(table)))
        return mixture.e_step(psi, found).posterior[:, 1]

    assert (held(0) > held(instead)).all()


# --- simulated persons ----------------------------------------------------------------------------------------------------


class Truth(NamedTuple):
    bank: ItemBank
    raw: pd.DataFrame
    held: np.ndarray  # (P, M)


class Design(NamedTuple):
    """Items are single choice, "1" the key; `marks` gives each marked item its options and their misconceptions."""

    marks: tuple[dict[str, str], ...]
    prevalence: tuple[float, ...]
    strength: tuple[float, ...]
    slope: float = 0.0
    fillers: int = 8


def made(make_bank: MakeBank, design: Design, persons: int, seed: int) -> Truth:
    """Simulate from the model, by code of its own."""
    rng = np.random.default_rng(seed)
    codes = [f"m{k}" for k in range(len(design.prevalence))]
    marks = [*design.marks, *({} for _ in range(design.fillers))]
    theta = rng.normal(size=persons)
    logits = np.log(np.array(design.prevalence) / (1 - np.array(design.prevalence)))
    held = rng.random((persons, len(codes))) < 1 / (1 + np.exp(-(logits + design.slope * theta[:, None])))
    raw, items, records = {}, [], []
    for i, marked in enumerate(marks):
        name, difficulty = f"i{i}", float(rng.uniform(-1, 1.2))
        right = rng.random(persons) < 1 / (1 + np.exp(-(theta - difficulty)))
        utility = np.tile(rng.normal(0, 0.5, 3), (persons, 1))
        for option, code in marked.items():
            m = codes.index(code)
            utility[:, int(option) - 2] += design.strength[m] * held[:, m]
        wrong = (utility + rng.gumbel(size=utility.shape)).argmax(axis=1) + 2
        raw[name] = np.where(right, "1", wrong.astype(str))
        items.append(choice_item(name, marked))
        records.append(ParameterRecord(item=name, model="2PL", a=1.0, b=(difficulty,), status="calibrated"))
    titles = {c: Text(ru=f"Заблуждение {c}", en=f"Misconception {c}") for c in codes}
    frame = pd.DataFrame({"person": [f"p{k}" for k in range(persons)], **raw})
    return Truth(make_bank(items, records, misconceptions=titles), frame, held)


def choice_item(name: str, marked: dict[str, str]) -> Item:
    options = {"1": "right", "2": "wrong two", "3": "wrong three", "4": "wrong four"}
    return Item(id=name, type="single", options=options, key="1", competencies={"S.1.1": 1.0}, misconception_codes=marked)


SIX = Design(marks=({"2": "m0"},) * 6, prevalence=(0.3,), strength=(2.5,), slope=-0.5)
NONE = Design(marks=({"2": "m0"},) * 6, prevalence=(0.3,), strength=(0.0,))


@pytest.fixture(scope="module")
def recovered(make_bank: MakeBank, quiet: Quiet) -> list[tuple[Truth, MisconceptionEvidence]]:
    out = []
    for seed in range(4):
        truth = made(make_bank, SIX, 1000, seed)
        with quiet():
            out.append((truth, find_misconceptions(truth.raw, truth.bank)))
    return out


def test_parameters_are_recovered_within_their_errors(recovered: list[tuple[Truth, MisconceptionEvidence]]) -> None:
    z = []
    for truth, found in recovered:
        p = found.parameters
        assert p.standing == ("estimated",)
        for pair, true in ((p.level, math.log(0.3 / 0.7)), (p.slope, -0.5), (p.strength, 2.5)):
            z.append((pair[0, 0] - true) / pair[0, 1])
        z.append((p.prevalence[0, 0] - truth.held.mean()) / p.prevalence[0, 1])
    assert np.abs(z).max() < 3
    assert np.sqrt(np.mean(np.square(z))) < 1.5


def test_probabilities_come_true(recovered: list[tuple[Truth, MisconceptionEvidence]]) -> None:
    """In each tenth, as many hold the misconception as the probabilities say, within 99.9 % of the binomial error."""
    probability = np.concatenate([found.probability[:, 0] for _, found in recovered])
    held = np.concatenate([truth.held[:, 0] for truth, _ in recovered])
    tenth = np.minimum((10 * probability).astype(int), 9)
    assert (np.bincount(tenth, minlength=10) > 50).all()
    for k in range(10):
        chosen = tenth == k
        p = probability[chosen]
        error = math.sqrt(float((p * (1 - p)).sum())) / chosen.sum()
        assert held[chosen].mean() == pytest.approx(p.mean(), abs=3.3 * error), k


def test_probabilities_sharpen_the_prior(recovered: list[tuple[Truth, MisconceptionEvidence]]) -> None:
    """Options chosen tell more than scores: the mean logarithmic loss falls, by a quarter at least in this design."""
    for truth, found in recovered:
        held = truth.held[:, 0]
        loss = [-np.log(np.where(held, p, 1 - p)).mean() for p in (found.probability[:, 0], found.prior[:, 0])]
        assert loss[0] < 0.75 * loss[1]


def test_without_an_effect_almost_nobody_is_reported(make_bank: MakeBank, quiet: Quiet) -> None:
    statistics, reported = [], 0.0
    for seed in range(36):
        truth = made(make_bank, NONE, 400, 100 + seed)
        with quiet():
            found = find_misconceptions(truth.raw, truth.bank)
        statistics.append(found.parameters.association[0])
        reported += float((found.state > 0).mean()) / 36
        assert found.parameters.standing[0] in {"not_seen", "estimated"}
    assert reported < 0.03
    assert abs(np.mean(statistics)) < 3 / math.sqrt(36)
    assert 0.7 < np.std(statistics) < 1.3


def test_misconceptions_that_share_items_are_told_apart(make_bank: MakeBank, quiet: Quiet) -> None:
    design = Design(marks=({"2": "m0", "3": "m1"},) * 6, prevalence=(0.3, 0.2), strength=(2.5, 2.5), fillers=6)
    truth = made(make_bank, design, 1200, 8)
    with quiet():
        found = find_misconceptions(truth.raw, truth.bank)
    p = found.parameters
    assert p.standing == ("estimated", "estimated")
    for m in range(2):
        assert abs(p.strength[m, 0] - 2.5) < 3 * p.strength[m, 1]
        assert abs(p.prevalence[m, 0] - truth.held[:, m].mean()) < 3 * p.prevalence[m, 1]
        likely = found.state[:, m] == 2
        assert likely.sum() > 50
        assert truth.held[likely, m].mean() > 0.75


# --- what is told ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(make_bank: MakeBank, quiet: Quiet) -> tuple[Truth, MisconceptionEvidence]:
    """Five items of one misconception, one item of another, 300 persons; the last one answered nothing marked."""
    design = Design(marks=({"2": "m0", "3": "m1"}, *({"2": "m0"},) * 4), prevalence=(0.4, 0.2), strength=(3.0, 2.0))
    truth = made(make_bank, design, 300, 11)
    truth.raw.loc[299, [f"i{k}" for k in range(5)]] = None
    with quiet():
        return truth, find_misconceptions(truth.raw, truth.bank)


def test_the_table_has_a_row_per_person_and_misconception(shown: tuple[Truth, MisconceptionEvidence]) -> None:
    truth, found = shown
    frame = found.to_frame()
    assert list(frame.columns) == [
        "person", "misconception", "title", "probability", "prior", "evidence", "n_chances", "state", "reason",
    ]  # fmt: skip
    assert len(frame) == 600
    assert set(frame["state"]) <= set(STATES)
    assert frame["title"][0] == "Заблуждение m0"
    first = truth.raw.iloc[0]
    expected = [f"i{k}:2" for k in range(5) if first[f"i{k}"] == "2"]
    assert frame["evidence"][0] == "; ".join(expected)
    assert frame["n_chances"][0] == sum(first[f"i{k}"] != "1" for k in range(5))


def test_states_follow_the_thresholds(shown: tuple[Truth, MisconceptionEvidence]) -> None:
    frame = shown[1].to_frame()
    one = frame[frame["misconception"] == "m0"]
    enough = one["n_chances"] >= 2
    assert ((one["state"] == "likely") == (enough & (one["probability"] >= 0.8))).all()
    assert ((one["state"] == "unlikely") == (enough & (one["probability"] <= 0.2))).all()
    assert ((one["reason"] == "few_chances") == ~enough).all()
    assert ((one["reason"] == "") == (one["state"] != "not enough evidence")).all()
    assert {"likely", "unlikely", "not enough evidence"} == set(one["state"])


def test_one_item_is_not_enough(shown: tuple[Truth, MisconceptionEvidence]) -> None:
    found = shown[1]
    frame = found.to_frame()
    other = frame[frame["misconception"] == "m1"]
    assert found.parameters.standing == ("estimated", "one_item")
    assert other["probability"].isna().all()
    assert (other["reason"] == "one_item").all()
    assert (other["evidence"] == "i0:3").sum() == (shown[0].raw["i0"] == "3").sum()
    finding = next(f for f in found.findings if f.code == "misconceptions.one_item")
    assert finding.scope == ("m1",)
    assert "only one item" in finding.en
    assert "только одно задание" in finding.ru


def test_without_marked_answers_the_probability_is_the_prior(shown: tuple[Truth, MisconceptionEvidence]) -> None:
    found = shown[1]
    assert found.n_chances[299, 0] == 0
    assert found.probability[299, 0] == found.prior[299, 0]
    assert found.to_frame()["reason"][598] == "few_chances"


def test_a_sentence_in_both_languages(shown: tuple[Truth, MisconceptionEvidence]) -> None:
    found = shown[1]
    p = int(np.argmax(found.probability[:, 0]))
    person = str(found.persons[p])
    assert found.explain(person, "m0").startswith(f"{person}, «Misconception m0»: likely, P = ")
    assert found.explain(person, "m0", "ru").startswith(f"{person}, «Заблуждение m0»: вероятно, P = ")
    assert found.explain(person, "m1").endswith("(only one item tells of it, two are needed)")
    with pytest.raises(ScoringError, match="no person 'nobody' with misconception 'm0'"):
        found.explain("nobody", "m0")


def test_result_is_frozen_and_comes_back_from_json(shown: tuple[Truth, MisconceptionEvidence]) -> None:
    found = shown[1]
    with pytest.raises(FrozenInstanceError):
        found.likely = 0.5  # type: ignore[misc]  # that is the point
    for array in (found.probability, found.prior, found.n_chances, found.ticked, found.parameters.strength):
        assert not array.flags.writeable
    text = found.to_json()
    again = MisconceptionEvidence.from_json(text)
    assert again.to_json() == text
    pd.testing.assert_frame_equal(again.to_frame(), found.to_frame())
    pd.testing.assert_frame_equal(again.parameters_frame(), found.parameters_frame())
    assert json.loads(text)["provenance"]["settings"]["likely"] == "0.8"
    assert len(str(found).splitlines()) <= 12
    assert "<table" in found._repr_html_()
    for kind in found.chart_kinds():
        assert found.plot(kind).axes[0].has_data()


def test_the_same_data_give_the_same_bytes_and_order_does_not_matter(shown: tuple[Truth, MisconceptionEvidence], quiet: Quiet) -> None:
    truth, found = shown
    rng = np.random.default_rng(1)
    order = rng.permutation(300)
    mixed = truth.raw.iloc[order, [0, *(1 + rng.permutation(truth.raw.shape[1] - 1))]]
    with quiet():
        assert find_misconceptions(truth.raw, truth.bank).to_json() == found.to_json()
        other = find_misconceptions(mixed, truth.bank)
    np.testing.assert_allclose(other.parameters.level, found.parameters.level, atol=1e-4)
    np.testing.assert_allclose(other.parameters.strength, found.parameters.strength, atol=1e-4)
    # The draws that average the parameters out stand for other options then.
    np.testing.assert_allclose(other.prior[:, 0], found.prior[order, 0], atol=0.03)
    assert (other.n_chances == found.n_chances[order]).all()


def test_a_calibration_may_bring_the_parameters(shown: tuple[Truth, MisconceptionEvidence], quiet: Quiet) -> None:
    truth, found = shown
    with quiet():
        data = cdx.load_responses(truth.raw, bank=truth.bank)
        own = find_misconceptions(data, truth.bank, cdx.calibrate(data, model="Rasch"))
    assert own.provenance.inputs["parameters"] != found.provenance.inputs["parameters"]
    both = np.corrcoef(own.probability[:, 0], found.probability[:, 0])[0, 1]
    assert both > 0.95


def test_answers_in_words_are_the_same_answers(shown: tuple[Truth, MisconceptionEvidence], quiet: Quiet) -> None:
    truth, found = shown
    words = truth.bank.items[0].options
    raw = truth.raw.copy()
    raw["i0"] = [words.get(x) for x in raw["i0"]]
    with quiet():
        other = find_misconceptions(raw, truth.bank)
    np.testing.assert_array_equal(other.probability, found.probability)


# --- multiple choice and the shipped bank ---------------------------------------------------------------------------------


def test_alternatives_of_multiple_choice_are_the_sets_that_earn_the_same(quiet: Quiet) -> None:
    """MAT-009: the key is 1 3 6 and one error costs one of two points."""
    bank = cdx.load_bank("mathematics")
    with quiet():
        data = cdx.load_responses(pd.DataFrame({"person": ["a", "b", "c"], "MAT-009": ["1236", "25", "136"]}), bank=bank)
    items, ticked, wide = read_marked(data, bank)
    item = items[0]
    sets: dict[bool, list[set[str]]] = {True: [], False: []}
    for size in range(1, 7):
        for chosen in itertools.combinations("123456", size):
            extras, missed = len(set(chosen) - set("136")), len(set("136") - set(chosen))
            if max(extras, missed) > 0:
                sets[max(extras, missed) == 1].append(set(chosen))
    drawn = [{o for o, t in zip(item.options, row, strict=True) if t} for row in item.ticks]
    first = item.first[1]
    assert sorted(map(sorted, drawn[:first])) == sorted(map(sorted, sets[False]))
    assert sorted(map(sorted, drawn[first:])) == sorted(map(sorted, sets[True]))
    code = list(bank.misconceptions).index("modulus-lost")
    assert item.marks[:, code].tolist() == [len(d & {"2", "5"}) for d in drawn]
    assert [drawn[n] if n >= 0 else None for n in item.picked] == [set("1236"), set("25"), None]
    who = {option: persons.tolist() for option, (_, persons) in ticked.items()}
    assert who == {"MAT-009:2": [True, True, False], "MAT-009:5": [False, True, False]}
    assert wide == ()


def test_items_whose_wrong_options_all_name_it_tell_nothing(quiet: Quiet) -> None:
    bank = cdx.load_bank("mathematics")
    raw = pd.DataFrame({"person": ["a", "b", "c"], "MAT-036": ["2", "3", "1"], "MAT-003": ["1", "4", "2"]})
    with quiet():
        found = find_misconceptions(raw, bank)
    standing = dict(zip(found.misconceptions, found.parameters.standing, strict=True))
    assert standing == {
        "percent-and-point": "one_item",
        "modulus-lost": "no_item",
        "inner-derivative-lost": "no_item",
        "order-counted": "no_item",
    }
    frame = found.to_frame().set_index(["person", "misconception"])
    assert frame.loc[("a", "order-counted"), "evidence"] == "MAT-036:2"
    assert frame.loc[("a", "order-counted"), "n_chances"] == 0
    assert (frame["state"] == "not enough evidence").all()
    assert set(standing.values()) <= set(REASONS)


def test_few_persons_are_not_enough(make_bank: MakeBank, quiet: Quiet) -> None:
    truth = made(make_bank, SIX, 15, 3)
    with quiet():
        assert find_misconceptions(truth.raw, truth.bank).parameters.standing == ("few_answers",)


def test_two_items_rest_on_priors_and_say_so(make_bank: MakeBank) -> None:
    truth = made(make_bank, Design(marks=({"2": "m0"},) * 2, prevalence=(0.4,), strength=(2.0,)), 600, 7)
    data = cdx.load_responses(truth.raw, bank=truth.bank)
    with pytest.warns(CompetencyDxWarning, match=r"rests on its priors by \d+ %"):
        found = find_misconceptions(data, truth.bank)
    assert found.parameters.prior_share[0] > 0.3


# --- what is refused ------------------------------------------------------------------------------------------------------


def test_points_banks_without_misconceptions_and_other_things_are_refused(make_bank: MakeBank, quiet: Quiet) -> None:
    truth = made(make_bank, SIX, 15, 3)
    plain = replace(truth.bank, items=tuple(choice_item(i.id, {}) for i in truth.bank.items))
    plain = replace(plain, header=plain.header.model_copy(update={"misconceptions": {}}))
    with pytest.raises(ScoringError, match="declares no misconceptions"):
        find_misconceptions(truth.raw, plain)
    with pytest.raises(ScoringError, match="hold points, not answers"):
        find_misconceptions(cdx.simulate(truth.bank, 5, rng=np.random.default_rng(1)), truth.bank)
    with pytest.raises(ScoringError, match="bank= takes ItemBank, got 'mathematics'"):
        find_misconceptions(truth.raw, "mathematics")  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"likely": 0.2, "unlikely": 0.2}, "must be probabilities, the first below the second"),
        ({"likely": 1.2}, "must be probabilities"),
        ({"least_chances": 0}, "least_chances=0"),
        ({"significance": 0.5}, "significance=0.5"),
    ],
)
def test_rules_that_make_no_sense_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ScoringError, match=message):
        MisconceptionRule(**fields)


def test_a_stricter_rule_changes_states_and_no_probability(make_bank: MakeBank, quiet: Quiet) -> None:
    truth = made(make_bank, SIX, 300, 4)
    with quiet():
        loose = find_misconceptions(truth.raw, truth.bank)
        strict = find_misconceptions(truth.raw, truth.bank, rule=MisconceptionRule(likely=0.95, unlikely=0.05))
    np.testing.assert_array_equal(loose.probability, strict.probability)
    assert (strict.state > 0).sum() < (loose.state > 0).sum()
