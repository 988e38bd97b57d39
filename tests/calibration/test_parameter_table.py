"""What each free parameter is, is a fact of its own: no name of an item, group or competency confuses anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit

import competency_dx as cdx
from competency_dx.bank import Item, ItemBank
from competency_dx.calibration import MarginalML, Population, rotated
from competency_dx.errors import CalibrationError, DocumentError
from competency_dx.scoring import reliability

Floats = NDArray[np.float64]
pytestmark = pytest.mark.filterwarnings("ignore::competency_dx.errors.CompetencyDxWarning")

PLAIN = tuple(f"i{k}" for k in range(8))
HOSTILE = ("a.b", "slope", "variance", "correlation.x", "a@g1", "a", "a.d1", "a@g2")
P = 240


def answers(items: tuple[str, ...], *, steps: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    theta = rng.normal(size=(P, 1))
    a, d = rng.uniform(0.8, 1.6, 8), rng.normal(0, 0.8, 8)
    codes = (rng.random((P, 8)) < expit(a * theta + d)).astype(int)
    if steps:
        codes[:, 5] += rng.random(P) < expit(theta[:, 0])
    return pd.DataFrame(codes, columns=list(items))


def one_competency(items: tuple[str, ...], make_bank: Callable[..., ItemBank]) -> list[Floats]:
    """Return the numbers of calibrating, banking, scoring and drawing with items of these ids."""
    data = answers(items, steps=True)
    found = cdx.calibrate(data, model=dict.fromkeys(items, "GPCM"))
    again = cdx.Calibration.from_json(found.to_json())
    assert again.digest == found.digest
    assert again.parameter_names == found.parameter_names
    anchored = cdx.calibrate(data, model="GPCM", anchors=again)
    scored = {"type": "scored", "competencies": {"S.1.1": 1}}
    points = [{"rule": "given", "points": 1 + (k == 5)} for k in range(len(items))]
    tasks = [Item.model_validate({"id": i, "scoring": s, **scored}) for i, s in zip(items, points, strict=True)]
    bank = make_bank(tasks).with_calibration(again)
    draws = cdx.plausible_values(data, again, n=2, rng=np.random.default_rng(1))
    return [
        found.estimates,
        found.to_frame().drop(columns=["item", "family", "dimension"]).to_numpy(float),
        *(x.population_frame().drop(columns="parameter").to_numpy(float) for x in (again, anchored)),
        anchored.estimates,
        cdx.score(data, again, method=cdx.EAP(item_uncertainty="all")).covariance,
        cdx.score(data, bank).theta,
        draws.values,
    ]


def grouped(items: tuple[str, ...]) -> tuple[cdx.Calibration, cdx.Responses]:
    """Return a calibration of groups g1 and g2 in which the last item but two has parameters of its own in each."""
    data = cdx.load_responses(answers(items).assign(group=["g1", "g2"] * (P // 2)))
    population = Population(by="group", free_items=(items[5],))
    return cdx.calibrate(data, model="2PL", method=MarginalML(population=population)), data


def groups(items: tuple[str, ...]) -> list[Floats]:
    found, data = grouped(items)
    again = cdx.Calibration.from_json(found.to_json())
    scores = cdx.score(data, again)
    drawn = cdx.simulate(again, np.zeros(3), rng=np.random.default_rng(1))
    assert drawn.items == items
    return [found.estimates, scores.theta, scores.covariance, scores.n_items.astype(float), drawn.scores.astype(float)]


def several(items: tuple[str, ...], names: tuple[str, str]) -> list[Floats]:
    data = answers(items)
    found = cdx.calibrate(
        data,
        dimensions={item: names[k % 2] for k, item in enumerate(items)},
        method=MarginalML(population=Population(by=["g1", "g2"] * (P // 2))),
    )
    again = cdx.Calibration.from_json(found.to_json())
    cells = again.chart("correlations").cells
    assert cells is not None
    assert "±" in cells.texts[0][0]
    frame = again.population_frame()
    return [found.estimates, frame.drop(columns="parameter").to_numpy(float), cdx.score(data, again).theta]


def test_ids_of_items_are_only_ids(make_bank: Callable[..., ItemBank]) -> None:
    for plain, hostile in zip(one_competency(PLAIN, make_bank), one_competency(HOSTILE, make_bank), strict=True):
        np.testing.assert_array_equal(plain, hostile)
    for plain, hostile in zip(groups(PLAIN), groups(HOSTILE), strict=True):
        np.testing.assert_array_equal(plain, hostile)
    for plain, hostile in zip(several(PLAIN, ("u", "v")), several(HOSTILE, ("mean", "a.b")), strict=True):
        np.testing.assert_array_equal(plain, hostile)


def test_rows_of_groups_keep_the_ids_of_their_items() -> None:
    found, data = grouped(HOSTILE)
    frame = found.to_frame()
    assert frame.loc[frame["group"] != "", ["item", "group"]].to_numpy().tolist() == [["a", "g1"], ["a", "g2"]]
    assert set(frame["item"]) == set(HOSTILE)
    assert [len(f.scope) for f in found.findings] == [len(set(f.scope)) for f in found.findings]
    assert "group" not in cdx.calibrate(answers(HOSTILE)).to_frame()
    assert (cdx.score(data, found).n_items == len(HOSTILE)).all()
    with pytest.raises(CalibrationError, match="differ between groups"):
        found.bank_records()


@pytest.mark.parametrize("model", ["GPCM", "GRM", "RSM", "NRM", "3PL"])
def test_the_reported_form_and_the_kernels_are_one_parametrisation(model: str) -> None:
    """Covariances within items, kept in the kernels' form, are the reported ones taken back; so are the values."""
    data = answers(PLAIN, steps=model != "3PL")
    found = cdx.calibrate(data[list(PLAIN[2:])], model=model)
    table, p = found.table, found.parameters
    values, V = np.linalg.solve(table.to_reported, found.estimates), table.in_kernel_form(found.covariance)
    own = np.flatnonzero(table.of_items)
    np.testing.assert_allclose(values[own], p.beta[table.item[own], table.column[own]], rtol=1e-12, atol=1e-12)
    for f in own:
        for g in own[table.item[own] == table.item[f]]:
            at = table.item[f], table.column[f], table.column[g]
            assert V[f, g] == pytest.approx(p.covariance[at], rel=1e-9, abs=1e-12)


def test_a_calibration_is_named_by_its_content() -> None:
    data = answers(PLAIN)
    choices: list[dict[str, Any]] = [
        {"model": "Rasch"},
        {"model": "2PL"},
        {"model": "2PL", "priors": None},
        {"model": "2PL", "method": MarginalML(standard_errors="sandwich")},
        {"model": "2PL", "method": MarginalML(population=Population(by=["x", "y"] * (P // 2)))},
        {"model": "2PL", "dimensions": {item: "A" if k < 4 else "B" for k, item in enumerate(PLAIN)}},
    ]
    found: list[cdx.Calibration] = [cdx.calibrate(data, **choice) for choice in choices]
    same = cdx.calibrate(data, model="2PL")
    renamed = cdx.calibrate(data.rename(columns={"i0": "j0"}), model="2PL")
    assert len({c.digest for c in (*found, renamed)}) == len(found) + 1
    assert same.digest == found[1].digest == cdx.Calibration.from_json(same.to_json()).digest
    assert replace(same, iterations=7).digest == same.digest
    results = [cdx.score(data, c) for c in found]
    assert len({r.provenance.inputs["parameters"] for r in results}) == len(found)
    one, other = found[:2]
    for verb in (
        lambda c: cdx.score(data, c, method=cdx.ML()),
        lambda c: cdx.plausible_values(data, c, n=2, rng=np.random.default_rng(1)),
        lambda c: reliability(c, responses=data),
        lambda c: cdx.calibrate(data, model="2PL", anchors=c),
    ):
        inputs = [set(verb(c).provenance.inputs.values()) for c in (one, other)]
        assert one.digest in inputs[0]
        assert other.digest in inputs[1]
    assert {r.calibration for r in one.bank_records()}.isdisjoint(r.calibration for r in other.bank_records())


def test_the_exploratory_rotation_is_a_field() -> None:
    found = cdx.calibrate(answers(PLAIN), dimensions=cdx.calibration.Exploratory(n=2, rotation="varimax"))
    assert rotated(cdx.Calibration.from_json(found.to_json())).rotation == "varimax"
    assert found.digest in rotated(found).provenance.inputs.values()


def test_documents_of_the_first_version_are_refused_by_both_versions() -> None:
    text = cdx.calibrate(answers(PLAIN), model="Rasch").to_json()
    with pytest.raises(DocumentError, match=r"schema_version 1; this library reads 3, 2"):
        cdx.Calibration.from_json(text.replace('"schema_version":3', '"schema_version":1'))
