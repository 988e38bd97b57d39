"""Every result is frozen, tabulates, draws, prints, and writes a document that reads back to the same bytes."""

from __future__ import annotations

import html
import json
import re
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from functools import cache, reduce
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import competency_dx as cdx
from competency_dx.errors import LANGUAGES, CompetencyDxError, CompetencyDxWarning, DocumentError
from competency_dx.reports.result_page import result_view
from competency_dx.result import MAX_LINES, Result, decode, encode, parse_json
from competency_dx.routes import load_catalogue


def _bank() -> cdx.ItemBank:
    return cdx.load_bank("physics")


@cache
def _responses() -> cdx.Responses:
    data = cdx.simulate(_bank(), 130, rng=np.random.default_rng(1)).to_frame().set_index("person")
    data = data.mask(np.random.default_rng(2).random(data.shape) < 0.1)
    data.iloc[3] = np.nan
    return cdx.load_responses(data)


def _quietly(make: Callable[[], Result]) -> Result:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return make()


def _gap() -> cdx.Calibration:
    """Calibrate with a score nobody earned, so that parameters and errors are NaN."""
    rng = np.random.default_rng(3)
    scores = (rng.random((400, 4, 3)) < 1 / (1 + np.exp(-rng.normal(size=(400, 1, 1))))).sum(axis=2)
    scores[:, 1] = np.where(scores[:, 1] == 2, 3, scores[:, 1])
    return cdx.calibrate(scores, model="GPCM", priors=None)


def _answers(persons: int = 300) -> pd.DataFrame:
    """Return dichotomous answers to five items of each of two competencies that correlate."""
    rng = np.random.default_rng(5)
    theta = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], persons, method="cholesky")
    right = rng.random((persons, 10)) < 1 / (1 + np.exp(-(1.2 * np.repeat(theta, 5, axis=1) + rng.normal(0, 0.7, 10))))
    return pd.DataFrame(right.astype(int), columns=[f"{'xy'[k // 5]}{k}" for k in range(10)])


@cache  # what is scored by it need not calibrate again; the calibration itself is made anew
def _two() -> cdx.Calibration:
    return cdx.calibrate(_answers(), dimensions={name: name[0] for name in _answers().columns})


def _ratings() -> cdx.raters.Ratings:
    rng = np.random.default_rng(9)
    rows = [(p, c, r, rng.integers(0, 4), rng.integers(1, 9)) for p in range(40) for r in rng.choice(4, 2, replace=False) for c in "kl"]
    return cdx.raters.load_ratings(pd.DataFrame(rows, columns=["person", "criterion", "expert", "mark", "day"]))


def _grouped() -> cdx.Calibration:
    method = cdx.MarginalML(population=cdx.calibration.Population(by=["a", "b"] * 150))
    return cdx.calibrate(_answers(), method=method)


def _mixture() -> cdx.Calibration:
    data = _answers().assign(s=lambda t: t["x0"] + t["x1"] + t["x2"], z=lambda t: t["y5"] + t["y6"])
    model = dict.fromkeys(data.columns, "3PL") | {"s": "NRM", "z": "2PLNRM", "x0": "4PL", "x1": "Rasch"}
    return cdx.calibrate(data, model=model)


def _q() -> pd.DataFrame:
    names = _answers().columns
    return pd.DataFrame({"A": [n[0] == "x" for n in names], "B": [n[0] == "y" for n in names]}, index=names).astype(int)


@cache
def _classes() -> cdx.ClassCalibration:
    return cdx.calibrate(_answers(), model="GDINA", dimensions=_q())


FOLDER = tempfile.TemporaryDirectory()


def _file_scores() -> cdx.scoring.FileScores:
    source, target = Path(FOLDER.name) / "answers.parquet", Path(FOLDER.name) / "scores.parquet"
    _responses().to_frame().to_parquet(source)
    target.unlink(missing_ok=True)
    return cdx.scoring.score_file(source, target, _bank(), person="person")


def _file_profiles() -> cdx.competencies.FileProfiles:
    source, target = Path(FOLDER.name) / "answers.parquet", Path(FOLDER.name) / "profiles.parquet"
    _responses().to_frame().to_parquet(source)
    target.unlink(missing_ok=True)
    return cdx.diagnose_file(source, target, _bank())


def _misconceptions() -> cdx.misconceptions.MisconceptionEvidence:
    """Simulate choices of options in the mathematics bank; nobody need hold a misconception for the document."""
    bank, rng = cdx.load_bank("mathematics"), np.random.default_rng(6)
    single = [item for item in bank.items if item.type == "single"]
    chosen = {i.id: [list(i.options)[k] for k in rng.integers(0, len(i.options), 60)] for i in single}
    return cdx.find_misconceptions(cdx.load_responses(pd.DataFrame(chosen), bank=bank), bank)


def _chosen() -> cdx.Responses:
    """Choose options of the mathematics bank at random."""
    bank, rng = cdx.load_bank("mathematics"), np.random.default_rng(6)
    single = [item for item in bank.items if item.type == "single"][:6]
    chosen = {i.id: [list(i.options)[k] for k in rng.integers(0, len(i.options), 60)] for i in single}
    return cdx.load_responses(pd.DataFrame(chosen), bank=bank)


def _profiles_of_a_form() -> cdx.DeficitProfiles:
    return cdx.diagnose(_responses().select(items=_bank().forms[0].items, persons=["1", "2", "3"]), _bank())


def _routes() -> cdx.routes.Routes:
    profiles = cdx.diagnose(_responses().select(persons=["7", "13", "26"]), _bank())
    return cdx.recommend(profiles, load_catalogue("synthetic"), budget=9000.0, wishes={"7": ["PHY-01"]})


COVARIATE = pd.DataFrame({"x": np.arange(130.0)}, index=[str(k) for k in range(1, 131)])


def _with_groups() -> cdx.DeficitProfiles:
    found = cdx.diagnose(cdx.simulate(_bank(), 90, rng=np.random.default_rng(6)), _bank())
    part, school = (np.array([word[k % n] for k in range(90)], dtype=object) for word, n in (("AB", 2), ("CDE", 3)))
    return replace(found, background={"Q1": part, "Q2": school})


def _growth() -> Result:
    first, second = (cdx.diagnose(cdx.simulate(_bank(), 60, rng=np.random.default_rng(seed)), _bank()) for seed in (6, 7))
    programme = np.array([("", "Q3", "Q3")[k % 3] for k in range(60)], dtype=object)
    return cdx.measure_growth(first, replace(second, background={"Q2": programme}), by="Q2", draws=100)


MAKERS: dict[str, Callable[[], Result]] = {
    "ItemBank": _bank,
    "Responses": _responses.__wrapped__,
    "Calibration": lambda: cdx.calibrate(_responses(), model="GPCM"),
    "Calibration with NaN": _gap,
    "Calibration of several competencies": _two.__wrapped__,
    "Calibration of groups": _grouped,
    "Calibration of many families": _mixture,
    "Calibration by girth": lambda: cdx.calibrate(_answers(), method=cdx.calibration.Girth()),
    "CrossCheck": lambda: cdx.quality.cross_check(cdx.calibrate(_answers()), _answers()),
    "FactorSolution": lambda: cdx.calibration.rotated(cdx.calibrate(_answers(), dimensions=cdx.calibration.Exploratory(n=2))),
    "ClassCalibration": _classes.__wrapped__,
    "AttributePosteriors": lambda: cdx.classification.attribute_posteriors(cdx.load_responses(_answers()), _classes()),
    "ClassificationAccuracy": lambda: cdx.classification.classification_accuracy(cdx.load_responses(_answers()), _classes()),
    "QValidation": lambda: cdx.classification.validate_q_matrix(cdx.load_responses(_answers()), _classes()),
    "Scores": lambda: cdx.score(_responses(), _bank()),
    "Scores of one person": lambda: cdx.score(_responses().select(persons=["1"]), _bank()),
    "Scores on several competencies": lambda: cdx.score(_answers(), _two()),
    "Scores of mastery": lambda: cdx.score(_answers(), _classes()),
    "PlausibleValues": lambda: cdx.plausible_values(_responses(), _bank(), n=3, rng=np.random.default_rng(7)),
    "PlausibleValues with covariates": lambda: cdx.plausible_values(
        _responses(), _bank(), n=3, rng=np.random.default_rng(7), conditioning=COVARIATE
    ),
    "Pooled": lambda: cdx.scoring.pool([1.0, 1.2, 0.9], [0.1, 0.2, 0.1]),
    "Reliability": lambda: cdx.reliability(_bank(), responses=_responses()),
    "FileScores": _file_scores,
    "ItemAnalysis": lambda: cdx.check_items(_responses(), _bank()),
    "ItemAnalysis of options": lambda: cdx.check_items(_chosen(), cdx.load_bank("mathematics")),
    "MisconceptionEvidence": _misconceptions,
    "FileProfiles": _file_profiles,
    "GroupReport": lambda: cdx.compare_groups(_with_groups(), ["Q1", "Q2"], population_sizes={"A": 400}),
    "Growth": _growth,
    "DIF": lambda: cdx.check_dif(_answers(), ["A", "B", "C"] * 100, model="Rasch", explanations={"x1": "Q1"}),
    "Fit": lambda: cdx.check_fit(_answers(), cdx.calibrate(_answers())),
    "Link": lambda: cdx.link(*(cdx.calibrate(_answers(), model="2PL", priors=how) for how in ("weak", None))),
    "Equivalents": lambda: cdx.linking.equate(*(cdx.calibrate(_answers(), model="2PL", priors=how) for how in ("weak", None))),
    "LinkMethods": lambda: cdx.linking.compare_links(*(cdx.calibrate(_answers(), model="2PL", priors=how) for how in ("weak", None))),
    "Ratings": _ratings,
    "Agreement": lambda: cdx.raters.check_agreement(_ratings()),
    "RaterCalibration": lambda: cdx.raters.calibrate_raters(_ratings(), facets=cdx.raters.Facets(drift="linear", thresholds="expert")),
    "Decisions": lambda: cdx.certify(
        cdx.diagnose(_responses(), _bank()), cdx.competencies.CertificationRule(minimum={_bank().header.subject: 55})
    ),
    "Routes": _routes,
    "NextItems": lambda: cdx.next_items(_profiles_of_a_form(), _bank()),
    "NextItems of a group": lambda: cdx.next_items(_profiles_of_a_form(), _bank(), form="group"),
    "AdaptiveSimulation": lambda: cdx.adaptive.simulate_adaptive(_bank(), 10, rng=np.random.default_rng(8), most=4),
    "DeficitProfiles": lambda: cdx.diagnose(_responses(), _bank()),
}


@pytest.fixture(scope="module", params=list(MAKERS))
def result(request: pytest.FixtureRequest) -> Result:
    return _quietly(MAKERS[request.param])


def test_fields_cannot_be_set(result: Result) -> None:
    for field in fields(result):  # type: ignore[arg-type]  # every result is a dataclass
        with pytest.raises(FrozenInstanceError):
            setattr(result, field.name, None)
    with pytest.raises((AttributeError, TypeError)):
        result.surprise = 1  # type: ignore[attr-defined]  # slots leave no room for it


def _arrays(item: object) -> list[np.ndarray]:
    """Return every array in a value, however deep."""
    if isinstance(item, np.ndarray):
        return [item]
    if is_dataclass(item) and not isinstance(item, type):
        return [a for f in fields(item) for a in _arrays(getattr(item, f.name))]
    if isinstance(item, tuple | list):
        return [a for v in item for a in _arrays(v)]
    if isinstance(item, dict):
        return [a for v in item.values() for a in _arrays(v)]
    return []


def test_arrays_are_read_only(result: Result) -> None:
    arrays = _arrays(result)
    assert arrays or isinstance(result, cdx.ItemBank)
    for array in arrays:
        assert not array.flags.writeable
        assert array.base is None or not array.base.flags.writeable


def test_frame_has_one_row_per_unit_and_is_a_copy(result: Result) -> None:
    frame = result.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) > 0
    assert frame.columns.is_unique
    frame[frame.columns[0]] = "changed"
    assert not result.to_frame().equals(frame)


def _refuse(constant: str) -> float:
    raise AssertionError(f"{constant} is no JSON")


def test_json_comes_back_to_the_same_bytes(result: Result) -> None:
    text = result.to_json()
    document = json.loads(text, parse_constant=_refuse)
    assert document["kind"] == result.kind
    assert document["schema_version"] == result.schema_version
    again = type(result).from_json(text)
    assert again.to_json() == text
    pd.testing.assert_frame_equal(again.to_frame(), result.to_frame())


def test_documents_satisfy_the_schema_of_their_types(result: Result) -> None:
    jsonschema.validate(json.loads(result.to_json()), type(result).json_schema())


def test_json_carries_how_it_was_made(result: Result) -> None:
    document = json.loads(result.to_json())
    if isinstance(result, cdx.ItemBank):
        assert document["digest"] == result.digest
    else:
        assert set(document["provenance"]) == {"verb", "library", "inputs", "settings"}
        assert document["provenance"]["library"] == cdx.__version__


def test_making_it_again_gives_the_same_bytes(request: pytest.FixtureRequest, result: Result) -> None:
    name = request.node.callspec.params["result"]
    assert _quietly(MAKERS[name]).to_json() == result.to_json()


def test_documents_of_another_kind_version_or_no_json_are_refused(result: Result) -> None:
    document = json.loads(result.to_json())
    with pytest.raises(DocumentError, match="is of kind 'recipe'; expected"):
        type(result).from_json(json.dumps(document | {"kind": "recipe"}))
    with pytest.raises(DocumentError, match=f"has schema_version 99; this library reads {result.schema_version}"):
        type(result).from_json(json.dumps(document | {"schema_version": 99}))
    with pytest.raises(DocumentError, match="is not JSON"):
        type(result).from_json(result.to_json()[:-2])
    with pytest.raises(DocumentError, match="is of kind None"):
        type(result).from_json("[1, 2]")


@pytest.mark.parametrize("text", ["{x: 1}", '{"n": ' + "9" * 5000 + "}", "[" * 100_000, b"\xff\xfe", '"\\ud800"'], ids=range(5))
def test_what_is_no_json_is_told_in_words_of_the_library(text: str | bytes) -> None:
    with pytest.raises(DocumentError) as refused:
        parse_json(text)
    assert refused.value.code == "result.not_json"
    assert not re.search(r"[A-Za-z]{3}", refused.value.text("ru").replace("JSON", "").replace("UTF", ""))
    assert "sys." not in refused.value.text("en")


def _places(part: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the paths of fields in a document, of long lists the first and the last element."""
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    some = [(k, v) for k, v in inner if not isinstance(part, list) or k in {0, len(part) - 1}]
    return [p for k, v in some for p in ((*path, k), *_places(v, (*path, k)))]


WRONG = ["drop", None, "text", -1, 1.5, True, [], [1, "a", None], {}, {"x": 1}, 10**400, [[[1]], 2]]


def _changed(document: Any, rng: np.random.Generator) -> tuple[str, str]:
    """Return the text of a document with one thing in it dropped or replaced by something else, and the field it is in."""
    places = _places(document)
    path = places[rng.integers(len(places))]
    holder, wrong = reduce(lambda part, k: part[k], path[:-1], document), WRONG[rng.integers(len(WRONG))]
    if wrong == "drop":
        del holder[path[-1]]
    else:
        holder[path[-1]] = wrong
    return json.dumps(document), str(path[0])


def test_a_changed_document_is_read_or_refused_with_the_path_of_the_field(result: Result) -> None:
    original = result.to_json()

    @settings(max_examples=6, deadline=None, derandomize=True)
    @given(seed=st.integers(0, 2**32))
    def change(seed: int) -> None:
        text, field = _changed(json.loads(original), np.random.default_rng(seed))
        try:
            type(result).from_json(text)
        except CompetencyDxError as fault:
            told = fault
        else:
            return
        assert field in str(told) or not told.code.startswith("result.") or told.code == "result.content", told
        assert len(str(told)) < 1500
        assert re.search("[а-яё]", told.text("ru"))

    change()


@pytest.mark.parametrize("text", [None, 3, b"{", "", "nothing", "[" * 100_000, {"kind": "scores"}])
def test_what_is_no_document_is_refused(text: Any) -> None:
    with pytest.raises(DocumentError):
        cdx.Scores.from_json(text)


def test_text_is_short_and_says_something(result: Result) -> None:
    lines = str(result).splitlines()
    assert 1 <= len(lines) <= MAX_LINES
    assert all(line.strip() for line in lines)
    assert repr(result) == str(result)
    assert not any(result.summary(language)[0][0].islower() for language in LANGUAGES)  # it is the title of a page


def test_html_is_a_table_without_scripts(result: Result) -> None:
    html = result._repr_html_()
    assert "<table" in html
    assert "<script" not in html.lower()
    assert "onclick" not in html.lower()


def test_every_kind_of_picture_draws(result: Result) -> None:
    from matplotlib import pyplot as plt
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    assert result.chart_kinds()
    for kind in (None, *result.chart_kinds()[1:]):
        figure = result.plot(kind, language="ru")
        assert isinstance(figure, Figure)
        assert figure.axes
        assert figure.axes[0].has_data()
        figure.canvas.draw()
        titles = {figure.get_suptitle(), *(axes.get_title(loc="left") for axes in figure.axes)} - {""}
        ends = [text.get_window_extent() for text in figure.findobj(Text) if text.get_text() in titles]
        assert not [text for text in ends if text.x0 < 0 or text.x1 > figure.bbox.x1 or text.y1 > figure.bbox.y1]
        assert not [word for word in _words_of(result.chart(kind or result.chart_kinds()[0], "en")) if re.search("[а-яё]", word)]
        named = _words_of(result.chart(kind or result.chart_kinds()[0], "ru"))
        ticks = [
            label.get_text()
            for axes in figure.axes
            if axes.get_visible()
            for axis in (axes.xaxis, axes.yaxis)
            for label in axis.get_ticklabels()
        ]
        assert not [text for text in ticks if re.search(r"\d\.\d", text) and text not in named]
        plt.close(figure)


NAMES = {
    "girth", "Rasch",  "competency_dx", "expert", "judgement", "physics", "mathematics", "teacher", "oblimin", "logit",
    "cos", "sin",  # of items of physics
    "profiles", "scores", "parquet", "synthetic",
    *(word for code in cdx.load_bank("mathematics").misconceptions for word in code.split("-")),
}  # fmt: skip
"""Words of programs, files, ids and the notation of the field that these results hold."""


def _latin(text: str) -> set[str]:
    """Return the Latin words of three letters or more in small letters that are no names; hexadecimal digests are none."""
    code = r"sha256:[0-9a-f]+|\b[0-9a-f]{32}\b|\b[A-Za-z]\w+\([^()]*\)|\b\w+=|--[a-z-]+|twopl_mml|\b[a-z_]+\.[a-z_]+\b"
    return set(re.findall(r"(?<![A-Za-z\d.])[A-Z]?[a-z]{3,}(?![A-Z\d])\b", re.sub(code, " ", text))) - NAMES


def _words_of(chart: Any) -> list[str]:
    own = [chart.title, chart.x_label, chart.y_label, *chart.y_names, *chart.x_names]
    named = [word for s in chart.series for word in (s.name, *s.labels)]
    return [*own, *named, *(word for panel in chart.panels for word in _words_of(panel))]


def test_nothing_is_english_on_a_russian_page(result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from openpyxl import load_workbook  # type: ignore[import-untyped]

    said = "\n".join(result.summary("ru"))
    drawn = "\n".join(word for kind in result.chart_kinds() for word in _words_of(result.chart(kind, "ru")))
    monkeypatch.setattr("competency_dx.reports.result_page.chart_svg", lambda *_, **__: "")  # whose words are in `drawn`
    page = cdx.report(result, tmp_path / "page.html").read_text(encoding="utf-8")
    seen = html.unescape(re.sub(r"<style>.*?</style>|<script>.*?</script>|<[^>]+>", " ", page, flags=re.DOTALL))
    book = load_workbook(cdx.report(result, tmp_path / "book.xlsx"))
    cells = "\n".join(str(c) for sheet in book for row in sheet.iter_rows(values_only=True) for c in row if c)
    shown = [column for table in result_view(result, "ru")["tables"] for column in zip(*table["rows"], strict=True)]
    columns = [[text for text in column if text] for column in shown]
    assert not [column for column in columns if all(text.endswith(",000") for text in column) and column]  # counts are whole
    assert not re.search(r"<th(?=[ >])(?![^>]*scope=)", page)  # whoever has a table read out hears which column a cell is in
    assert not re.findall(r"(?<![\d.\w-])\d+\.\d+(?![\d.])", re.sub(r"teacher \d\.\d|Layout\(.*?\)", "", f"{said} {drawn} {seen}"))
    for text in (said, drawn, seen, cells):
        assert not _latin(text)
        assert text is cells or not re.search(r"(?<![^\W\d]-)(?<![\w.])-\d", text)


def test_english_is_what_is_said_without_a_language(result: Result) -> None:
    assert result.summary() == result.summary("en")
    assert not re.search("[а-яё]", result.summary()[0])


def test_unknown_pictures_say_what_there_is(result: Result) -> None:
    with pytest.raises(ValueError, match=rf"has no plot 'pie'; choose one of: {result.chart_kinds()[0]}"):
        result.plot("pie")


def test_markup_in_ids_is_escaped() -> None:
    frame = pd.DataFrame({"<script>alert(1)</script>": [0, 1], "b": [1, 1]})
    html = cdx.load_responses(frame)._repr_html_()
    assert "<script" not in html


def test_an_array_given_to_a_result_may_be_changed_afterwards() -> None:
    theta = np.zeros((1, 1))
    found = cdx.score(_responses().select(persons=["1"]), _bank())
    from dataclasses import replace

    copy = replace(found, theta=theta)
    theta[0, 0] = 5.0
    assert copy.theta[0, 0] == 0.0


def test_encode_turns_what_is_not_finite_into_null() -> None:
    assert encode({"a": np.nan, "b": np.array([1.0, np.inf]), "c": (np.float64(2.5), np.int8(3))}) == {
        "a": None,
        "b": [1.0, None],
        "c": [2.5, 3],
    }


def test_decode_names_the_place_of_a_fault() -> None:
    text = cdx.score(_responses().select(persons=["1"]), _bank()).to_json()
    document = json.loads(text)
    del document["provenance"]["verb"]
    with pytest.raises(DocumentError, match=r"scores\.provenance: unknown fields: none, missing fields: verb"):
        cdx.Scores.from_json(json.dumps(document))
    assert np.isnan(decode(float, None, "x"))


def test_what_is_not_a_number_is_null_in_the_document() -> None:
    found = _quietly(_gap)
    assert isinstance(found, cdx.Calibration)
    assert np.isnan(found.parameters.intercepts[1, 2])
    assert json.loads(found.to_json())["parameters"]["intercepts"][1][2] is None
