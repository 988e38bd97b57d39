"""What the library may say of a result: catalogues that are complete, bilingual, documented and the only source of findings."""

from __future__ import annotations

import ast
import pickle
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from competency_dx.findings import Finding, Template
from competency_dx.wording import listed, plural, worded

SOURCE = Path(__file__).parents[2] / "src" / "competency_dx"
DEMO = SOURCE.parents[1] / "examples" / "competency_dx_demo"
DOCS = Path(__file__).parents[2] / "docs"
NAMES = {"girth", "PRMSE", "SD", "Rasch", "PCM"}  # of programs, coefficients and models
CODE = re.compile(r"[A-Za-z_]\w*\([^)]*\)|[a-z_]+=(?:\"\w+\")?|--[a-z-]+|\bid\d+\b|\d+PL|\bword\b")
FORMS = {"ru": 3, "en": 2}


def calls(tree: ast.AST) -> set[str]:
    """Return the names of what is called."""
    return {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}


def catalogues() -> Iterator[tuple[str, Template]]:
    """Yield every template with the room whose catalogue it stands in."""
    for path in sorted(SOURCE.rglob("findings.toml")):
        room = path.parent.name
        for what in tomllib.loads(path.read_text(encoding="utf-8")):
            yield room, Template(f"{room}.{what}")


ALL = list(catalogues())
PUT_TOGETHER = re.compile(r"misconceptions\.\w+|quality\.(?:differs|undecided)")  # codes of the standing, of the verdict
each = pytest.mark.parametrize(("room", "template"), ALL, ids=[t.code for _, t in ALL])


def dummy(template: Template, n: int) -> Finding:
    """Return a finding with `n` ids and a fact for every place of the sentences."""
    facts: dict[str, Any] = {}
    for text in (template.ru, template.en):
        for _, name, spec, _ in Formatter().parse(text):
            if name and name not in {"scope", "n", "where"}:
                pairs = tuple((f"id{k}", f"id{k + 1}", 0.97) for k in range(n))
                facts[name] = n if spec and "|" in spec else pairs if name in {"pairs", "counts", "blocks"} else 1.25
    return template.of([f"id{k}" for k in range(n)], where=[f"id{k}" for k in range(n)], **facts)


@each
@pytest.mark.parametrize("n", [1, 2, 12])
def test_templates_are_sentences_in_both_languages(room: str, template: Template, n: int) -> None:
    found = dummy(template, n)
    for text in (found.ru, found.en):
        assert text[-1] == "."
        assert not set("{}|~") & set(text)
        assert "  " not in text
    latin = set(re.findall(r"[A-Za-z]{2,}", CODE.sub("", found.ru))) - NAMES
    assert not latin, latin
    assert not re.search("[а-яё]", found.en)
    assert ("и ещё 7" in found.ru) == ("and 7 more" in found.en) == (n == 12 and "id11" not in found.ru and "id4" in found.ru)
    assert pickle.loads(pickle.dumps(found)) == found


@each
def test_codes_name_their_room_and_are_documented(room: str, template: Template) -> None:
    assert re.fullmatch(rf"{room}\.[a-z_]+", template.code)
    pages = "\n".join(path.read_text(encoding="utf-8") for path in DOCS.glob("*.md"))
    assert f"`{template.code}`" in pages


def test_codes_are_unique() -> None:
    codes = [t.code for _, t in ALL]
    assert len(codes) == len(set(codes))
    assert len(codes) > 80


def test_no_sentence_is_left_over() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for folder in (SOURCE, DEMO) for path in folder.rglob("*.py"))
    assert not [t.code for _, t in ALL if f'"{t.code}"' not in text and not PUT_TOGETHER.fullmatch(t.code)]


@each
def test_nouns_have_the_forms_of_their_language(room: str, template: Template) -> None:
    for language, text in (("ru", template.ru), ("en", template.en)):
        for _, _, spec, _ in Formatter().parse(text):
            assert not spec or "|" not in spec or spec.count("|") + 1 == FORMS[language], spec
            assert not spec or "|" not in spec or spec[0] == "~" or not re.search(r"(?:^|\|)[A-ZА-ЯЁ](?![A-Z])", spec), spec


def test_findings_come_from_the_catalogues_by_their_codes() -> None:
    codes = {t.code for _, t in ALL}
    for path in [*SOURCE.rglob("*.py"), *DEMO.rglob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path == SOURCE / "findings.py":
            continue
        assert "Finding" not in calls(tree), path
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Template":
                (code,) = call.args  # and nothing else: the sentence stands in the catalogue
                assert not call.keywords
                assert isinstance(code, ast.Name | ast.JoinedStr) or ast.literal_eval(code) in codes, ast.unparse(call)


def test_lists_of_ids_have_one_shape() -> None:
    ids = [f"i{k}" for k in range(12)]
    assert listed(ids) == "i0, i1, i2, i3, i4 and 7 more"
    assert listed(ids, language="ru") == "i0, i1, i2, i3, i4 и ещё 7"
    assert listed(ids[:5], language="ru") == listed(ids[:5]) == "i0, i1, i2, i3, i4"


@pytest.mark.parametrize(
    ("n", "ru", "en"),
    [
        (1, "1 задание", "1 item"),
        (2, "2 задания", "2 items"),
        (5, "5 заданий", "5 items"),
        (11, "11 заданий", "11 items"),
        (21, "21 задание", "21 items"),
        (112, "112 заданий", "112 items"),
        (0, "0 заданий", "0 items"),
    ],
)
def test_plurals(n: int, ru: str, en: str) -> None:
    found = Template("room.what", "info", "{k:задание|задания|заданий}.", "{k:item|items}.").of(k=n)
    assert (found.ru, found.en) == (f"{ru}.", f"{en}.")
    assert plural(n, ("задание", "задания", "заданий"), "ru") == ru.split()[1]


def test_facts_are_data() -> None:
    template = Template("room.what", "info", "Корреляция {r:.2f}: {pairs}; {missing}.", "Correlation {r:.2f}: {pairs}; {missing}.")
    found = template.of(["a"], r=0.9876, pairs=[("a", "b", 0.5)], missing=float("nan"))
    assert found.facts == {"r": 0.9876, "pairs": (("a", "b", 0.5),), "missing": None}
    assert found.ru == "Корреляция 0,99: a + b (0,500); —."
    assert found.en == "Correlation 0.99: a + b (0.500); —."
    with pytest.raises(TypeError):
        found.facts["r"] = 0.0  # type: ignore[index]
    assert len({found, template.of(["a"], r=0.9876, pairs=[("a", "b", 0.5)], missing=None)}) == 1


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b[2J", "\x00", "\x85", "\u2028"])
@pytest.mark.parametrize("fact", ["{0}", ("{0}", "b"), (("{0}", 0.5),), "a{0}b"], ids=["text", "ids", "pairs", "inside"])
def test_a_sentence_is_one_line_whatever_its_facts(character: str, fact: Any) -> None:
    """Names and texts of users break no sentence into lines and command no terminal."""

    def put(x: Any) -> Any:
        return x.format(character) if isinstance(x, str) else tuple(map(put, x)) if isinstance(x, tuple) else x

    for language in ("ru", "en"):
        assert worded("of {x}.", {"x": put(fact)}, language).isprintable()
