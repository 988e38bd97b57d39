"""A changed document is refused with the path of what is wrong, or works: nothing that was accepted fails when it is used.

``python tests/result/test_mutations.py 1000`` tries so many changes of each small document and counts what became of them.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from traceback import extract_tb
from typing import Any, Literal

import numpy as np
import pytest
import small_documents as small

import competency_dx as cdx
from competency_dx.errors import LANGUAGES, CompetencyDxError, CompetencyDxWarning, DocumentError
from competency_dx.result import JsonDocument, Result, digest_text
from competency_dx.routes import load_catalogue

ORDINARY, LONG, ARRAYS = 20, 800, 5
METHODS = (
    "thresholds", "curves", "population_frame", "bank_records", "bank_population", "bank_dimensions", "findings", "to_irw",
    "strengths_frame", "decisions_frame", "parameters_frame", "options_frame", "mesa", "mean_shares", "to_table",
)  # fmt: skip
DEEP: Any = "end"
for _ in range(200):
    DEEP = [DEEP]
STRANGE: list[Any] = [
    None, "", "text", "\ud800", "Иванова Мария", -1, 0, 1, 2, 1.5, -0.5, 99, 300, 1e-300, 1e308, -1e14, 10**9, 10**400, True,
    [], [None], [[1.0]], [[[1]], 2], [1, "a", None], {}, {"x": 1}, {"ru": "a"}, DEEP, {"deep": DEEP},
]  # fmt: skip


def _holders(part: Any) -> Iterator[Any]:
    """Yield the lists and objects of a document that hold something."""
    if isinstance(part, dict | list) and part:
        yield part
        for inner in part.values() if isinstance(part, dict) else part:
            yield from _holders(inner)


def _put(holder: Any, rng: random.Random, change: Callable[[Any], Any]) -> None:
    key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
    holder[key] = change(holder[key])


def _copy(part: Any, _: Any) -> Any:
    return json.loads(json.dumps(part))


def _number(x: Any, rng: random.Random) -> Any:
    if isinstance(x, bool) or not isinstance(x, int | float) or abs(x) > 1e200:
        return rng.choice(STRANGE)
    return rng.choice([-x, x + 1, x - 1, 1000 * x, 1e6 * x, x / 1e6, x + 0.5, -1e3 * x, 10 * x, 1 - x])


def mutated(document: Any, rng: random.Random) -> str:
    """Return the text of a document with one to three things in it changed."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        document = _copy(document, None)  # nothing is in two places, or in a list of this module
        holders = list(_holders(document))
        by_depth = rng.random() < 0.5  # arrays have the most places; every field should be met
        few = [h for h in holders if isinstance(h, dict)] if by_depth else holders
        holder, other = rng.choice(few or holders), rng.choice(holders)
        inner = list(holder.values()) if isinstance(holder, dict) else holder
        what = rng.randrange(10)
        if what == 0:
            holder.pop(rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder)))
        elif what == 1 and isinstance(holder, list):
            changes: list[Callable[[], Any]] = [holder.reverse, partial(rng.shuffle, holder), partial(holder.append, holder[0])]
            rng.choice(changes)()
        elif what == 2 and isinstance(holder, dict):
            name, other_name = rng.choice(list(holder)), rng.choice(list(holder))
            holder[rng.choice([name + "x", "x", other_name])] = holder.pop(name)
        elif what == 3:
            _put(holder, rng, partial(_copy, rng.choice(inner)))
        elif what == 4:
            source = rng.choice(list(other.values()) if isinstance(other, dict) else other)
            _put(holder, rng, partial(_copy, source))
        elif what in {5, 6, 7}:
            _put(holder, rng, lambda x: _number(x, rng))
        elif what == 8 and isinstance(holder, dict):
            holder[rng.choice(["surprise", *holder])] = rng.choice(STRANGE)
        else:
            _put(holder, rng, lambda _: rng.choice(STRANGE))
    if document.get("kind") == "item_bank" and rng.random() < 0.9:  # so that its digest does not tell of the change
        parts = {name: document.get(name) for name in ("header", "items", "framework", "parameters")}
        whole = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        document["digest"] = digest_text(whole.encode(errors="replace").decode())
    text = json.dumps(document)
    if rng.random() < 0.02:
        at = rng.randrange(len(text))
        text = rng.choice([text[:at], text[:at] + text[at + 1 :], text[:at] + "NaN" + text[at:], text.replace("{", '{"kind":1,', 1)])
    return text


def use(document: JsonDocument) -> None:
    """Do with a document what its readers do; a sentence of the library may be the answer, once it is read."""
    text = document.to_json()
    again = type(document).from_json(text)
    assert again.to_json() == text
    assert str(document)
    if isinstance(document, Result):
        document.to_frame()
        assert document._repr_html_()
        for language in LANGUAGES:
            document.summary(language)
            for kind in document.chart_kinds():
                document.chart(kind, language)
    for name in dir(type(document)):
        if not name.startswith("_") and isinstance(getattr(type(document), name), property):
            getattr(document, name)
    for name in METHODS:
        if callable(getattr(document, name, None)):
            with contextlib.suppress(CompetencyDxError):
                getattr(document, name)()
    use_of_persons(document)


def use_of_persons(document: JsonDocument) -> None:
    """Select persons, and read what is said of each."""
    if isinstance(document, cdx.DeficitProfiles):
        use_more = document.select(document.persons[:1].tolist())
        assert [json.loads(p.to_json())["person"] for p in document] == document.persons.tolist()
        assert type(document).from_json(use_more.to_json()).to_json() == use_more.to_json()
    elif isinstance(document, cdx.Responses):
        few = document.select(persons=document.persons[:1].tolist(), items=document.items[:2])
        assert type(document).from_json(few.to_json()).to_json() == few.to_json()
    elif isinstance(document, cdx.adaptive.NextItems):
        for person in document.persons:
            assert isinstance(document[person], tuple)
    elif isinstance(document, cdx.Profile):
        assert (document.deficits, document.strengths) is not None
        for conclusion in document.conclusions:
            assert document[conclusion.competency.code] is conclusion
    elif isinstance(document, cdx.ItemBank):
        assert all(document.item(i.id) is i for i in document.items)


def use_further(document: JsonDocument, folder: Path, language: Literal["ru", "en"]) -> None:
    """Do with a document what comes after reading: its report, and the verbs that go on from it, which may refuse in a sentence."""
    few, verbs = partial(cdx.simulate, persons=5, rng=np.random.default_rng(1)), list[Any]()
    bank, given, answers = small.bank(), small.responses(), cdx.load_responses(small.answers())
    of_kinds: dict[type, list[Any]] = {
        cdx.ItemBank: [
            few,
            lambda x: cdx.score(few(x), x),
            lambda x: cdx.diagnose(few(x), x),
            lambda x: cdx.save_bank(x, folder / "b"),
        ],
        cdx.Calibration: [
            lambda x: cdx.score(few(x), x),
            cdx.reliability,
            lambda x: cdx.link(x, x),
            lambda x: cdx.check_fit(few(x), x),
        ],
        cdx.ClassCalibration: [
            partial(cdx.classification.attribute_posteriors, answers),
            partial(cdx.classification.classification_accuracy, answers),
        ],
        cdx.Responses: [partial(verb, parameters=bank) for verb in (cdx.score, cdx.check_fit)]
        + [partial(verb, bank=bank) for verb in (cdx.diagnose, cdx.check_items, cdx.find_misconceptions)],
        cdx.DeficitProfiles: [
            lambda x: cdx.next_items(cdx.diagnose(given, bank, population=x.population), bank, n=1),
            lambda x: cdx.next_items(x, bank, n=1),
            lambda x: cdx.certify(x, cdx.competencies.CertificationRule(minimum={x.competencies[0].code: 55}, purpose="certification")),
            lambda x: cdx.compare_groups(x, ["school"]),
            lambda x: cdx.measure_growth(x, x, draws=100),
            lambda x: cdx.recommend(x, load_catalogue("synthetic")),
        ],
        cdx.routes.Routes: [lambda x: x.with_mentors(small._needy(), {"31": 1}), lambda x: x.demand(small._needy(), "school")],
        cdx.competencies.Decisions: [lambda x: cdx.next_items(small.profiles(), bank, n=1, decisions=x)],
        cdx.Profile: [lambda x: x.issue("2026-09-02", supersedes=x)],
        cdx.raters.Ratings: [cdx.raters.check_agreement, cdx.raters.calibrate_raters],
    }
    if isinstance(document, Result):
        verbs.append(partial(cdx.report, document, folder / language, language=language))
    verbs += [partial(one, document) for one in of_kinds.get(type(document), ())]
    for verb in verbs:
        with contextlib.suppress(CompetencyDxError):
            verb()


def tried(kind: type[JsonDocument], text: str, *, further: bool = True) -> str:
    """Return what became of a document; raises what a reader would not have expected."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", CompetencyDxWarning)
        try:
            document = kind.from_json(text)
        except DocumentError as fault:
            refusal = fault
        else:
            use(document)
            language: Literal["ru", "en"] = "ru" if len(text) % 2 else "en"  # of many documents about half each
            with tempfile.TemporaryDirectory() as folder:
                warnings.simplefilter("ignore", RuntimeWarning)  # of numbers that cannot be told from possible ones
                use_further(document, Path(folder), language) if further else None
            return "accepted"
    told = str(refusal)
    assert len(told) < 1500
    assert kind.kind in told or refusal.code in {"result.not_json", "result.names_twice", "result.no_number"}, told
    assert any("а" <= letter <= "я" for letter in refusal.text("ru").lower())
    return "refused"


def of_kind(name: str) -> tuple[type[JsonDocument], str]:
    """Return class and text of the golden document of today's version."""
    kinds = small.kinds()
    kind = kinds[name] if name in kinds else kinds[name.removesuffix("_several")]
    return kind, small.read(small.golden(name, kind.schema_version))


def seeds(name: str, n: int) -> Iterator[tuple[str, random.Random]]:
    """Yield generators, each told by its name."""
    return ((f"{name} {k}", random.Random(f"{name} {k}")) for k in range(n))


CELLS: dict[str, Callable[[list[Any]], Any]] = {  # what is made of the innermost list of an array
    "a null": lambda x: [None, *x[1:]],
    "nulls": lambda x: [None] * len(x),
    "zeros": lambda x: [0] * len(x),
    "the first": lambda x: x[:1] * len(x),
    "reversed": lambda x: x[::-1],
    "one more": lambda x: x + x[:1],
    "one less": lambda x: x[:-1],
    "twice": lambda x: x + x,
    "none": lambda _: [],
    "next": lambda x: [v + 1 if isinstance(v, int) and not isinstance(v, bool) else v for v in x],
    "before": lambda x: [v - 1 if isinstance(v, int) and not isinstance(v, bool) else v for v in x],
    "beyond": lambda x: [99 if isinstance(v, int) and not isinstance(v, bool) else v for v in x],
}


def arrays_of(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of the lists of a document that hold no list or object."""
    if isinstance(part, list) and part and not any(isinstance(x, dict | list) for x in part):
        yield path
    for key, inner in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield from arrays_of(inner, (*path, key))


def with_array(document: Any, path: tuple[Any, ...], change: Callable[[list[Any]], Any], *, everywhere: bool) -> str | None:
    """Return a document with a list changed, and all those beside it in an array if `everywhere`; None where nothing changes."""
    out, holder = _copy(document, None), None
    rows = path
    while everywhere and isinstance(rows[-1], int):
        rows = rows[:-1]
    holder = out
    for step in rows[:-1]:
        holder = holder[step]

    def changed(part: Any) -> Any:
        flat = not (part and isinstance(part[0], list))
        return change(part) if flat else [changed(row) for row in part]

    holder[rows[-1]] = changed(holder[rows[-1]]) if isinstance(holder[rows[-1]], list) else holder[rows[-1]]
    if out.get("kind") == "item_bank":
        parts = {name: out.get(name) for name in ("header", "items", "framework", "parameters")}
        out["digest"] = digest_text(json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
    return None if out == document else json.dumps(out)


def array_mutants(name: str) -> Iterator[tuple[str, str]]:
    """Yield changes of each array of a golden document, of alike places the first and the last, with a name for each."""
    document, places = json.loads(of_kind(name)[1]), dict[str, list[tuple[Any, ...]]]()
    for path in arrays_of(document):
        places.setdefault(".".join("#" if isinstance(step, int) else step for step in path), []).append(path)
    for alike in places.values():
        for path in dict.fromkeys((alike[0], alike[-1])):
            for label, change in CELLS.items():
                for everywhere in (False, True):
                    if (text := with_array(document, path, change, everywhere=everywhere)) is not None:
                        yield f"{name} {'.'.join(map(str, path))} {label}{' everywhere' * everywhere}", text


@pytest.mark.parametrize("name", small.MAKERS)
def test_a_document_whose_arrays_do_not_fit_together_is_refused_or_works(name: str) -> None:
    mutants = sorted(array_mutants(name))
    for label, text in random.Random(name).sample(mutants, min(ARRAYS, len(mutants))):
        try:
            tried(of_kind(name)[0], text)
        except Exception as fault:
            raise AssertionError(label) from fault


@pytest.mark.parametrize("name", ["calibration_several", "responses", "deficit_profiles", "routes"])
def test_a_document_that_does_not_say_what_it_was_made_of_works(name: str) -> None:
    document = json.loads(of_kind(name)[1])
    document["provenance"]["inputs"] = {}
    assert tried(of_kind(name)[0], json.dumps(document)) == "accepted"


def test_a_calibration_without_standard_errors_makes_no_bank() -> None:
    kind, text = of_kind("calibration_several")
    without = with_array(json.loads(text), ("covariance", 0), CELLS["nulls"], everywhere=True)
    assert without is not None
    found = kind.from_json(without)
    assert isinstance(found, cdx.Calibration)
    for records in (found.bank_records, found.bank_population):
        with pytest.raises(CompetencyDxError, match="no standard errors"):
            records()


@pytest.mark.parametrize("name", small.MAKERS)
def test_a_changed_document_is_refused_or_works(name: str) -> None:
    kind, text = of_kind(name)
    became = Counter(tried(kind, mutated(json.loads(text), rng), further=k == 0) for k, (_, rng) in enumerate(seeds(name, ORDINARY)))
    assert became["refused"]


@pytest.mark.recovery
@pytest.mark.parametrize("name", small.MAKERS)
def test_many_changed_documents_are_refused_or_work(name: str) -> None:
    kind, text = of_kind(name)
    became = Counter(tried(kind, mutated(json.loads(text), rng)) for _, rng in seeds(f"long {name}", LONG))
    assert min(became["refused"], became["accepted"]) > 0 or name == "item_bank"  # whose digest tells of any change


if __name__ == "__main__":
    if sys.argv[1] == "arrays":
        for one in sys.argv[2:] or small.MAKERS:
            seen: Counter[str] = Counter()
            for label, changed in array_mutants(one):
                try:
                    seen[tried(of_kind(one)[0], changed)] += 1
                except Exception as error:  # noqa: BLE001 - that is what is counted
                    seen["FAILED"] += 1
                    frames = [f for f in extract_tb(error.__traceback__) if "/competency_dx/" in f.filename]
                    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "the test"
                    print(f"  {label}: {type(error).__name__} {str(error)[:160]!r} at {where}", flush=True)
            print(one, dict(seen), flush=True)
        sys.exit()
    total: Counter[str] = Counter()
    for one in sys.argv[2:] or small.MAKERS:
        cls, original = of_kind(one)
        found: Counter[str] = Counter()
        for seed, source in seeds(f"run {one}", int(sys.argv[1])):
            changed = mutated(json.loads(original), source)
            try:
                found[tried(cls, changed)] += 1
            except Exception as error:  # noqa: BLE001 - that is what is counted
                found["FAILED"] += 1
                if found["FAILED"] <= 8:
                    frames = [f for f in extract_tb(error.__traceback__) if "/competency_dx/" in f.filename]
                    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "the test"
                    print(f"  {seed}: {type(error).__name__} {str(error)[:160]!r} at {where}", flush=True)
        print(one, dict(found), flush=True)
        total += found
    print("in all", dict(total))
