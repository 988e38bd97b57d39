"""Linking: constants and errors of R equateIRT, equivalences, known changes of scale found again, drift named."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import competency_dx as cdx
from competency_dx.engine import ItemErrors
from competency_dx.errors import CompetencyDxWarning, LinkingError
from competency_dx.linking import Haebara, MeanMean, MeanSigma, StockingLord, compare_links, equate
from competency_dx.linking.api import Scale, _covariance, step
from competency_dx.linking.choices import LinkMethod, by_category, by_test, least
from competency_dx.linking.equating import equipercentile, observed_scores, true_scores
from competency_dx.models import ItemParameters, NormalPopulation, expected_scores, moved

Array = NDArray[np.float64]
METHODS: dict[str, LinkMethod] = {
    "mean-mean": MeanMean(),
    "mean-sigma": MeanSigma(),
    "Haebara": Haebara(),
    "Stocking-Lord": StockingLord(),
}


def form(values: dict[str, Any]) -> ItemParameters:
    """Return the items of a form of equateIRT."""
    names, x = values["names"], np.array(values["values"], dtype=np.float64)
    items = [n.split(".", 1)[1] for n in names if n.startswith("Dffclt")]
    guessed, free = any(n.startswith("Gussng") for n in names), any(n.startswith("Dscrmn") for n in names)
    b = x[[names.index(f"Dffclt.{i}") for i in items]]
    a = x[[names.index(f"Dscrmn.{i}") for i in items]] if free else np.ones(len(b))
    c = x[[names.index(f"Gussng.{i}") for i in items]] if guessed else None
    return of_numbers(items, a, b, c, "3PL" if guessed else "2PL" if free else "Rasch")


def of_numbers(items: Sequence[str], a: Array, b: Array, c: Array | None, family: str) -> ItemParameters:
    N, E = len(items), int(c is not None)
    return ItemParameters(
        items=tuple(items),
        families=(family,) * N,
        statuses=("calibrated",) * N,
        n_categories=np.full(N, 2),
        slopes=a[:, None],
        intercepts=np.stack([np.zeros(N), -a * b], axis=1),
        extras=np.zeros((N, 0)) if c is None else np.log(c / (1 - c))[:, None],
        covariance=np.zeros((N, 2 + E, 2 + E)),
        population=NormalPopulation(dimensions=("theta",), mean=np.zeros(1), covariance=np.eye(1)),
    )


def scale(values: dict[str, Any]) -> Scale:
    """Return a form of equateIRT with the covariance of (a, -a b, logit c) of all its items together."""
    names, x, items = values["names"], np.array(values["values"], dtype=np.float64), form(values)
    kinds = [k for k in ("Dscrmn", "Dffclt", "Gussng") if f"{k}.{items.items[0]}" in names]
    column = [{"Dscrmn": 0, "Dffclt": 1, "Gussng": 2}[k] for k in kinds]
    at = np.array([[names.index(f"{kind}.{i}") for kind in kinds] for i in items.items])
    change = np.zeros((at.size, at.size))
    for k, row in enumerate(at):
        a, b = items.slope[k], x[row[kinds.index("Dffclt")]]
        by = {"Dscrmn": [1.0, -b, 0.0], "Dffclt": [0.0, -a, 0.0]}
        if "Gussng" in kinds:
            by["Gussng"] = [0.0, 0.0, 1 / (x[row[2]] * (1 - x[row[2]]))]
        part = slice(k * len(kinds), (k + 1) * len(kinds))
        change[part, part] = np.array([by[kind] for kind in kinds]).T[column]
    covariance = change @ np.array(values["cov"])[np.ix_(at.ravel(), at.ravel())] @ change.T
    return Scale("", items, ItemErrors(covariance, np.repeat(np.arange(len(at)), len(kinds)), np.tile(column, len(at))))


def theirs_of(shared: Callable[[str], Path], package: str = "equateIRT") -> dict[str, Any]:
    content: dict[str, Any] = json.loads(shared("linking.json").read_text(encoding="utf-8"))[package]
    return content


@pytest.mark.parametrize("data", ["est2pl", "est3pl", "estrasch"])
@pytest.mark.parametrize("name", METHODS)
def test_constants_and_their_errors_are_those_of_equateirt(data: str, name: str, shared: Callable[[str], Path]) -> None:
    reference = theirs_of(shared)[data]
    quadrature = "Gauss-Hermite 30" if name in {"Haebara", "Stocking-Lord"} else "none"
    theirs = next(c for c in reference["constants"] if c["method"] == name and c["quadrature"].startswith(quadrature))
    scales = [scale(reference["forms"][name]) for name in ("test1", "test2")]
    found = step(scales[0], scales[1], METHODS[name], ())
    assert abs(found.slope - theirs["A"]) < 1e-7
    assert abs(found.intercept - theirs["B"]) < 1e-7
    if name == "mean-sigma":  # its derivative of a standard deviation divides by n what was made with n - 1: done likewise here
        mean = scales[0].items.take(found.rows[0]).difficulties.mean()
        for gradient in found.gradients:
            gradient[1] += mean * gradient[0] / len(found.items)
            gradient[0] -= gradient[0] / len(found.items)
    ours = _covariance(scales, [found], np.ones(1))
    np.testing.assert_allclose(np.sqrt(np.diag(ours)), [theirs["seA"], theirs["seB"]], rtol=1e-5)
    np.testing.assert_allclose(ours[0, 1], theirs["covAB"], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("data", ["est2pl", "est3pl"])
def test_a_chain_of_five_forms_has_constants_and_errors_of_equateirt(data: str, shared: Callable[[str], Path]) -> None:
    """Forms in the middle enter the steps on both of their sides, so errors of steps do not just add up."""
    reference = theirs_of(shared)[data]
    theirs, scales = reference["chain"], [scale(reference["forms"][f"test{k}"]) for k in range(1, 6)]
    steps = [step(a, b, Haebara(), ()) for a, b in pairwise(scales)]
    later = np.append(np.cumprod([s.slope for s in steps[:0:-1]])[::-1], 1.0)
    assert abs(float(np.prod([s.slope for s in steps])) - theirs["A"]) < 1e-6
    assert abs(float(later @ [s.intercept for s in steps]) - theirs["B"]) < 1e-6
    ours = _covariance(scales, steps, later)
    np.testing.assert_allclose(np.sqrt(np.diag(ours)), [theirs["seA"], theirs["seB"]], rtol=1e-5)
    np.testing.assert_allclose(ours[0, 1], theirs["covAB"], rtol=1e-5)


def test_six_grades_and_the_book_have_the_constants_of_plink(shared: Callable[[str], Path]) -> None:
    """Characteristic curves over 161 points of equal weight, as plink takes them."""
    reference, points = theirs_of(shared, "plink"), (np.linspace(-4, 4, 161), np.full(161, 1 / 161))
    grades = reference["TK07"]
    for k in range(3, 8):
        of = {g: {n: np.array(x, dtype=np.float64) for n, x in grades["pars"][f"grade{g}"].items()} for g in (k, k + 1)}
        at = grades["common"][f"g{k}.g{k + 1}"]
        pair = [
            of_numbers(list(map(str, at["lower"])), 1.7 * of[g]["a"][r], of[g]["b"][r], of[g]["c"][r], "3PL")
            for g, r in ((k + 1, np.array(at["upper"]) - 1), (k, np.array(at["lower"]) - 1))
        ]
        theirs = next(v for name, v in grades["constants"].items() if name.startswith(f"grade{k + 1}/"))
        ways = [METHODS[m].constants(pair[0], pair[1]) for m in ("mean-mean", "mean-sigma")]
        ways += [least(pair[0], pair[1], points, pool, ways[0]) for pool in (by_category, by_test)]
        apart = np.abs(np.array(ways) - np.stack([theirs["A"], theirs["B"]], axis=1))
        assert apart[:2].max() < 1e-6  # as many digits as it prints
        assert apart[2:].max() < 3e-4  # its minimum of the curves is looked for to that


@pytest.mark.parametrize("data", ["est2pl", "est3pl"])
@pytest.mark.parametrize("weight", [None, 0.5, 1.0])
def test_equivalent_points_and_their_errors_are_those_of_equateirt(
    data: str, weight: float | None, shared: Callable[[str], Path]
) -> None:
    """Theirs turns points of the second form into points of the first: ours with the link turned round."""
    reference = theirs_of(shared)[data]
    first, second = (scale(reference["forms"][name]) for name in ("test1", "test2"))
    linked = step(first, second, StockingLord(), ())
    A, B = linked.slope, linked.intercept
    forms, turned = (second.items, first.items), (1 / A, -B / A)
    y, by_constants, *sides = true_scores(*forms, turned) if weight is None else observed_scores(*forms, turned, weight)
    by_constants = by_constants @ np.array([[-1 / A**2, 0], [B / A**2, -1 / A]])
    for side, rows, gradient in zip(sides[::-1], linked.rows, linked.gradients, strict=True):
        side[:, rows] += np.tensordot(by_constants, gradient, 1)
    se = np.sqrt(np.diag(second.errors.variance(sides[0]) + first.errors.variance(sides[1])))
    table = reference["score_equating"]["Stocking-Lord"]
    theirs = table["true_score"] if weight is None else table["observed_score"]["table"] if weight < 1 else table["observed_score_w1"]
    at = np.array(theirs["test2"])
    np.testing.assert_allclose(y[at], theirs["test1.as.test2"], atol=1e-6)
    np.testing.assert_allclose(se[at], theirs["StdErr"], rtol=1e-5, atol=1e-9)


def test_equivalent_points_of_the_book_are_those_of_plink(shared: Callable[[str], Path]) -> None:
    book = theirs_of(shared, "plink")["KB04"]
    x, y = (
        of_numbers([f"{n}" for n in range(36)], 1.7 * np.array(f["a"]), np.array(f["b"]), np.array(f["c"]), "3PL")
        for f in (book["form_x"], book["form_y"])
    )
    kept = [k for k, n in enumerate(book["common"]["x"]) if n != 27]
    common = [x.take(np.array(book["common"]["x"])[kept] - 1), y.take(np.array(book["common"]["y"])[kept] - 1)]
    at = MeanSigma().constants(common[0], common[1])
    np.testing.assert_allclose(at, [book["constants"]["without_item27"][n][1] for n in "AB"], atol=1e-6)
    np.testing.assert_allclose(true_scores(x, y, at)[0], book["equating"]["true_score"]["group2"], atol=2e-5)


def test_percentile_ranks_are_those_of_r_equate(shared: Callable[[str], Path]) -> None:
    groups = json.loads(shared("equating_classical.json").read_text(encoding="utf-8"))["random_groups"]
    smooth = groups["equipercentile_loglinear3"]
    pairs = [(smooth["smoothed_x"], smooth["smoothed_y"], smooth), (groups["freq_x"], groups["freq_y"], groups["equipercentile"])]
    for x, y, theirs in pairs:
        place, part = equipercentile(np.array(x) / np.sum(x), np.array(y) / np.sum(y))
        first = 0 if x[0] else 1  # of points that nobody has the rank is 0, where any place below the first will do
        np.testing.assert_allclose((place - 0.5 + part)[first:], theirs["concordance"]["yx"][first:], atol=1e-7)


@given(st.floats(0.5, 2), st.floats(-2, 2), st.sampled_from(sorted(METHODS)), st.sampled_from(["2PL", "GPCM", "GRM"]))
def test_a_known_change_of_scale_is_found_again(A: float, B: float, name: str, family: str) -> None:
    """And what is expected of a person stays the same whatever the scale."""
    rng, K = np.random.default_rng(3), 2 if family == "2PL" else 4
    slopes = rng.uniform(0.6, 1.8, (8, 1))
    b = np.sort(rng.normal(0, 1, (8, K - 1)), axis=1)
    steps = -slopes * b
    intercepts = np.hstack([np.zeros((8, 1)), steps if family == "GRM" else np.cumsum(steps, axis=1)])
    new = ItemParameters(
        items=tuple("abcdefgh"),
        families=(family,) * 8,
        statuses=("calibrated",) * 8,
        n_categories=np.full(8, K),
        slopes=slopes,
        intercepts=intercepts,
        extras=np.zeros((8, 0)),
        covariance=np.tile(0.01 * np.eye(K) + 0.005, (8, 1, 1)),
        population=NormalPopulation(dimensions=("theta",), mean=np.zeros(1), covariance=np.eye(1)),
    )
    old = moved(new, A, B)
    np.testing.assert_allclose(np.array(METHODS[name].constants(new, old)), np.array([A, B]), atol=1e-5)
    np.testing.assert_allclose(old.difficulty_se(), A * new.difficulty_se(), rtol=1e-9)
    theta = np.linspace(-3, 3, 7)
    np.testing.assert_allclose(expected_scores(new, theta), expected_scores(old, A * theta + B), atol=1e-9)


def quietly(verb: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return verb()


def calibrated(theta: float, rng: np.random.Generator, easier: float = 0.0) -> cdx.Calibration:
    a, b = np.linspace(0.8, 1.6, 12), np.linspace(-1.5, 1.5, 12)
    b = b - easier * (np.arange(12) == 4)
    persons = rng.normal(theta, 1, (1500, 1))
    answers = (rng.random((1500, 12)) < 1 / (1 + np.exp(-a * (persons - b)))).astype(int)
    return cdx.calibrate(cdx.load_responses(answers))


def test_a_link_finds_the_population_and_names_the_item_that_moved() -> None:
    rng = np.random.default_rng(9)
    old, new = calibrated(0.0, rng), calibrated(0.5, rng, easier=1.0)
    with pytest.warns(CompetencyDxWarning, match="Item5|item 5|5"):
        found = cdx.link(new, old)
    moved_item = old.parameters.items[4]
    assert [f.scope for f in found.findings if f.code == "linking.drift"] == [(moved_item,)]
    clean = cdx.link(new, old, without=(moved_item,))
    assert abs(clean.theta(0.0) - 0.5) < 3 * clean.error
    assert abs(found.effect[4] - (float(clean.theta(0.0)) - float(found.theta(0.0)))) < 0.02
    assert 0.02 < clean.error < 0.1
    assert clean.parameters.items == new.parameters.items


def test_items_that_moved_are_taken_out_and_said_so() -> None:
    rng = np.random.default_rng(9)
    old, new = calibrated(0.0, rng), calibrated(0.5, rng, easier=1.0)
    found = quietly(lambda: cdx.link(new, old, without="drifted"))
    by_hand = quietly(lambda: cdx.link(new, old, without=(old.parameters.items[4],)))
    assert np.array(found.items)[~found.used].tolist() == [old.parameters.items[4]]
    assert [f.code for f in found.findings] == ["linking.removed"]
    assert (found.slope, found.intercept) == (by_hand.slope, by_hand.intercept)
    whole = quietly(lambda: cdx.link(new, old))
    np.testing.assert_allclose(found.effect[4], by_hand.theta(0.0) - whole.theta(0.0), atol=1e-9)
    assert found.effect_percent[4] * found.effect[4] > 0


def test_a_chain_of_one_more_year_is_the_product_of_its_steps() -> None:
    rng = np.random.default_rng(9)
    years = [calibrated(mean, rng) for mean in (0.0, 0.3, 0.6)]
    first, second = (quietly(partial(cdx.link, years[k + 1], years[k])) for k in (0, 1))
    chain = quietly(lambda: cdx.link(years[2], years[0], through=[years[1]]))
    np.testing.assert_allclose(chain.theta([-1.0, 1.0]), first.theta(second.theta([-1.0, 1.0])), atol=1e-12)
    np.testing.assert_allclose(chain.constants, [[second.slope, second.intercept], [first.slope, first.intercept]])
    assert chain.step.tolist() == [0] * 12 + [1] * 12
    assert chain.error > first.error


def test_one_table_of_agreement_with_concurrent_and_fixed_calibration() -> None:
    """All six are near the truth, .5, and the errors of concurrent calibration are those of a link by curves."""
    rng = np.random.default_rng(10)
    a, b = np.linspace(0.8, 1.6, 12), np.linspace(-1.5, 1.5, 12)
    data = [
        cdx.load_responses((rng.random((1500, 12)) < 1 / (1 + np.exp(-a * (rng.normal(m, 1, (1500, 1)) - b)))).astype(int))
        for m in (0.5, 0.0)
    ]
    new, old = map(cdx.calibrate, data)
    table = quietly(lambda: compare_links(new, old, responses=(data[0], data[1]), without=("item1",))).to_frame().set_index("method")
    assert list(table.index) == ["StockingLord", "Haebara", "MeanSigma", "MeanMean", "concurrent", "fixed"]
    assert (np.abs(table["mean"] - 0.5) < 3 * table["se_mean"]).all()
    assert (table["apart"].drop("MeanSigma") < 0.1).all()
    assert abs(table.loc["concurrent", "se_mean"] / table.loc["StockingLord", "se_mean"] - 1) < 0.15
    assert table.loc["fixed", "se_mean"] < table.loc["concurrent", "se_mean"]


@pytest.mark.parametrize("method", [StockingLord(), Haebara(), MeanMean()])
def test_a_scale_is_linked_to_itself_by_nothing(method: MeanMean | StockingLord | Haebara) -> None:
    rng = np.random.default_rng(8)
    for _ in range(3):
        answers = (rng.random((400, 12)) < 1 / (1 + np.exp(-1.3 * (rng.normal(size=(400, 1)) - np.linspace(-1.2, 1.2, 12))))).astype(
            int
        )
        for model in ("Rasch", "2PL"):
            one = cdx.calibrate(answers, model=model)
            found = cdx.link(one, one, method=method)
            assert (found.slope, found.intercept) == pytest.approx((1.0, 0.0), abs=1e-9)


def test_a_form_is_equivalent_to_itself() -> None:
    rng = np.random.default_rng(8)
    form = calibrated(0.0, rng)
    for scores in ("true", "observed"):
        table = quietly(partial(equate, form, form, scores=scores))
        np.testing.assert_allclose(table.equivalent, np.arange(13), atol=1e-6)
        assert table.to_frame()["percent_equivalent"].iloc[-1] == pytest.approx(100)


def test_one_of_several_competencies_is_linked_as_if_its_items_stood_alone() -> None:
    rng, a, b, d = np.random.default_rng(3), np.tile([0.9, 1.3, 1.6, 1.0], 4), np.linspace(-1.5, 1.5, 16), np.repeat([0, 1], 8)
    items, tables = [f"q{i}" for i in range(16)], []
    for mean, sd in (([0.0, 0.0], [1.0, 1.0]), ([0.5, -0.3], [1.2, 0.8])):
        theta = np.array(mean) + sd * (rng.normal(size=(1000, 2)) @ np.array([[1.0, 0.6], [0.0, 0.8]]))
        tables.append(pd.DataFrame((rng.random((1000, 16)) < 1 / (1 + np.exp(-a * (theta[:, d] - b)))).astype(int), columns=items))
    leaf = {item: "AB"[k] for item, k in zip(items, d, strict=True)}
    old, new = (quietly(partial(cdx.calibrate, t, dimensions=leaf)) for t in tables)
    for name, mine in (("A", items[:8]), ("B", items[8:])):
        first, second = (quietly(partial(cdx.calibrate, t[mine])) for t in tables)
        alone = quietly(partial(cdx.link, second, first))
        for before in (old, first):
            found = quietly(partial(cdx.link, new, before, competency=name))
            assert found.items == tuple(mine)
            assert found.parameters.dimensions == (name,)
            np.testing.assert_allclose(
                [found.slope, found.intercept, found.error], [alone.slope, alone.intercept, alone.error], atol=0.02
            )
        assert quietly(partial(equate, new, old, competency=name)).highest == 8
    for wrong in ("", "C"):
        with pytest.raises(LinkingError, match="here are A, B") as caught:
            cdx.link(new, old, competency=wrong)
        assert caught.value.code == "linking.dimensions"


def test_scales_that_cannot_be_linked() -> None:
    rng = np.random.default_rng(8)
    old = calibrated(0.0, rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        other = replace(old, parameters=replace(old.parameters, items=tuple(f"x{k}" for k in range(12))))
        rasch = replace(old, parameters=replace(old.parameters, families=("Rasch",) * 12))
        nominal = replace(old, parameters=replace(old.parameters, families=("NRM",) * 12))
        for new, code in ((other, "linking.common"), (rasch, "linking.families"), (nominal, "linking.nominal")):
            with pytest.raises(LinkingError) as caught:
                cdx.link(new, old)
            assert caught.value.code == code


@pytest.mark.parametrize("change", ["scores", "family"])
def test_what_is_not_the_same_item_is_named_and_not_linked_by(change: str) -> None:
    rng = np.random.default_rng(8)
    b = np.linspace(-1, 1, 8)[:, None] + np.array([-0.7, 0.0, 0.7])
    waves = []
    for mean in (0.5, 0.0):
        theta = rng.normal(mean, 1, (800, 1, 1))
        waves.append(pd.DataFrame((theta - b > rng.logistic(size=(800, 8, 1))).sum(axis=2), columns=list("abcdefgh")))
    same = [quietly(partial(cdx.calibrate, t, model="GPCM")) for t in waves]
    clipped, models = waves[0].assign(c=waves[0]["c"].clip(upper=2)), dict.fromkeys("abcdefgh", "GPCM") | {"c": "GRM"}
    changed = quietly(lambda: cdx.calibrate(clipped, model="GPCM") if change == "scores" else cdx.calibrate(waves[0], model=models))
    found, without = quietly(lambda: cdx.link(changed, same[1])), quietly(lambda: cdx.link(changed, same[1], without=("c",)))
    assert {f.code: f.scope for f in found.findings}["linking.unlike"] == ("c",)
    assert (found.slope, found.intercept) == (without.slope, without.intercept)
    assert not found.used[2]
    assert np.isnan([found.drift[2], found.effect[2], found.effect_percent[2]]).all()
    assert found.summary("ru")
    assert quietly(lambda: cdx.link(changed, same[1], without="drifted")).used[2] == np.False_
    assert quietly(lambda: cdx.link(*same)).used.all()


def test_items_of_two_banks_with_other_keys_are_other_items() -> None:
    bank = cdx.load_bank("physics")
    one = next(i for i in bank.items if i.type == "single")
    code = next(c for c in one.options if c != one.key and c not in one.misconception_codes)
    rekeyed = one.model_copy(update={"key": code, "misconceptions": {}, "misconception_codes": {}})
    other = replace(bank, items=tuple(rekeyed if i.id == one.id else i for i in bank.items))
    found = quietly(lambda: cdx.link(other, bank))
    assert [i for i, used in zip(found.items, found.used, strict=True) if not used] == [one.id]


@pytest.mark.parametrize("verb", [cdx.link, equate, compare_links])
@pytest.mark.parametrize("names", [("zz",), ("item1", "Item2")])
def test_names_of_no_common_item_are_refused(verb: Callable[..., Any], names: tuple[str, ...]) -> None:
    rng = np.random.default_rng(8)
    old, new = calibrated(0.0, rng), calibrated(0.5, rng)
    with pytest.raises(LinkingError) as caught:
        quietly(lambda: verb(new, old, without=names))
    assert caught.value.code == "linking.absent"
    assert names[-1] in str(caught.value)


@pytest.mark.parametrize(("persons", "spread"), [(300, 1.0), (500, 1.5)])
def test_items_that_did_not_move_stay_and_one_that_did_goes(persons: int, spread: float) -> None:
    """What chance moves is told from what moved by the errors of the difficulties, however far off these are."""
    gone, found = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        a, b = rng.lognormal(0, 0.25, 14), rng.normal(0, spread, 14)
        b[7] = 0.3

        def wave(mean: float, b: Array, n: int, rng: np.random.Generator = rng, a: Array = a) -> cdx.Calibration:
            answers = rng.random((n, 14)) < 1 / (1 + np.exp(-a * (rng.normal(mean, 1, (n, 1)) - b)))
            found: cdx.Calibration = quietly(partial(cdx.calibrate, answers.astype(int)))
            return found

        old, new = wave(0.0, b, persons), wave(0.4, b, persons)
        before, easier = wave(0.0, b, 1000), wave(0.4, b - 1.2 * (np.arange(14) == 7), 1000)
        gone.append(not quietly(partial(cdx.link, new, old, without="drifted")).used.all())
        found.append(not quietly(partial(cdx.link, easier, before, without="drifted")).used[7])
    assert sum(gone) <= 1
    assert sum(found) == 6


def test_a_link_to_a_bank_returns_into_it_and_keeps_what_it_rests_on() -> None:
    """The new form has none of the bank's items of three and four points, so that its tables are narrower."""
    bank, rng = cdx.load_bank("mathematics"), np.random.default_rng(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        calibration = cdx.calibrate(cdx.simulate(bank, 600, rng=rng), model="GPCM")
        known = bank.with_calibration(calibration)
        some = [item.id for item in known.items if item.max_score == 1][:30]
        new = cdx.calibrate(cdx.simulate(known, 600, rng=rng).select(items=some), model="GPCM")
        link = cdx.link(new, known, without=tuple(some[:2]))
        later = known.with_calibration(link, date="2027-01-01")
    assert (later.epoch, len(later.parameters)) == (known.epoch, len(known.parameters))
    changed = [r for r, before in zip(later.parameters, known.parameters, strict=True) if r != before]
    assert [r.item for r in changed] == some[:2]
    at = link.parameters.items.index(some[0])
    assert changed[0].a == pytest.approx(link.parameters.slope[at])
    assert changed[0].b[0] == pytest.approx(link.parameters.difficulties[at, 0])
    assert changed[0].date == "2027-01-01"
    assert later.header.population.mean_se == pytest.approx(link.error)
    with pytest.raises(cdx.errors.BankError, match="another scale"):
        bank.with_calibration(link)


KINDS = ["none", "key turned round", "by lot", "all right", "all but two right"]


@pytest.mark.parametrize(("model", "kind"), [*(("2PL", kind) for kind in [*KINDS, "flat"]), *(("Rasch", kind) for kind in KINDS)])
def test_an_item_that_became_another_one_is_named_and_taken_out(model: str, kind: str) -> None:
    a, b = np.linspace(0.8, 1.6, 10) if model == "2PL" else np.ones(10), np.linspace(-1.5, 1.5, 10)[[3, 7, 1, 9, 5, 0, 8, 2, 6, 4]]
    rng, names = np.random.default_rng(0), [f"i{k}" for k in range(10)]
    old, new = (
        pd.DataFrame(rng.random((800, 10)) < 1 / (1 + np.exp(-a * (rng.normal(m, 1, (800, 1)) - b))), columns=names).astype(int)
        for m in (0, 0.5)
    )
    lot, one = rng.integers(0, 2, 800), new["i4"]
    changed: dict[str, Any] = {
        "none": one,
        "key turned round": 1 - one,
        "by lot": lot,
        "all right": 1,
        "all but two right": np.arange(800) > 1,
    }
    changed["flat"] = np.where(lot, one, rng.integers(0, 2, 800))
    calibrations = [quietly(partial(cdx.calibrate, x.astype(int), model=model)) for x in (new.assign(i4=changed[kind]), old)]
    whole, clean = (quietly(partial(cdx.link, *calibrations, without=without)) for without in ((), "drifted"))
    gone = [i for i, used in zip(clean.items, clean.used, strict=True) if not used]
    assert gone == ["i4"] * (kind != "none")
    assert any(f.scope == ("i4",) for f in whole.findings if f.code in {"linking.drift", "linking.unlike"}) == (kind != "none")
    assert abs(clean.intercept - 0.5) < 3 * clean.error
    assert abs(clean.slope - 1) < 3 * np.sqrt(clean.covariance[0, 0]) + 1e-9
