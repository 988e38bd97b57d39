"""Every error has its sentence in Russian and in English from the catalogue of its room."""

from __future__ import annotations

import ast
import pickle
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Formatter
from typing import Any, cast

import numpy as np
import pytest
import typer

import competency_dx as cdx
from competency_dx import errors
from competency_dx.cli.terminal import in_switches
from competency_dx.errors import LANGUAGES, CompetencyDxError, ScoringError, has_sentence, phrase

SOURCE = Path(__file__).parents[2] / "src" / "competency_dx"
DEMO = SOURCE.parents[1] / "examples" / "competency_dx_demo"
CLASSES = {name for name, thing in vars(errors).items() if isinstance(thing, type) and issubclass(thing, CompetencyDxError)}
MAKERS = CLASSES | {"phrase", "CommandError"}
LATER = re.compile("responses/none")
PROGRAMMERS = {
    "arrays.py": {"TypeError"},
    "__init__.py": {"AttributeError"},
    "bank/__init__.py": {"AttributeError"},
    "competencies/__init__.py": {"AttributeError"},
    "quality/__init__.py": {"AttributeError"},
    "service/__init__.py": {"AttributeError"},
}  # what Python itself raises in such a case
CODE = re.compile(r"\{[^}]*\}|[\w.]+\([^)]*\)|pip install .*|[\"'][^\"']*[\"']")
LATIN = re.compile(r"(?<![\w.])[A-Za-z]{2,} +[a-z]{2,}")  # two words, which are no names of things in the code


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that make an error or a part of its sentence."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS and node.args:
            yield node


@pytest.fixture(scope="module")
def modules() -> dict[str, ast.Module]:
    """Return every module by its place (parsed where the tests run, not in every process that collects them)."""
    paths = sorted(SOURCE.rglob("*.py"))
    return {str(path.relative_to(SOURCE)): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def catalogue() -> dict[str, dict[str, str]]:
    """Return every sentence by its code."""
    out: dict[str, dict[str, str]] = {}
    for path in sorted(SOURCE.rglob("errors.toml")):
        content, room = tomllib.loads(path.read_text(encoding="utf-8")), path.parent.name
        rooms = content if path.parent == SOURCE else {room: content}
        out |= {f"{r}.{code}": both for r, group in rooms.items() for code, both in group.items()}
    return out


ALL, PLACES = catalogue(), sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py"))
FIELD = re.compile(
    r"bank\.(field|key_form|what)_\w+|result\.type_\w+|storage\.why_\w+|errors\.fault_\w+|limits\.of_\w+|responses\.(expected|kind|is)_\w+|responses\.\w+_twice|responses\.\w+_remedy"
)  # whose codes are put together where they are used


def places(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


@pytest.mark.parametrize("place", PLACES)
def test_errors_come_from_the_catalogue_with_their_facts(modules: dict[str, ast.Module], place: str) -> None:
    tree = modules[place]
    for call in [] if LATER.fullmatch(place) else calls(tree):
        code = call.args[0]
        if place == "errors.py" or not isinstance(code, ast.Constant):
            assert place == "errors.py" or isinstance(code, ast.Name | ast.JoinedStr | ast.IfExp | ast.Subscript), ast.unparse(call)
            assert not (isinstance(code, ast.JoinedStr) and " " in ast.unparse(code)), ast.unparse(call)
            continue
        assert code.value in ALL, code.value
        named = {k.arg for k in call.keywords}
        if None not in named:
            assert places(ALL[code.value]["en"]) | places(ALL[code.value]["ru"]) == named - {"state"}, code.value


@pytest.mark.parametrize("place", PLACES)
def test_nothing_else_is_raised(modules: dict[str, ast.Module], place: str) -> None:
    for node in [] if LATER.fullmatch(place) else ast.walk(modules[place]):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
            name = node.exc.func.id
            builtin = name in {"ValueError", "TypeError", "KeyError", "RuntimeError", "AttributeError", "IndexError"}
            assert not builtin or name in PROGRAMMERS.get(place, set()), ast.unparse(node)


@pytest.mark.parametrize("code", sorted(ALL))
def test_sentences_are_bilingual(code: str) -> None:
    ru, en = ALL[code]["ru"], ALL[code]["en"]
    assert set(ALL[code]) == {"ru", "en"}
    assert not re.search("[а-яё]", en)
    text = CODE.sub("", ru)
    assert not LATIN.findall(text), LATIN.findall(text)
    assert re.search("[а-яё]", text) or ru == en
    for language, text, forms in (("ru", ru, 3), ("en", en, 2)):
        for _, _, spec, _ in Formatter().parse(text):
            assert not spec or "|" not in spec or spec.count("|") + 1 == forms, language


def test_no_sentence_is_left_over() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for folder in (SOURCE, DEMO) for path in folder.rglob("*.py"))
    unused = [code for code in ALL if f'"{code}"' not in text and not FIELD.fullmatch(code)]
    assert not unused


def test_an_error_says_its_sentence_in_both_languages_and_survives_a_process() -> None:
    fault = ScoringError("persons.no_common_items", items=[f"i{k}" for k in range(9)], items2=("a",))
    assert "i0, i1, i2, i3, i4 and 4 more" in str(fault)
    assert "i4 и ещё 4" in fault.text("ru")
    again = pickle.loads(pickle.dumps(fault))
    assert (str(again), again.text("ru"), again.code) == (str(fault), fault.text("ru"), fault.code)
    inner = ScoringError("scoring.number_of_sets", n=0)
    assert phrase("bank.in_bank", id="b", fault=inner)["ru"] == f"банк b: {inner.text('ru')}"
    assert has_sentence("scoring.number_of_sets")
    assert not has_sentence("no.such")


@pytest.mark.parametrize("wrong", [None, 3, object(), {}])
def test_arguments_of_a_wrong_type_are_named_in_one_sentence(wrong: Any, tmp_path: Path) -> None:
    bank, other = cdx.load_bank("physics"), cast("Any", wrong or 3)
    calls: list[Callable[[], object]] = [
        lambda: cdx.load_bank(wrong),
        lambda: cdx.save_bank(wrong, tmp_path / "b"),
        lambda: cdx.save_bank(bank, wrong),
        lambda: cdx.report(wrong, tmp_path / "r"),
        lambda: cdx.report(bank, wrong),
        lambda: cdx.simulate(wrong, 5, rng=np.random.default_rng(1)),
        lambda: cdx.load_responses([[0, 1], [1, 0]], layout=other),
        lambda: cdx.score(wrong, bank),
        lambda: cdx.diagnose(wrong, bank),
        lambda: cdx.calibrate([[0, 1], [1, 0]], model=wrong),
        lambda: cdx.calibrate([[0, 1], [1, 0]], bank=other),
        lambda: cdx.calibrate([[0, 1], [1, 0]], anchors=other),
        lambda: cdx.calibrate([[0, 1], [1, 0]], method=wrong),
        lambda: cdx.diagnose([{"person": "a", "PHY-002": 1}], bank, population=other),
        lambda: cdx.simulate(bank, cast("Any", {} if other == 3 else other), rng=np.random.default_rng(1)),
        lambda: cdx.simulate(bank, 2, rng=np.random.default_rng(1)).select(items=other),
    ]
    for call in calls:
        with pytest.raises(CompetencyDxError):
            call()


ELSEWHERE = ("adaptive", "classification", "groups", "misconceptions", "models", "errors")  # rooms whose verbs have no command
NO_COMMAND = re.compile(
    r"calibration\.(girth|population|histogram|exploratory|rotation|starts|setting|theta|picture|cov|ref|method|dim|prop|anchor)\w*"
    r"|scoring\.(?!one_competency_each|method)\w+|persons\.(points|item_uncertainty)|responses\.(array|joined|policy|layout)\w*"
    r"|responses\.(setting_absent|long_no_item|no_items|modelled)|engine\.(constraints|progress|priors|histogram)\w*"
    r"|competencies\.(\w+_type|cohort_of_a_stream)|bank\.with\w*|calibration\.(points|without_girth|mixed_models|q_matrix_needed)|result\.picture"
)
"""Sentences about arguments that no command passes on, and those whose facts complete them."""


def test_sentences_name_switches_or_say_that_there_are_none() -> None:
    """Every sentence that a command can end with; the switches are those of its help."""
    from competency_dx.cli.app import app
    from competency_dx.cli.terminal import every_command

    switches = {s for c in every_command(typer.main.get_command(app)) for p in c.params for s in p.opts}
    findings = {p.parent.name: tomllib.loads(p.read_text(encoding="utf-8")) for p in SOURCE.rglob("findings.toml")}
    texts = ALL | {f"{room}.{what}": {n: both[n] for n in LANGUAGES} for room in findings for what, both in findings[room].items()}
    for code, both in texts.items():
        if code.partition(".")[0] in ELSEWHERE:
            continue
        for language, text in both.items():
            told = in_switches(text)
            named = set(re.findall(r"(?<![\w-])--[a-z-]+", told))
            assert named <= switches | {"--out"}, (code, named - switches)
            left = re.sub(r"\S+ \((?:from Python|из Python)[^)]*\)", "", told)
            assert NO_COMMAND.fullmatch(code) or not re.search(r"\b[A-Z]\w+\([^()]*\)|(?<![\w-])[a-z_]{3,}=(?!ITEM)", left), (
                code,
                language,
                told,
            )


FAULTS: list[Exception] = [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), RecursionError("maximum recursion depth")]
FAULTS += [TypeError("unhashable type: 'list'"), AttributeError("'int' object has no attribute 'x'"), KeyError("x"), IndexError("list")]
FAULTS += [
    ValueError("could not convert"),
    ValueError(),
    ZeroDivisionError("division by zero"),
    ImportError("No module 'x'"),
    EOFError(),
]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_what_python_says_has_no_name_of_a_class(fault: Exception) -> None:
    error = CompetencyDxError("result.not_json", fault=fault)
    for language in LANGUAGES:
        assert not re.search(r"\w+(?:Error|Exception)\b|object has no|unhashable|\(\)|: ?$", error.text(language))
    assert not re.search("[A-Za-z]{2}", error.text("ru").replace("JSON", "").replace("UTF", ""))


def test_long_texts_of_others_are_cut_off_wherever_they_stand() -> None:
    """A path, an id, a list of ids, a value, what another library said and an error inside an error."""
    long = "x" * 9000
    inner = CompetencyDxError("result.value", where=long, given=long, expected=[long, long])
    for facts in ({"where": long, "unknown": [long] * 9, "missing": [long]}, {"where": long, "unknown": [inner], "missing": []}):
        assert max(len(CompetencyDxError("result.fields", **facts).text(language)) for language in LANGUAGES) < 3000
    assert len(str(CompetencyDxError("result.not_json", fault=ValueError(long)))) < 1000


def test_no_sentence_names_what_a_client_of_the_service_cannot_call() -> None:
    """Sentences on documents are told to whoever sent them, over HTTP too."""
    said = [
        t[language] for code, t in ALL.items() if code.startswith("result.") for language in LANGUAGES if "to_jsonl" not in t[language]
    ]
    assert not [text for text in said if "to_json" in text]
