"""Small results of every kind, and the golden documents: one of each kind and schema version that this library ever wrote.

``python tests/result/small_documents.py`` writes those of today's versions that are not there yet; what is there is never
written anew, for it is what others hold.
"""

from __future__ import annotations

import gzip
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import import_module
from inspect import isabstract
from pathlib import Path
from pkgutil import walk_packages

import numpy as np
import pandas as pd

import competency_dx as cdx
from competency_dx.errors import CompetencyDxWarning
from competency_dx.result import JsonDocument
from competency_dx.routes import load_catalogue
from competency_dx.scoring import Reliability

FOLDER = Path(__file__).parents[1] / "golden" / "documents"


@cache
def kinds(base: type[JsonDocument] = JsonDocument) -> dict[str, type[JsonDocument]]:
    """Return the classes of documents by kind; none is in the service."""
    for module in walk_packages(cdx.__path__, "competency_dx."):
        if not module.name.startswith(("competency_dx.service", "competency_dx.__main__")):
            import_module(module.name)
    out = {} if base is JsonDocument or isabstract(base) else {base.kind: base}
    return out | {k: c for below in base.__subclasses__() for k, c in kinds(below).items()}


@cache
def bank() -> cdx.ItemBank:
    """Return a bank of ten items of the mathematics bank, with the part of the framework that they need."""
    whole = cdx.load_bank("mathematics")
    single = [item for item in whole.items if item.type == "single" and item.misconceptions]
    others = {item.type: item for item in whole.items if item.type != "single"}
    few = (*single[:6], *others.values())
    ids = [item.id for item in few]
    needed = {n.code for item in few for code in item.competencies for n in whole.framework.lineage(code)}
    framework = whole.framework.model_copy(
        update={
            "nodes": tuple(n for n in whole.framework.nodes if n.code in needed),
            "prerequisites": tuple(e for e in whole.framework.prerequisites if {e.origin, e.destination} <= needed),
        }
    )
    form = whole.forms[0].model_copy(update={"items": tuple(ids[:7]), "parts": {}, "anchors": ()})
    used = {c for item in few for c in item.misconception_codes.values()}
    header = whole.header.model_copy(
        update={
            "forms": (form,),
            "reference_set": tuple(ids),
            "misconceptions": {code: title for code, title in whole.misconceptions.items() if code in used},
            "stimuli": {},
        }
    )
    records = tuple(r for r in whole.parameters if r.item in ids)
    few = tuple(item.model_copy(update={"enemies": (), "stimulus": None}) for item in few)
    return replace(whole, header=header, items=few, framework=framework, parameters=records)


@cache
def responses() -> cdx.Responses:
    """Return answers of five persons to the form."""
    drawn = cdx.simulate(bank(), 5, rng=np.random.default_rng(1))
    return replace(drawn, background={"school": np.array(["a", "b", "", "a", "b"], dtype=object)})


@cache
def chosen() -> cdx.Responses:
    """Return options chosen by 40 persons."""
    rng, single = np.random.default_rng(6), [item for item in bank().items if item.type == "single"]
    given = {i.id: [list(i.options)[k] for k in rng.integers(0, len(i.options), 40)] for i in single}
    return cdx.load_responses(pd.DataFrame(given), bank=bank())


@cache
def answers() -> pd.DataFrame:
    """Return right and wrong answers of 60 persons to three items of each of two competencies."""
    rng = np.random.default_rng(5)
    theta = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 60, method="cholesky")
    right = rng.random((60, 6)) < 1 / (1 + np.exp(-(1.2 * np.repeat(theta, 3, axis=1) + rng.normal(0, 0.7, 6))))
    return pd.DataFrame(right.astype(int), columns=["x0", "x1", "x2", "y3", "y4", "y5"])


@cache
def two() -> cdx.Calibration:
    """Return a calibration of two competencies."""
    return cdx.calibrate(answers(), dimensions={name: name[0] for name in answers().columns})


@cache
def groups() -> cdx.Calibration:
    """Return a calibration of two groups with items of several families."""
    data = answers().assign(s=lambda t: t["x0"] + t["x1"])
    method = cdx.MarginalML(population=cdx.calibration.Population(by=["a", "b"] * 30))
    return cdx.calibrate(data, model=dict.fromkeys(data.columns, "2PL") | {"s": "GPCM", "x0": "3PL"}, method=method)


@cache
def classes() -> cdx.ClassCalibration:
    """Return a calibration of two attributes."""
    q = pd.DataFrame({"A": [1, 1, 1, 0, 0, 1], "B": [0, 0, 0, 1, 1, 1]}, index=answers().columns)
    return cdx.calibrate(answers(), model="GDINA", dimensions=q)


@cache
def ratings() -> cdx.raters.Ratings:
    """Return the marks of three experts for the works of 14 persons, one of them unreadable."""
    rng = np.random.default_rng(4)
    rows = [(f"w{p}", c, f"e{r}", str(rng.integers(0, 3)), p) for p in range(14) for r in rng.choice(3, 2, replace=False) for c in "kl"]
    return cdx.raters.load_ratings(
        pd.DataFrame([*rows, ("w0", "k", "e1", "?", 0)], columns=["person", "criterion", "expert", "mark", "day"])
    )


@cache
def profiles() -> cdx.DeficitProfiles:
    """Return profiles of three persons with everything that profiles can hold."""
    out = cdx.diagnose(responses().select(persons=["1", "2", "3"], items=bank().forms[0].items), bank())
    out = out.with_misconceptions(cdx.find_misconceptions(chosen(), bank()))
    return out.with_next_items(cdx.next_items(out, bank(), n=2))


def _file(verb: Callable[..., JsonDocument]) -> JsonDocument:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "answers.parquet"
        responses().to_frame().to_parquet(source)
        return verb(source, Path(folder) / "out.parquet", bank())


MAKERS: dict[str, Callable[[], JsonDocument]] = {
    "item_bank": bank,
    "responses": lambda: chosen().select(persons=["1", "2", "3", "4"]),
    "calibration": groups,
    "calibration_several": two,
    "cross_check": lambda: cdx.quality.cross_check(cdx.calibrate(answers()), answers()),
    "factor_solution": lambda: cdx.calibration.rotated(cdx.calibrate(answers(), dimensions=cdx.calibration.Exploratory(n=2))),
    "class_calibration": classes,
    "attribute_posteriors": lambda: cdx.classification.attribute_posteriors(
        cdx.load_responses(answers()).select(persons=["1", "2", "3"]), classes()
    ),
    "classification_accuracy": lambda: cdx.classification.classification_accuracy(cdx.load_responses(answers()), classes()),
    "q_validation": lambda: cdx.classification.validate_q_matrix(cdx.load_responses(answers()), classes()),
    "scores": lambda: cdx.score(responses(), bank()),
    "scores_several": lambda: cdx.score(cdx.load_responses(answers()).select(persons=["1", "2", "3"]), two()),
    "plausible_values": lambda: cdx.plausible_values(
        responses(), bank(), n=2, rng=np.random.default_rng(7), conditioning=pd.DataFrame({"x": np.arange(5.0)}, index=list("12345"))
    ),
    "pooled": lambda: cdx.scoring.pool([[1.0, 2.0], [1.2, 2.1], [0.9, 2.2]], [[0.1, 0.1], [0.2, 0.2], [0.1, 0.1]]),
    "reliability": lambda: _thin(cdx.reliability(bank(), responses=responses())),
    "reliability_several": lambda: _thin(cdx.reliability(two())),
    "file_scores": lambda: _file(cdx.scoring.score_file),
    "file_profiles": lambda: _file(cdx.diagnose_file),
    "item_analysis": lambda: cdx.check_items(chosen(), bank()),
    "misconception_evidence": lambda: cdx.find_misconceptions(chosen().select(persons=["1", "2", "3", "4"]), bank()),
    "group_report": lambda: cdx.compare_groups(_of_schools(), ["school"], population_sizes={"a": 40}),
    "decisions": lambda: cdx.certify(
        _of_schools(), cdx.competencies.CertificationRule(minimum={bank().header.subject: 55}, purpose="certification")
    ),
    "growth": lambda: cdx.measure_growth(_of_schools(), _of_schools(), by="school", draws=100),
    "routes": lambda: _routes(_needy()),
    "dif": lambda: cdx.check_dif(answers(), ["a", "b"] * (len(answers()) // 2), model="Rasch", explanations={"x1": "!"}),
    "fit": lambda: cdx.check_fit(answers(), cdx.calibrate(answers())),
    "link": lambda: cdx.link(cdx.calibrate(answers()), cdx.calibrate(answers().iloc[:40])),
    "equivalents": lambda: cdx.linking.equate(cdx.calibrate(answers()), cdx.calibrate(answers().iloc[:40])),
    "link_methods": lambda: cdx.linking.compare_links(cdx.calibrate(answers()), cdx.calibrate(answers().iloc[:40])),
    "ratings": ratings,
    "agreement": lambda: cdx.raters.check_agreement(ratings()),
    "rater_calibration": lambda: cdx.raters.calibrate_raters(ratings()),
    "next_items": lambda: cdx.next_items(profiles(), bank(), n=2),
    "adaptive_simulation": lambda: cdx.adaptive.simulate_adaptive(bank(), 3, rng=np.random.default_rng(8), most=3),
    "deficit_profiles": profiles,
    "profile": lambda: profiles()["2"].issue("2026-09-01"),
}
"""Kinds, where there are several documents of one with a word more."""


def _of_schools() -> cdx.DeficitProfiles:
    """Return profiles of 30 persons of two schools."""
    drawn = cdx.simulate(bank(), 30, rng=np.random.default_rng(1))
    return cdx.diagnose(replace(drawn, background={"school": np.array(["a", "b"] * 15, dtype=object)}), bank())


def _needy() -> cdx.DeficitProfiles:
    """Return profiles of two persons with deficits and of one without."""
    drawn = cdx.simulate(cdx.load_bank("physics"), 40, rng=np.random.default_rng(1))
    drawn = replace(drawn, background={"place": np.array(["a"] * 6 + ["b"] * 34, dtype=object)})
    return cdx.diagnose(drawn.select(persons=["1", "7", "31"]), cdx.load_bank("physics"))


def _routes(needy: cdx.DeficitProfiles) -> cdx.routes.Routes:
    """Return routes in which the person without a deficit is a mentor."""
    out = cdx.recommend(needy, load_catalogue("synthetic"), budget={"place": {"a": np.inf, "b": 9000.0}}, wishes={"7": ["PHY-01"]})
    return out.with_mentors(needy, {"31": 1}, near=["place"], methodists={"1": 2})


def _thin(found: Reliability) -> Reliability:
    """Return a reliability at few points of the scale."""
    return replace(found, theta=found.theta[..., ::40], information=found.information[..., ::40])


def made(name: str) -> JsonDocument:
    """Return the small result of this name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return MAKERS[name]()


def golden(name: str, version: int) -> Path:
    """Return the file of a golden document."""
    return FOLDER / f"{name}-{version}.json.gz"


def read(file: Path) -> str:
    """Return the text of a golden document."""
    return gzip.decompress(file.read_bytes()).decode()


def write(name: str, version: int, text: str) -> None:
    """Write a golden document, which has the same bytes whenever that is."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    golden(name, version).write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    for one in MAKERS:
        document = made(one)
        if not golden(one, document.schema_version).exists():
            write(one, document.schema_version, document.to_json())
