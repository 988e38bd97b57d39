"""Frameworks as CASE packages: Competencies and Academic Standards Exchange of 1EdTech, written as 1.1 and read as 1.0 and 1.1.

Codes are ``humanCodingScheme``, the tree is ``isChildOf`` up to the document, in the order of ``sequenceNumber``; soft prerequisites
are ``precedes``, hard ones an association of our own, retired codes ``replacedBy`` others. Identifiers are made of the id of the
framework and the code (RFC 9562, version 5): in every version of a framework a competency has the same one.
"""

import re
from collections import Counter
from collections.abc import Mapping, Set
from typing import Any, Literal, get_args
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from competency_dx.bank.document import Text, parse
from competency_dx.bank.framework import CompetencyFramework, Kind, Node
from competency_dx.checking import LARGEST, check_document, compiled
from competency_dx.errors import LANGUAGES, BankError, phrase, repeated
from competency_dx.wording import toml_content

FRAMEWORK, OWN = "urn:competency-dx:framework", "competency_dx"
CHILD, NEW, STANDARD, TARGET = "isChildOf", "replacedBy", "isRelatedTo", "ext:profstandard"
_CHECK = compiled(toml_content("bank", "case"))
ENGLISH, OURS = re.compile(r"eng?([-_].*)?", re.IGNORECASE), re.compile(r"((ru|rus|en|eng)([-_].*)?)?", re.IGNORECASE)
UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
STRENGTHS: Mapping[str, Literal["soft", "hard"]] = {"precedes": "soft", "ext:isPrerequisiteOf": "hard"}


def from_case(data: object, source: str) -> CompetencyFramework:
    """Return the framework of a package; raises `DocumentError` where it is none, `BankError` for several parents of a competency.

    A competency without a code is called by its identifier; one of a type that is none of ours is a category, a cluster, a domain or a
    topic by its depth. Associations of other kinds and with other frameworks are counted in the note of the framework, which also says
    where what stands for Russian is in another language.
    """
    check_document(package := _plain(data), _CHECK, "package")
    about, items = package["CFDocument"], {one["identifier"]: one for one in package["CFItems"]}
    if twice := repeated(one["identifier"] for one in package["CFItems"]):
        raise BankError("bank.case_twice", source=source, twice=sorted(twice))
    codes = {key: code if (code := one.get("humanCodingScheme", "")).strip() else key for key, one in items.items()}
    parents, places, standards = dict[str, str](), dict[str, float](), dict[str, str]()
    replaced, edges, left = dict[str, list[str]](), list[dict[str, str]](), Counter[str]()
    root, ties = about["identifier"], package.get("CFAssociations", ())
    for one in sorted(ties, key=lambda tie: (tie["destinationNodeURI"]["identifier"] == root, tie.get("sequenceNumber", LARGEST))):
        kind, target = one["associationType"], one["destinationNodeURI"]
        origin, end = one["originNodeURI"]["identifier"], target["identifier"]
        if kind == CHILD and origin in items:
            if end not in {parents.setdefault(origin, end), root}:
                raise BankError("bank.case_parents", source=source, code=codes[origin])
            places.setdefault(origin, one.get("sequenceNumber", LARGEST))
        elif kind == STANDARD and target.get("targetType") == TARGET and origin in items:
            standards[origin] = target.get("title", end)
        elif kind == NEW and {origin, end} <= items.keys():
            replaced.setdefault(origin, []).append(codes[end])
        elif kind in STRENGTHS and {origin, end} <= items.keys():
            edges.append({"origin": codes[origin], "destination": codes[end], "strength": STRENGTHS[kind]})
        else:
            left[kind] += 1
    own, at, kinds = _own(about), about.get("language", ""), get_args(Kind)
    note = _text(about["notes"], at, own.get("note", {})) if "notes" in about else {}
    others = sorted({tag for tag in (at, *(one.get("language", at) for one in items.values())) if not OURS.fullmatch(tag)})
    untold = {"bank.case_left": [f"{kind} {n}" for kind, n in sorted(left.items())], "bank.case_language": others}
    told = [phrase(code, what=what) for code, what in untold.items() if what]
    notes = {by: " ".join(filter(None, (note.get(by, note.get("ru")), *(x[by] for x in told)))) for by in (LANGUAGES if told else note)}
    document = {
        "schema_version": own.get("schema_version", 2 if replaced else 1),
        "id": own.get("id", about["identifier"]),
        "version": about.get("version", "1"),
        "title": _text(about["title"], at, own.get("title", {})),
        "note": notes or None,
        "nodes": [
            {
                "code": codes[key],
                "title": _text(items[key]["fullStatement"], items[key].get("language", at), _own(items[key]).get("title", {})),
                "kind": kind if (kind := items[key].get("CFItemType")) in kinds else kinds[min(depth, len(kinds) - 1)],
                "parent": codes.get(above, above) if (above := parents.get(key, root)) != root else None,
                "profstandard": standards.get(key),
                "replaced_by": tuple(replaced.get(key, ())),
            }
            for key, depth in _depths(items.keys(), parents, places, ours=bool(own)).items()
        ],
        "prerequisites": edges,
    }
    return parse(CompetencyFramework, document, source)


def _plain(data: Any) -> Any:  # noqa: ANN401 - plain data
    """Return a document without the nulls that some programs write in place of what is absent, with UUIDs in small letters."""
    if isinstance(data, list):
        return [_plain(one) for one in data]
    out = {name: _plain(x) for name, x in data.items() if x is not None} if isinstance(data, dict) else data
    return out | {"identifier": out["identifier"].lower()} if out is not data and UUID.fullmatch(str(out.get("identifier"))) else out


def _own(part: Mapping[str, Any]) -> dict[str, Any]:
    return dict(part.get("extensions", {}).get(OWN, {}))


def _text(said: str, language: str, other: Mapping[str, str]) -> dict[str, str]:
    """Return a text said in one language (tag of RFC 5646, "" for Russian); in any it stands for Russian, which must be there."""
    return ({"ru": said, "en": said} if ENGLISH.fullmatch(language) else {"ru": said}) | dict(other)


def _depths(keys: Set[str], parents: Mapping[str, str], places: Mapping[str, float], *, ours: bool) -> dict[str, int]:
    """Return how deep each competency stands, in order: of its number among all, where all are `ours`, otherwise down the tree."""
    ranked = sorted(keys, key=lambda key: places.get(key, LARGEST))
    below = dict[str, list[str]]()
    for key in ranked:
        below.setdefault(parents.get(key, ""), []).append(key)
    out, rest = dict[str, int](), [(key, 0) for key in reversed(ranked) if parents.get(key) not in keys]
    while rest:
        key, depth = rest.pop()
        out[key] = depth
        rest += [(one, depth + 1) for one in reversed(below.get(key, ()))]
    among_all = ours and len({*places.values()}) == len(keys)
    return {key: out.get(key, 0) for key in (ranked if among_all else [*out, *(key for key in keys if key not in out)])}


def to_case(framework: CompetencyFramework, creator: str, changed: str) -> dict[str, Any]:
    """Return the package of a framework by this creator, changed at this time: Russian statements, English ones in extensions."""
    home = f"{FRAMEWORK}:{quote(framework.id)}"

    def named(*parts: str) -> dict[str, str]:
        uri = ":".join((home, *map(quote, parts)))
        return {"identifier": str(uuid5(NAMESPACE_URL, uri)), "uri": uri}

    def link(code: str | None) -> dict[str, str]:
        return named(*([code] if code else ())) | {"title": (framework.node(code) if code else framework).title.ru}

    def association(kind: str, origin: str, end: dict[str, str], place: int) -> dict[str, Any]:
        own = named(kind, origin, end["identifier"]) | {"associationType": kind, "sequenceNumber": place}
        return own | {"originNodeURI": link(origin), "destinationNodeURI": end, "lastChangeDateTime": changed}

    def item(node: Node) -> dict[str, Any]:
        own = named(node.code) | {"fullStatement": node.title.ru, "humanCodingScheme": node.code, "CFItemType": node.kind}
        return own | {"language": "ru", "lastChangeDateTime": changed} | _extension(title=_english(node.title))

    about = named() | {"caseVersion": "1.1", "creator": creator, "title": framework.title.ru, "version": framework.version}
    about |= {"language": "ru", "lastChangeDateTime": changed} | ({"notes": framework.note.ru} if framework.note else {})
    ties, kinds = list[dict[str, Any]](), {strength: kind for kind, strength in STRENGTHS.items()}
    for place, node in enumerate(framework.nodes, start=1):
        ties.append(association(CHILD, node.code, link(node.parent), place))
        ties += [association(NEW, node.code, link(code), k) for k, code in enumerate(node.replaced_by, start=1)]
        if (standard := node.profstandard) is not None:
            target = {"title": standard, "identifier": standard, "uri": f"urn:profstandard:{quote(standard)}", "targetType": TARGET}
            ties.append(association(STANDARD, node.code, target, 1))
    for place, edge in enumerate(framework.prerequisites, start=1):
        ties.append(association(kinds[edge.strength], edge.origin, link(edge.destination), place))
    told = {"title": _english(framework.title), "note": _english(framework.note), "id": framework.id}
    about |= _extension(**told, schema_version=framework.schema_version)
    return {"CFDocument": about, "CFItems": [item(node) for node in framework.nodes], "CFAssociations": ties}


def _english(text: Text | None) -> dict[str, str]:
    return {"en": text.en} if text and text.en is not None else {}


def _extension(**own: object) -> dict[str, Any]:
    return {"extensions": {OWN: told}} if (told := {name: x for name, x in own.items() if x != {}}) else {}
