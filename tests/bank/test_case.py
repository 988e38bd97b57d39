"""Frameworks as CASE packages: nothing is lost on the way there and back, and what others write is read or refused."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import competency_dx as cdx
from competency_dx.bank import Node, Prerequisite, Text, save_framework
from competency_dx.bank.case import from_case, to_case
from competency_dx.bank.framework import CompetencyFramework, Kind
from competency_dx.errors import BankError

TEACHER = cdx.load_framework("teacher")
DAY = date(2026, 12, 1)
# of the JSON Schema of CASE 1.1 (1EdTech, 24 January 2025): what each object must have, and what it may have beside it
MUST = {
    "CFDocument": {"identifier", "uri", "creator", "title", "lastChangeDateTime"},
    "CFItems": {"identifier", "uri", "fullStatement", "lastChangeDateTime"},
    "CFAssociations": {"identifier", "uri", "associationType", "originNodeURI", "destinationNodeURI", "lastChangeDateTime"},
}
MAY = {
    "CFDocument": {"caseVersion", "version", "language", "notes", "extensions"},
    "CFItems": {"humanCodingScheme", "CFItemType", "language", "extensions"},
    "CFAssociations": {"sequenceNumber"},
}
words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)
texts = st.builds(Text, ru=words, en=st.none() | words)


@st.composite
def frameworks(draw: st.DrawFn) -> CompetencyFramework:
    """Draw a forest in any order of nodes, with edges that only go forwards and codes that are retired."""
    codes = draw(st.lists(words, min_size=2, max_size=9, unique=True))
    old = set(draw(st.lists(st.sampled_from(codes[1:]), max_size=3)))
    live = [code for code in codes if code not in old]
    nodes = [
        Node(
            code=code,
            title=draw(texts),
            kind=draw(st.sampled_from(get_args(Kind))),
            parent=draw(st.none() | st.sampled_from(above)) if (above := [c for c in codes[:k] if c not in old]) else None,
            profstandard=draw(st.none() | words),
            replaced_by=tuple(draw(st.lists(st.sampled_from(live), min_size=1, max_size=3, unique=True))) if code in old else (),
        )
        for k, code in enumerate(codes)
    ]
    pairs = [(a, b) for k, a in enumerate(live) for b in live[k + 1 :]]
    drawn = draw(st.lists(st.sampled_from(pairs), max_size=6, unique=True)) if pairs else []
    edges = tuple(Prerequisite(origin=a, destination=b, strength=draw(st.sampled_from(("soft", "hard")))) for a, b in drawn)
    return CompetencyFramework(
        schema_version=2,
        id=draw(words | st.just("")),
        version=draw(words),
        title=draw(texts),
        note=draw(st.none() | texts),
        nodes=tuple(draw(st.permutations(nodes))),
        prerequisites=edges,
    )


@given(framework=frameworks())
@settings(max_examples=60, deadline=None)
def test_case_round_trip_keeps_codes_order_and_prerequisites(framework: CompetencyFramework) -> None:
    """Acceptance example 10 of the domain, and everything else that a framework says."""
    package = json.loads(json.dumps(to_case(framework, "a centre", "2026-12-01T00:00:00Z")))
    assert from_case(package, "package") == framework
    for name, must in MUST.items():
        for one in package[name] if isinstance(package[name], list) else [package[name]]:
            assert must <= one.keys() <= must | MAY[name]
            assert UUID(one["identifier"]).version == 5
    places = {one["identifier"] for one in package["CFItems"]} | {package["CFDocument"]["identifier"]}
    assert len(places) == len(framework.nodes) + 1
    for one in package["CFAssociations"]:
        ends = [one["originNodeURI"], one["destinationNodeURI"]]
        assert all({"title", "identifier", "uri"} <= end.keys() for end in ends)
        assert ends[0]["identifier"] in places
        assert ends[1]["identifier"] in places or ends[1]["targetType"] == "ext:profstandard"


def test_the_shipped_framework_is_the_same_after_both_ways(tmp_path: Path) -> None:
    package, table = tmp_path / "teacher.json", tmp_path / "teacher.yaml"
    save_framework(TEACHER, package, creator="a centre", changed=DAY)
    again = cdx.load_framework(package)
    assert again == TEACHER
    assert again.digest == TEACHER.digest
    assert cdx.load_framework(save_framework(again, table)) == TEACHER
    first = package.read_bytes()
    save_framework(TEACHER, package, creator="a centre", changed=DAY)
    assert package.read_bytes() == first
    newer = TEACHER.model_copy(update={"version": "9"})  # a competency has the same identifier in every version
    ids = [[i["identifier"] for i in to_case(f, "", "")["CFItems"]] for f in (TEACHER, newer)]
    assert ids[0] == ids[1]


def foreign(*, numbers: bool = True, version: str = "1.1", **changes: Any) -> dict[str, Any]:
    """Return a package as another program writes it: its own types, numbers among siblings, items in no order."""
    names = {"a": "Number", "b": "Geometry", "a1": "Fractions", "a2": "Percents", "b1": "Area"}

    def link(name: str) -> dict[str, str]:
        titled = {"uri": f"https://other.example/{name}", "title": names.get(name, name)} if version == "1.1" else {}
        return {"identifier": f"id-{name}"} | titled

    ties = [("a", "doc", 1), ("b", "doc", 2), ("a2", "a", 2), ("a1", "a", 1), ("b1", "b", 1)]
    tied = [
        {"identifier": f"id-{k}", "uri": "u", "associationType": "isChildOf", "lastChangeDateTime": "2020-01-01T00:00:00+03:00"}
        | {"originNodeURI": link(origin), "destinationNodeURI": link(end)}
        | ({"sequenceNumber": place} if numbers else {})
        for k, (origin, end, place) in enumerate(ties)
    ]
    items = [
        {"identifier": f"id-{name}", "uri": "u", "fullStatement": names[name], "CFItemType": "Standard", "educationLevel": ["07"]}
        | {"CFDocumentURI": link("doc"), "humanCodingScheme": f"M.{name}", "listEnumeration": "9"}
        for name in ("b1", "a2", "b", "a1", "a")
    ]
    about: dict[str, Any] = {"identifier": "id-doc", "uri": "u", "creator": "c", "title": "Mathematics", "language": "en"}
    about |= {"adoptionStatus": "Adopted", "notes": None}
    about |= {"caseVersion": version} if version == "1.1" else {"CFPackageURI": link("doc")}
    return {"CFDocument": about, "CFItems": items, "CFAssociations": tied, "CFDefinitions": {"CFSubjects": []}} | changes


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_what_another_program_writes_is_read_in_the_order_of_its_numbers(version: str, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text(json.dumps(foreign(version=version)), encoding="utf-8")
    framework = cdx.load_framework(file)
    assert [n.code for n in framework.nodes] == ["M.a", "M.a1", "M.a2", "M.b", "M.b1"]
    assert [n.kind for n in framework.nodes] == ["category", "cluster", "cluster", "category", "cluster"]
    assert [n.parent for n in framework.nodes] == [None, "M.a", "M.a", None, "M.b"]
    assert framework.title_of("M.a1", "en") == framework.title_of("M.a1", "ru") == "Fractions"
    assert framework.note is None
    unnumbered = from_case(foreign(numbers=False), "package")  # then items keep their order among siblings
    assert [n.code for n in unnumbered.nodes] == ["M.b", "M.b1", "M.a", "M.a2", "M.a1"]


def test_what_a_framework_has_no_place_for_is_counted_in_its_note() -> None:
    package = foreign()
    tie = package["CFAssociations"][2]
    package["CFAssociations"] += [tie | {"associationType": kind} for kind in ("isPeerOf", "exactMatchOf", "isPeerOf")]
    note = from_case(package, "package").note
    assert note
    assert "exactMatchOf 1" in note.text("en")
    assert "isPeerOf 2" in note.text("ru")
    assert note.text("ru") != note.text("en")
    package["CFDocument"]["notes"] = "As adopted."
    again = from_case(package, "package")
    assert again.note
    assert again.note.text("en").startswith("As adopted. ")
    assert from_case(to_case(again, "c", "2026-12-01T00:00:00Z"), "package") == again


@pytest.mark.parametrize("language", ["tt", "fr-CA", "rue", "enm", "ru", "RU-ru", "rus", "en", "en_US", "ENG", "", None])
def test_a_text_is_filed_as_english_only_where_its_language_is_english(language: str | None) -> None:
    """Another language stands for Russian, which a framework must have; the note says which it is, and both ways keep it so."""
    package = foreign()
    package["CFDocument"]["language"] = language
    framework = from_case(package, "package")
    english, other = language in {"en", "en_US", "ENG"}, language in {"tt", "fr-CA", "rue", "enm"}
    for text in (framework.title, *(node.title for node in framework.nodes)):
        assert text.en == (text.ru if english else None)
    for by in ("ru", "en"):
        assert (str(language) in framework.note.text(by) if framework.note else False) == other
    assert from_case(to_case(framework, "c", "2026-12-01T00:00:00Z"), "package") == framework
    package["CFDocument"]["language"], package["CFItems"][0]["language"] = "en", language or "ba"
    assert bool(from_case(package, "package").note) == (other or not language)  # of one competency alone


@pytest.mark.parametrize("numbers", [True, False])
@pytest.mark.parametrize(("origin", "end", "place"), [("a2", "doc", 1), ("a1", "doc", 9), ("a2", "a", 7), ("a", "doc", 9)])
def test_a_tie_that_says_no_other_parent_changes_nothing(*, origin: str, end: str, place: int, numbers: bool) -> None:
    package = foreign(numbers=numbers)
    here, there = ({"identifier": f"id-{name}"} for name in (origin, end))
    tie = {"associationType": "isChildOf", "originNodeURI": here, "destinationNodeURI": there, "sequenceNumber": place}
    for ties in ([*package["CFAssociations"], tie], [tie, *package["CFAssociations"]]):
        found = from_case(package | {"CFAssociations": ties}, "package")
        if numbers or (end == "doc" and origin != "a"):
            assert found == from_case(package, "package")
        assert {n.code: n.parent for n in found.nodes} == {n.code: n.parent for n in from_case(package, "package").nodes}


def test_numbers_that_count_on_over_siblings_leave_the_tree_together() -> None:
    """1, 2 of A and B, 3, 4 of what is in A, 5 of what is in B: all differ, and are no order among all."""
    package = foreign()
    for tie, place in zip(package["CFAssociations"], (1, 2, 4, 3, 5), strict=True):
        tie["sequenceNumber"] = place
    assert [n.code for n in from_case(package, "package").nodes] == ["M.a", "M.a1", "M.a2", "M.b", "M.b1"]


def test_identifiers_are_compared_without_regard_to_capitals() -> None:
    package = to_case(TEACHER, "c", "2026-12-01T00:00:00Z")
    for k, tie in enumerate(package["CFAssociations"]):
        end = tie["originNodeURI" if k % 2 else "destinationNodeURI"]
        end |= {"identifier": end["identifier"].upper()}
    assert from_case(package, "package") == TEACHER


def _renamed(package: dict[str, Any], place: str, k: int, **fields: Any) -> dict[str, Any]:
    package[place][k] |= fields
    return package


LINK = {"identifier": "id-b", "uri": "u", "title": "Geometry"}
REFUSED = {
    "no items": (foreign(CFItems=[]), r"CFItems is \[\]: expected a list of at least 1 entry"),
    "no document": ({"CFDocument": None, "CFItems": []}, "package lacks CFDocument"),
    "no title": (foreign(CFDocument={"identifier": "id-doc", "title": None}), "package.CFDocument lacks title"),
    "no statement": (_renamed(foreign(), "CFItems", 2, fullStatement=None), r"CFItems\[2\] lacks fullStatement"),
    "link": (_renamed(foreign(), "CFAssociations", 1, originNodeURI="https://other.example/b"), r"CFAssociations\[1\]\.originNodeURI"),
    "extension": (_renamed(foreign(), "CFItems", 1, extensions="none"), r"CFItems\[1\]\.extensions"),
    "statement": (_renamed(foreign(), "CFItems", 2, fullStatement=7), r"CFItems\[2\]\.fullStatement"),
    "two parents": (
        foreign(CFAssociations=[*foreign()["CFAssociations"], foreign()["CFAssociations"][2] | {"destinationNodeURI": LINK}]),
        "'M.a2'.* isChildOf",
    ),
    "lost parent": (
        _renamed(foreign(), "CFAssociations", 2, destinationNodeURI=LINK | {"identifier": "gone"}),
        "parents that do not exist.* M.a2",
    ),
    "circle": (_renamed(foreign(), "CFAssociations", 1, destinationNodeURI=LINK | {"identifier": "id-b1"}), "cycle"),
    "one code twice": (_renamed(foreign(), "CFItems", 1, humanCodingScheme="M.a1"), "M.a1"),
    "one identifier twice": (_renamed(foreign(), "CFItems", 1, identifier="id-a1"), "id-a1"),
    "one identifier twice, in capitals": (
        _renamed(
            _renamed(foreign(CFAssociations=[]), "CFItems", 0, identifier="c093c7f6-6edf-595e-9539-70de788efbaa"),
            *("CFItems", 1),
            identifier="C093C7F6-6EDF-595E-9539-70DE788EFBAA",
        ),
        "identifier: c093c7f6",
    ),
    "ours": (_renamed(foreign(), "CFItems", 1, extensions={"competency_dx": {"title": {"ru": 3}}}), r"CFItems\[1\]\.extensions"),
    "place": (_renamed(foreign(), "CFAssociations", 1, sequenceNumber="first"), r"CFAssociations\[1\]\.sequenceNumber"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_package_that_is_no_tree_is_refused_by_its_place(fault: str, tmp_path: Path) -> None:
    package, place = REFUSED[fault]
    file = tmp_path / "package.json"
    file.write_text(json.dumps(package), encoding="utf-8")
    with pytest.raises(BankError, match=place) as caught:
        cdx.load_framework(file)
    assert len(caught.value.text("ru").splitlines()) == 1
    for text in (caught.value.text("ru"), str(caught.value)):  # which file, and no remedy that is of our own documents
        assert str(file) in text
        assert "by this program" not in text
        assert "этой программой" not in text


@pytest.mark.parametrize("text", ["", "{", '{"CFDocument": {}, "CFDocument": {}}', "[]", "NaN", '"CFDocument"', '{"sourcedId": "1"}'])
def test_a_file_that_is_no_package_is_refused_by_its_name(text: str, tmp_path: Path) -> None:
    file = tmp_path / "package.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BankError, match=r"package\.json"):
        cdx.load_framework(file)


def test_a_package_says_who_made_it_and_when(tmp_path: Path) -> None:
    for missing in ({"creator": "a centre"}, {"changed": DAY}, {}):
        with pytest.raises(BankError, match="creator= and changed="):
            save_framework(TEACHER, tmp_path / "x.json", **missing)
    with pytest.raises(BankError, match=r"\.yaml.*\.json"):
        save_framework(TEACHER, tmp_path / "x.xlsx")
    assert not [*tmp_path.iterdir()]
