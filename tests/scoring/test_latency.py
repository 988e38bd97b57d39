"""One person: every way to hand the answers over gives the same digits, from eight threads at once too."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.bank import Item, ItemBank, ParameterRecord
from competency_dx.scoring import Method

MakeBank = Callable[..., ItemBank]
THREADS, PERSONS = 8, 6
METHODS: list[Method] = [cdx.EAP(), cdx.MAP(), cdx.WLE(), cdx.SumScore()]


@pytest.fixture(scope="module")
def bank(make_bank: MakeBank) -> ItemBank:
    rng = np.random.default_rng(6)
    steps = [np.sort(rng.normal(size=1 + k % 3)).round(3) for k in range(40)]
    records = [
        ParameterRecord(
            item=f"i{k}",
            model="2PL" if len(b) == 1 else "GPCM",
            a=float(rng.uniform(0.6, 1.9)),
            b=tuple(map(float, b)),
            status="calibrated",
        )
        for k, b in enumerate(steps)
    ]
    items = [
        Item.model_validate(
            {"id": r.item, "type": "scored", "scoring": {"rule": "given", "points": len(r.b)}, "competencies": {"S.1.1": 1}}
        )
        for r in records
    ]
    return make_bank(items, records)


@pytest.fixture(scope="module")
def calibration(bank: ItemBank) -> cdx.Calibration:
    data = cdx.simulate(bank, 300, rng=np.random.default_rng(1))
    return cdx.calibrate(data, model="GPCM")


@pytest.fixture(scope="module")
def data(bank: ItemBank) -> cdx.Responses:
    rng = np.random.default_rng(7)
    complete = cdx.simulate(bank, PERSONS, rng=rng).to_frame().set_index("person")
    return cdx.load_responses(complete.mask(rng.random(complete.shape) < 0.1), bank=bank)


def digits(scores: cdx.Scores) -> bytes:
    return scores.theta.tobytes() + scores.covariance.tobytes() + scores.n_items.tobytes() + scores.status.tobytes()


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_eight_threads_get_the_bytes_of_one(bank: ItemBank, data: cdx.Responses, method: Method) -> None:
    """Persons one at a time from eight threads that start together, each person by every thread."""
    one = [data.select(persons=[str(p)]) for p in data.persons]
    alone = [digits(cdx.score(r, bank, method=method)) for r in one]
    start = Barrier(THREADS)

    def work(seed: int) -> list[tuple[int, bytes]]:
        order = np.random.default_rng(seed).permutation(PERSONS)
        start.wait()
        return [(int(p), digits(cdx.score(one[p], bank, method=method))) for p in order]

    with ThreadPoolExecutor(THREADS) as pool:
        for found in pool.map(work, range(THREADS)):
            assert [part for _, part in sorted(found)] == alone


def test_every_form_of_one_persons_answers_has_the_same_digits(
    bank: ItemBank, calibration: cdx.Calibration, data: cdx.Responses
) -> None:
    for p in range(4):
        person = data.select(persons=[str(data.persons[p])])
        row = person.to_frame().set_index("person")
        record = {str(item): None if np.isnan(x) else int(x) for item, x in row.iloc[0].items()}
        for parameters in (bank, calibration):
            expected = cdx.score(person, parameters)
            forms = (record, row, row.reset_index(drop=True), row.reset_index(), [record], pd.Series(record).to_dict())
            for form in forms:
                assert digits(cdx.score(form, parameters)) == digits(expected)


@pytest.mark.parametrize(
    "cells", [{"i0": 1, "i3": 0}, {"i0": True, "i3": False}, {"i0": 1.0, "i3": np.float32(0)}, {"i0": "1", "i3": "0"}], ids=str
)
def test_numbers_of_any_kind_are_the_same_points(calibration: cdx.Calibration, cells: dict[str, object]) -> None:
    expected = cdx.score([{"i0": 1, "i3": 0}], calibration)
    found = cdx.score(cells, calibration)
    assert digits(found) == digits(expected)
    assert list(found.persons) == ["1"]


def test_missing_codes_are_missing_by_every_way_in(calibration: cdx.Calibration) -> None:
    """A number of the usual negative codes is no answer, in a mapping as in a table."""
    for code in (-1, -9, -99, -999, np.nan, None):
        cells = {"i0": 1, "i3": 0, "i6": code}
        assert digits(cdx.score(cells, calibration)) == digits(cdx.score([cells], calibration))


def test_ids_of_numbered_frames_are_kept(calibration: cdx.Calibration) -> None:
    frame = pd.DataFrame({"i0": [1, 0], "i3": [0, None]}, index=[17, 4])
    found = cdx.score(frame, calibration)
    assert list(found.persons) == ["17", "4"]
    table = frame.rename_axis("person").reset_index()
    assert digits(cdx.score(table, calibration)) == digits(found)


@pytest.mark.parametrize("ids", [["T-01", "T-02"], ["17", "p4"], [3, 8]], ids=str)
def test_plain_ids_and_the_same_ids_as_a_list_of_records(calibration: cdx.Calibration, ids: list[object]) -> None:
    table = pd.DataFrame({"person": ids, "i0": [1, 0], "i3": [0, 1]})
    expected = cdx.score(table.to_dict("records"), calibration)
    for form in (table, table.set_index("person")):
        found = cdx.score(form, calibration)
        assert list(found.persons) == list(expected.persons) == [str(i) for i in ids]
        assert digits(found) == digits(expected)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["79161234567", "79167654321"], "personal data"),
        ([79161234567, 79167654321], "personal data"),
        (["Иванов И. И.", "Петров П. П."], "personal data"),
        (["p1", "p1"], "several rows"),
    ],
    ids=str,
)
def test_personal_data_and_repeated_ids_are_refused_by_every_way_in(
    calibration: cdx.Calibration, ids: list[object], message: str
) -> None:
    table = pd.DataFrame({"person": ids, "i0": [1, 0], "i3": [0, 1]})
    for form in (table, table.set_index("person"), table.to_dict("records")):
        with pytest.raises(cdx.CompetencyDxError, match=message):
            cdx.score(form, calibration)


def test_what_is_no_point_is_never_a_score_by_any_way_in(calibration: cdx.Calibration) -> None:
    """A half point in answers to these items is left out with a word; of a table whose columns are not said, it is refused."""
    with pytest.warns(cdx.CompetencyDxWarning, match=r"i0 '0.5' .* \[responses.invalid\]"):
        found = cdx.score({"i0": 0.5, "i3": 1}, calibration)
    np.testing.assert_array_equal(found.theta, cdx.score({"i3": 1}, calibration).theta)
    for form in ([{"i0": 0.5, "i3": 1}], {"i0": 300, "i3": 1}, [{"i0": 300, "i3": 1}]):
        with pytest.raises(cdx.CompetencyDxError, match="i0"):
            cdx.score(form, calibration)
