"""Linking: constants and errors of R equateIRT, equivalences, known changes of scale found again, drift named."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import competency_dx as cdx
from competency_dx.errors import CompetencyDxWarning, LinkingError
from competency_dx.linking import Haebara, MeanMean, MeanSigma, StockingLord
from competency_dx.linking.api import _covariance, _Errors
from competency_dx.linking.choices import LinkMethod
from competency_dx.models import ItemParameters, NormalPopulation, expected_scores, moved

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
    N, guessed = len(items), any(n.startswith("Gussng") for n in names)
    b, a = (x[[names.index(f"{kind}.{i}") for i in items]] for kind in ("Dffclt", "Dscrmn"))
    c = x[[names.index(f"Gussng.{i}") for i in items]] if guessed else None
    return ItemParameters(
        items=tuple(items),
        families=("3PL" if guessed else "2PL",) * N,
        statuses=("calibrated",) * N,
        n_categories=np.full(N, 2),
        slopes=a[:, None],
        intercepts=np.stack([np.zeros(N), -a * b], axis=1),
        extras=np.zeros((N, 0)) if c is None else np.log(c / (1 - c))[:, None],
        covariance=np.zeros((N, 2 + guessed, 2 + guessed)),
        population=NormalPopulation(dimensions=("theta",), mean=np.zeros(1), covariance=np.eye(1)),
    )


def common(reference: dict[str, Any]) -> tuple[ItemParameters, ItemParameters]:
    new, old = (form(reference["forms"][name]) for name in ("test1", "test2"))
    both = [i for i in new.items if i in old.items]
    return new.take([new.items.index(i) for i in both]), old.take([old.items.index(i) for i in both])


def together(values: dict[str, Any], items: tuple[str, ...]) -> _Errors:
    """Return the covariance of (a, -a b) of all items of a form together."""
    names, x = values["names"], np.array(values["values"], dtype=np.float64)
    at = [[names.index(f"{kind}.{i}") for kind in ("Dscrmn", "Dffclt")] for i in items]
    covariance = np.array(values["cov"])[np.ix_(np.ravel(at), np.ravel(at))]
    change = np.zeros(covariance.shape)
    for k, (a, b) in enumerate(at):
        change[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = [[1.0, 0.0], [-x[b], -x[a]]]
    return _Errors(change @ covariance @ change.T, np.repeat(np.arange(len(items)), 2), np.tile([0, 1], len(items)))


@pytest.mark.parametrize("data", ["est2pl", "est3pl"])
@pytest.mark.parametrize("name", METHODS)
def test_constants_are_those_of_equateirt(data: str, name: str, shared: Callable[[str], Path]) -> None:
    reference = json.loads(shared("linking.json").read_text(encoding="utf-8"))["equateIRT"][data]
    quadrature = "Gauss-Hermite 30" if name in {"Haebara", "Stocking-Lord"} else "none"
    theirs = next(c for c in reference["constants"] if c["method"] == name and c["quadrature"].startswith(quadrature))
    new, old = common(reference)
    A, B = METHODS[name].constants(new, old)
    assert abs(A - theirs["A"]) < 1e-7
    assert abs(B - theirs["B"]) < 1e-7
    if data == "est2pl":
        errors = [together(reference["forms"][name], items.items) for name, items in (("test1", new), ("test2", old))]
        ours = _covariance(METHODS[name], new, old, errors, np.array([A, B]))
        n = len(new.items)  # its derivative of a standard deviation divides by n what was made with n - 1
        slip = n / (n - 1) if name == "mean-sigma" else 1.0
        np.testing.assert_allclose(np.sqrt(np.diag(ours)), [slip * theirs["seA"], theirs["seB"]], rtol=0.01)
        np.testing.assert_allclose(ours[0, 1], slip * theirs["covAB"], atol=4e-5)


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


def calibrated(theta: float, rng: np.random.Generator, easier: float = 0.0) -> cdx.Calibration:
    a, b = np.linspace(0.8, 1.6, 12), np.linspace(-1.5, 1.5, 12)
    b = b - easier * (np.arange(12) == 4)
    persons = rng.normal(theta, 1, (1500, 1))
    answers = (rng.random((1500, 12)) < 1 / (1 + np.exp(-a * (persons - b)))).astype(int)
    return cdx.calibrate(cdx.load_responses(answers))


def test_a_link_finds_the_population_and_names_the_item_that_moved() -> None:
    rng = np.random.default_rng(8)
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


def test_scales_that_cannot_be_linked() -> None:
    rng = np.random.default_rng(8)
    old = calibrated(0.0, rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        other = replace(old, parameters=replace(old.parameters, items=tuple(f"x{k}" for k in range(12))))
        rasch = replace(old, parameters=replace(old.parameters, families=("Rasch",) * 12))
        for new, code in ((other, "linking.common"), (rasch, "linking.families")):
            with pytest.raises(LinkingError) as caught:
                cdx.link(new, old)
            assert caught.value.code == code
