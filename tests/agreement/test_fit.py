"""Fit of items, models and persons agrees with R mirt 1.47, PerFit 1.4.6, psych 2.2.9, sirt 4.1-15; reasons in docs/agreement.md."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.fit.residuals import Part
from competency_dx.fit.whole_model import limited, of_sums
from competency_dx.kernels import families
from competency_dx.kernels.persons import moments, solve
from competency_dx.kernels.residual_fit import components, detect, item_misfit, standardised_parts
from competency_dx.models import expected_scores, log_probabilities
from competency_dx.persons import match
from competency_dx.quality import PairMoments
from competency_dx.responses import MissingPolicy

Table = Callable[[str], pd.DataFrame]
Results = Callable[[str], dict[str, Any]]
R_MODELS: dict[str, str] = {"Rasch": "Rasch", "2PL": "2PL", "GRM": "graded", "GPCM": "gpcm", "PCM": "Rasch"}
MODELS = [("lsat6", "Rasch"), ("lsat7", "Rasch"), ("lsat6", "2PL"), ("lsat7", "2PL"), ("sat12", "2PL"), ("verbagg", "Rasch")]
MODELS += [("verbagg", "2PL"), ("science", "GRM")]


@pytest.fixture(scope="module")
def calibrated(table: Table, quiet: Any) -> Callable[[str, str], tuple[pd.DataFrame, cdx.Calibration]]:
    @cache
    def of(name: str, model: str) -> tuple[pd.DataFrame, cdx.Calibration]:
        data = table(name)
        data = (data > 0).astype(int) if name == "verbagg" else data
        with quiet():
            return data, cdx.calibrate(data, model=model, priors=None)

    return of


Calibrated = Callable[[str, str], tuple[pd.DataFrame, cdx.Calibration]]


@pytest.mark.parametrize(("name", "model"), MODELS)
def test_s_x2_and_m2(name: str, model: str, calibrated: Calibrated, results: Results, quiet: Any) -> None:
    data, c = calibrated(name, model)
    key = f"{name}_{R_MODELS[model]}"
    items, whole = results("fit_items")[key]["itemfit_EAP"], results("fit_model")[key]
    with quiet():
        fit = cdx.check_fit(data, c, tried=0)
    if model != "GRM":  # R adds rows whose columns stand for different scores
        np.testing.assert_allclose(fit.s_x2, items["S_X2"], atol=2e-3 if name == "verbagg" else 1e-4)
        np.testing.assert_array_equal(fit.s_df - (model == "Rasch"), items["df.S_X2"])  # R takes off the common variance too
        rest = fit.s_p if model == "2PL" else items["p.S_X2"]
        np.testing.assert_allclose(rest, items["p.S_X2"], atol=2e-4)
    expected = whole["C2"] if model == "GRM" else whole["M2"]
    assert fit.c2[:4] == pytest.approx(
        [expected[k] for k in ("M2", "df", "p", "RMSEA")], rel=1e-3 if name == "verbagg" else 1e-5, abs=1e-6
    )
    interval = fit.c2[4:] * np.sqrt((len(data) - 1) / len(data))  # R divides by N here and by N - 1 above
    assert interval == pytest.approx([expected["RMSEA_5"], expected["RMSEA_95"]], abs=2e-5)
    assert fit.srmsr == pytest.approx(expected["SRMSR"], abs=1e-5)
    if "residuals" in whole:
        np.testing.assert_allclose(fit.q3, np.array(whole["residuals"]["Q3"]["matrix"], dtype=float), atol=1e-5)
    np.testing.assert_allclose(fit.m2, fit.c2 if model != "GRM" else fit.m2)


@pytest.mark.parametrize(("name", "model"), [("science", "GRM"), ("science", "GPCM")])
def test_expected_numbers_given_the_sum(name: str, model: str, calibrated: Calibrated, results: Results) -> None:
    """What S-X² compares with agrees for items of several scores too."""
    from competency_dx.fit.whole_model import _points
    from competency_dx.kernels.residual_fit import given_sum

    data, c = calibrated(name, model)
    theta, weight = _points(c.parameters)
    prob, sums = np.exp(log_probabilities(c.parameters, theta)), np.bincount(data.sum(axis=1), minlength=13)
    for told in results("fit_items")[f"{name}_{R_MODELS[model]}"]["S_X2_tables"]:
        i = list(data.columns).index(told["item"])
        found = given_sum(prob, weight, c.parameters.n_categories, i)[1:-1] * sums[1:-1, None]
        expected = np.array(told["E_org"], dtype=float)
        np.testing.assert_allclose(np.where(np.isnan(expected), np.nan, found), expected, atol=1e-4)


@pytest.mark.parametrize(("name", "model"), [("lsat7", "2PL"), ("sat12", "2PL"), ("verbagg", "Rasch"), ("science", "GRM")])
def test_infit_at_estimates(name: str, model: str, calibrated: Calibrated, results: Results) -> None:
    """At EAP estimates, where `check_fit` takes none, infit and outfit are those of R but for its least variance, √1e-5."""
    data, c = calibrated(name, model)
    expected = results("fit_items")[f"{name}_{R_MODELS[model]}"]["itemfit_EAP"]
    theta, p = cdx.score(data, c).theta[:, 0], c.parameters
    prob, x = np.exp(log_probabilities(p, theta)), data.to_numpy().astype(int)
    for i in range(x.shape[1]):
        none = np.zeros((len(x), prob.shape[1], 0))
        out, _ = item_misfit(prob[i].T, none, x[:, i], p.points[i], np.arange(len(x)) % 10, None)
        mean = p.points[i] @ prob[i]
        variance, square = p.points[i] ** 2 @ prob[i] - mean**2, (x[:, i] - mean) ** 2
        assert out[[4, 7]] == pytest.approx([square.sum() / variance.sum(), (square / variance).mean()], abs=1e-9)
        least = np.maximum(variance, 1e-5**0.5)
        again = [square.sum() / least.sum(), (square / least).mean()]
        assert again == pytest.approx([expected["infit"][i], expected["outfit"][i]], abs=1e-3)


@pytest.mark.parametrize(("name", "model"), [("lsat7", "2PL"), ("sat12", "2PL"), ("verbagg", "2PL"), ("science", "GRM")])
def test_standardised_log_likelihood(name: str, model: str, calibrated: Calibrated, results: Results) -> None:
    data, c = calibrated(name, model)
    expected, p = results("fit_persons")[f"{name}_{R_MODELS[model]}"], c.parameters
    codes = data.to_numpy().astype(np.int8)[np.array(expected["rows"]) - 1]
    observed, curves = np.ones(codes.shape, dtype=np.bool_), partial(families.person_curves, p.groups, p.beta, allowed=p.allowed)
    for target in ("MAP", "WLE"):
        theta, _ = solve(target, curves, codes, observed, (0.0, 1.0), (-20.0, 20.0))
        _, information, bias, _ = moments(curves, codes, observed, theta)
        star, variance, plain, plain_variance = standardised_parts(
            curves, codes, observed, theta, -theta if target == "MAP" else bias / 2 / information
        )
        np.testing.assert_allclose(plain / np.sqrt(plain_variance), expected[f"mirt_{target}"]["Zh"], atol=2e-5)
        if f"PerFit_{target}" in expected:
            np.testing.assert_allclose(star / np.sqrt(variance), expected[f"PerFit_{target}"]["lzstar"], atol=1.1e-4)


@pytest.mark.parametrize("name", ["lsat7", "sat12", "verbagg"])
def test_components_and_detect(name: str, table: Table, results: Results) -> None:
    found = results("dimensionality")
    data = table(name)
    observed = np.ones(data.shape, dtype=np.bool_)
    codes = (data > 0).to_numpy().astype(np.int8) if name == "verbagg" else data.to_numpy().astype(np.int8)
    np.testing.assert_allclose(
        components(PairMoments.of(codes, observed).correlation), found[name]["pearson"]["eigenvalues"], atol=1e-8
    )
    for key in ("verbagg_want_do", "verbagg_behaviour") if name == "verbagg" else (name,):
        _, cluster = np.unique(found["DETECT"][key]["clusters"], return_inverse=True)
        assert detect(codes, cluster, corrected=False) == pytest.approx(
            found["DETECT"][key]["sum_score"]["index"]["unweighted"][:3], abs=1e-9
        )


def test_comparison(calibrated: Calibrated, results: Results) -> None:
    for told in results("fit_model")["anova"]:
        name = told["models"][0].rsplit("_", 1)[0]
        if name in {"lsat6", "lsat7", "verbagg"}:
            found = cdx.fit.compare({m: calibrated(name, m)[1] for m in ("Rasch", "2PL")})
            expected = np.array([told[k] for k in ("AIC", "BIC", "SABIC", "HQ")]).T
            np.testing.assert_allclose(found[["aic", "bic", "sabic", "hq"]], expected, atol=0.02)
            assert found[["chi2", "df", "p"]].iloc[1].tolist() == pytest.approx([told["X2"][1], told["df"][1], told["p"][1]], rel=3e-3)


def test_c2_of_items_of_several_scores_is_right_where_it_differs(calibrated: Calibrated, results: Results) -> None:
    """C2 of R mirt for GPCM and PCM is not ours: our derivatives are those of finite differences, and Ξ that of a large sample."""
    from dataclasses import replace

    from competency_dx.fit.whole_model import _points
    from competency_dx.kernels.residual_fit import LimitedMoments

    data, c = calibrated("science", "GPCM")
    p, told = c.parameters, results("fit_model")["science_gpcm"]["C2"]["M2"]
    matched, pairs = match(cdx.load_responses(data), p, MissingPolicy()), np.triu_indices(len(p.items), 1)
    assert limited(c, Part.of(np.arange(len(data)), matched, p), pairs)[1, 0] == pytest.approx(19.0394, abs=1e-3)
    assert told == pytest.approx(16.3396, abs=1e-3)
    theta, weight = _points(p)
    log_prob, of = log_probabilities(p, theta), LimitedMoments.of(p.n_categories, pairs, categories=True)
    prob = np.exp(log_prob)
    slope = prob[:, None] * families.derivatives(p.groups, p.beta, log_prob, theta, p.allowed)
    found, h = of.derivatives(prob, weight, slope), 1e-5
    for i in range(len(p.items)):
        for f in range(p.beta.shape[1]):
            ends = []
            for step in (h, -h):
                slopes, intercepts = p.slopes.copy(), p.intercepts.copy()
                (slopes if f == 0 else intercepts)[i, f] += step
                moved = replace(p, slopes=slopes, intercepts=intercepts)
                ends.append(of.expected(np.exp(log_probabilities(moved, theta)), weight))
            np.testing.assert_allclose(found[i, f], (ends[0] - ends[1]) / (2 * h), atol=1e-8)
    drawn = cdx.simulate(c, 100_000, rng=np.random.default_rng(1)).scores.astype(float)
    one = np.stack([of.value[u][drawn[:, i].astype(int)] for u, i in enumerate(of.item)], axis=1)
    sample = np.cov(np.hstack([one, drawn[:, of.first] * drawn[:, of.second]]).T)
    np.testing.assert_allclose(sample, of.covariance(prob, weight), atol=0.15)


def test_expected_score_residuals_need_no_table(calibrated: Calibrated) -> None:
    """The sum of residuals at given sums of points is zero for Rasch: the sum is sufficient."""
    data, c = calibrated("lsat6", "Rasch")
    matched = match(cdx.load_responses(data), c.parameters, MissingPolicy())
    statistic, df, p = of_sums(Part.of(np.arange(len(data)), matched, c.parameters), [1] * 5)
    assert np.isfinite(statistic).all()
    assert (df > 0).all()
    assert ((p > 0) & (p < 1)).all()
    assert expected_scores(c.parameters, np.array([0.0])).shape == (5, 1)
