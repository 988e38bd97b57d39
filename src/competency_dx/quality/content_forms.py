"""Gates that look at items together: what one tells of another, families, whether forms are parallel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from competency_dx.bank import Item, ItemBank
from competency_dx.errors import phrase
from competency_dx.findings import Finding, Template
from competency_dx.models import bank_parameters, expected_scores
from competency_dx.quality.content_texts import PATTERNS, is_methodical, key_texts, sentences, shown, stem, stems, telling, words_of

GRAM, GRAM_WORDS = 4, 3  # words in a row that two items may not share, and how many of them must say something
COMMON = 3  # items that share them: in more it is an instruction
CUE_WORDS = 2  # of the question, in a sentence of another item that holds its answer
CUTS = (0.6, 0.8)
GRID = np.linspace(-6, 6, 1201)
ANCHOR = 5  # items of each part that the forms have in common


def _meeting(bank: ItemBank) -> list[set[str]]:
    """Return the items that one person meets: form by form, all of them in a bank without forms."""
    return [set(form.items) for form in bank.forms] or [{i.id for i in bank.items}]


def overlaps(bank: ItemBank) -> Iterator[Finding]:
    """Gate 7: two items of a form share a fact or four words in a row or one answers the other, and are not enemies."""
    forms, items = _meeting(bank), {i.id: i for i in bank.items}
    together = [
        (a, b)
        for a, b in combinations(items, 2)
        if any({a, b} <= form for form in forms) and b not in items[a].enemies and a not in items[b].enemies
    ]
    shared: dict[tuple[str, str], str] = {}
    meeting = set(together)
    for mark, holders in _marks(bank).items():
        for pair in meeting.intersection(combinations(holders, 2)):
            shared.setdefault(pair, mark)
    for pair in filter(shared.__contains__, together):
        yield Template("quality.items_overlap").of(pair, words=shared[pair])
    read = {i: [(s, stems(s), telling(s)) for s in sentences(shown(item))] for i, item in items.items()}
    asked = {i: (_answers(item), telling(item.stem)) for i, item in items.items()}
    for a, b in together:
        for asking, other in ((a, b), (b, a)):
            if place := _cue(*asked[asking], read[other]):
                yield Template("quality.item_shows_key").of((other, asking), place=place)


def _marks(bank: ItemBank) -> dict[str, list[str]]:
    """Return facts and grams with the items that have them, without what is common in the bank."""
    facts: dict[str, list[str]] = {}
    grams: dict[tuple[str, ...], tuple[list[str], str]] = {}
    for item in bank.items:
        for fact in {" ".join(stems(f)) for f in item.facts}:
            facts.setdefault(fact, []).append(item.id)
        for row in (words_of(s) for s in sentences(shown(item))):
            runs = [row[k : k + GRAM] for k in range(len(row) - GRAM + 1)]
            for run in (r for r in runs if sum(len(w) > 3 and w.isalpha() for w in r) >= GRAM_WORDS):
                holders, _ = grams.setdefault(tuple(map(stem, run)), ([], " ".join(run)))
                if item.id not in holders:
                    holders.append(item.id)
    return {words: ids for ids, words in grams.values() if len(ids) <= COMMON} | facts


def _answers(item: Item) -> list[tuple[str, ...]]:
    """Return the words of an answer that says something by itself: a wording, a number of three digits, several words."""
    least = {"text": 1, "single": 2}.get(item.type)
    if least is None:
        return [stems(str(item.key))] if re.fullmatch(r"\d{3,}", str(item.key)) else []
    return [stems(answer) for answer in key_texts(item) if len(telling(answer)) >= least]


def _cue(answers: list[tuple[str, ...]], question: set[str], read: list[tuple[str, tuple[str, ...], set[str]]]) -> str:
    """Return a sentence that holds the answer with words of the question, an empty text where there is none."""
    for row in answers:
        for sentence, words, said in read:
            starts = (k for k, w in enumerate(words) if w == row[0])
            if any(words[k : k + len(row)] == row for k in starts) and len(said & question - set(row)) >= CUE_WORDS:
                return sentence
    return ""


def families(bank: ItemBank) -> Iterator[Finding]:
    """Gate 11: two members of a family in one form, or both in the reference set that percent is counted on."""
    member = {i.id: i.family.name for i in bank.items if i.family}
    lists = [(phrase("quality.form", form=f.id), f.items) for f in bank.forms]
    for place, ids in [*lists, (phrase("quality.reference_set"), bank.reference_set)]:
        for name in dict.fromkeys(member.values()):
            if len(twice := [i for i in ids if member.get(i) == name]) > 1:
                yield Template("quality.family_twice").of(twice, family=name, place=place)


def parallel(bank: ItemBank) -> Iterator[Finding]:
    """Gate 10: forms differ in points of a part, open items, number of items, minutes or expected points, or lack an anchor."""
    if len(bank.forms) < 2:
        return
    ids = [form.id for form in bank.forms]
    items = {i.id: i for i in bank.items}
    groups = [[items[i] for i in form.items] for form in bank.forms]
    measures = {
        "items": ([float(len(group)) for group in groups], 0.0),
        "methodical": ([float(sum(i.max_score for i in group if is_methodical(i))) for group in groups], 1.0),
        "subject": ([float(sum(i.max_score for i in group if not is_methodical(i))) for group in groups], 1.0),
        "open": ([float(sum(i.type == "open" for i in group)) for group in groups], 0.0),
        "minutes": ([float(sum(form.parts.values())) for form in bank.forms], 0.0),
    }
    measures |= {f"curve_{100 * c:.0f}": (at, 1.0) for c, at in zip(CUTS, _expected(bank), strict=False)}
    for name, (values, allowed) in measures.items():
        if max(values) - min(values) > allowed:
            pairs = [(i, int(v) if v.is_integer() else v) for i, v in zip(ids, values, strict=True)]
            yield Template("quality.forms_differ").of(ids, what=PATTERNS["measures"][name], pairs=pairs, allowed=int(allowed))
    common = [items[i] for i in set.intersection(*_meeting(bank))]
    methodical = sum(map(is_methodical, common))
    opened = sum(i.type == "open" for i in common)
    if min(methodical, len(common) - methodical) < ANCHOR or not opened:
        subject = len(common) - methodical
        yield Template("quality.form_anchor").of(ids, least=ANCHOR, methodical=methodical, subject=subject, open=opened)


def _expected(bank: ItemBank) -> list[list[float]]:
    """Return the expected points of each form where the reference set earns the share of each cut; none without parameters."""
    if {r.item for r in bank.parameters} != {i.id for i in bank.items}:
        return []
    parameters = bank_parameters(bank)
    scores = expected_scores(parameters, GRID)
    row = {item: k for k, item in enumerate(parameters.items)}
    reference = scores[[row[i] for i in bank.reference_set]].sum(axis=0)
    whole = sum(bank.item(i).max_score for i in bank.reference_set)
    at = [int(np.argmin(np.abs(reference / whole - cut))) for cut in CUTS]
    return [[float(scores[[row[i] for i in form.items], q].sum()) for form in bank.forms] for q in at]


FORM_GATES = (overlaps, families, parallel)
