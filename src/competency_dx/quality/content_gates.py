"""What refuses an item or a bank before anybody has answered it: one function a gate.

The gates that compare items of a form stand in `content_forms`, the patterns of typography and repealed acts in ``content.toml``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from competency_dx.bank import ItemBank, PerElement, as_bank
from competency_dx.findings import Finding, Template
from competency_dx.quality.content_forms import FORM_GATES
from competency_dx.quality.content_texts import PATTERNS, all_texts, is_methodical, key_texts, misprints, telling, words_of
from competency_dx.responses import ambiguous_options, score_answers

CHANCE = 0.05  # two-sided, of all positions together
LEAST_SETS = 3  # items of multiple choice from which their key sets are judged, and sizes they must have
_VALUE = re.compile(r"(?:[^\W\d_]+[\s=:]+){0,2}(\d+(?:[.,]\d+)?)(?:\s*[%°‰]|(?:\s*[^\W\d_]+\.?){0,2})")
_DASHES = {"—": re.compile(r"\s—(?:\s|$)", re.MULTILINE), "–": re.compile(r"\s–(?:\s|$)", re.MULTILINE)}


def check_content(bank: ItemBank) -> tuple[Finding, ...]:
    """Return what the twelve gates refuse in a bank, gate by gate; nothing for a bank that passes.

    Parameters
    ----------
    bank : ItemBank

    Returns
    -------
    tuple of Finding
        One for each refusal, of severity "error": the code of the gate, the items (or forms) in `scope`, and what to do.
    """
    gates = (options_that_are_codes, key_sets, key_cues, titles, points, expected_answers, *FORM_GATES, typography, orders, repealed)
    return tuple(finding for gate in gates for finding in gate(as_bank(bank)))


def options_that_are_codes(bank: ItemBank) -> Iterator[Finding]:
    """Gate 1: the words of an option, or the value in them, are the code of another option."""
    for item in bank.items:
        misread = set(ambiguous_options(item))
        for code, text in item.options.items():
            value = _VALUE.fullmatch(text.strip())
            number = f"{float(value[1].replace(',', '.')):g}" if value else ""
            if code in misread or (number in item.options and number != code):
                yield Template("quality.option_is_code").of([item.id], option=code, words=text)


def key_sets(bank: ItemBank) -> Iterator[Finding]:
    """Gate 2: the number of right options can be guessed."""
    sizes = {i.id: len(i.key or ()) for i in bank.items if i.type == "multiple"}
    counts = Counter(sizes.values())
    most = max(counts.values(), default=0)
    if len(sizes) >= LEAST_SETS and (len(counts) < LEAST_SETS or most > len(sizes) / 2):
        yield Template("quality.key_sizes").of(sizes, counts=[f"{size}: {n}" for size, n in sorted(counts.items())])


def key_cues(bank: ItemBank) -> Iterator[Finding]:
    """Gate 3: the key is the longest option, or stands at a place, more or less often than chance (two-sided, exact)."""
    single = [i for i in bank.items if i.type == "single" and isinstance(i.key, str) and i.key in i.options]
    longest = {i.id: {c for c, t in i.options.items() if len(t) == max(map(len, i.options.values()))} for i in single}
    hits = [i.id for i in single if i.key in longest[i.id]]
    chances = [len(longest[i.id]) / len(i.options) for i in single]
    if _two_sided(len(hits), chances) < CHANCE:
        yield Template("quality.key_length").of(hits or longest, hits=len(hits), items=len(single), expected=sum(chances))
    places = max((len(i.options) for i in single), default=0)
    for k in range(places):
        enough = [i for i in single if len(i.options) > k]
        at = [i.id for i in enough if [*i.options].index(str(i.key)) == k]
        even = [1 / len(i.options) for i in enough]
        if _two_sided(len(at), even) < CHANCE / places:
            where = at or [i.id for i in enough]
            yield Template("quality.key_position").of(where, place=k + 1, hits=len(at), items=len(enough), expected=sum(even))


def _two_sided(hits: int, chances: Sequence[float]) -> float:
    """Return the probability of a number of hits no likelier than this one, of independent trials with these chances."""
    mass = np.ones(1)
    for p in chances:
        mass = np.convolve(mass, [1 - p, p])
    return float(mass[mass <= mass[hits] * (1 + 1e-9)].sum())


def titles(bank: ItemBank) -> Iterator[Finding]:
    """Gate 4: a word of the title stands in the key, and in few of the wrong options."""
    for item in bank.items:
        wrong = [telling(t) for c, t in item.options.items() if c not in item.right_options]
        key, title = telling(" ".join(key_texts(item))), item.title.ru if item.title else ""
        for word in dict.fromkeys(words_of(title)):
            cue = telling(word) & key
            if cue and 2 * sum(cue <= option for option in wrong) <= len(wrong):
                yield Template("quality.title_shows_key").of([item.id], word=word)


def points(bank: ItemBank) -> Iterator[Finding]:
    """Gate 5: items of a type and part earn different points, or recall earns more than an average methodical item."""
    worth = {i.id: "per element" if isinstance(i.rule, PerElement) else str(i.max_score) for i in bank.items}
    for kind in dict.fromkeys((i.type, is_methodical(i)) for i in bank.items if i.type not in {"open", "scored"}):
        same = [i.id for i in bank.items if (i.type, is_methodical(i)) == kind]
        (usual, _), *others = Counter(worth[i] for i in same).most_common()
        if others:
            yield Template("quality.points_differ").of([i for i in same if worth[i] != usual], type=kind[0])
    methodical = [i.max_score for i in bank.items if is_methodical(i)]
    average = sum(methodical) / len(methodical) if methodical else np.inf
    recall = [i.id for i in bank.items if i.cognitive == "knowing" and not is_methodical(i) and i.max_score > average]
    yield from Template("quality.recall_outweighs").about(recall, average=average)


def expected_answers(bank: ItemBank) -> Iterator[Finding]:
    """Gate 6: an answer to accept does not earn all the points, or one to reject earns some."""
    for item in bank.items:
        earned, _ = score_answers(item, [*item.accept, *item.reject])
        low = [a for a, x in zip(item.accept, earned, strict=False) if x < item.max_score]
        high = [a for a, x in zip(item.reject, earned[len(item.accept) :], strict=True) if x]
        yield from Template("quality.answer_refused").about([item.id] * bool(low), answers=low)
        yield from Template("quality.answer_credited").about([item.id] * bool(high), answers=high)


def typography(bank: ItemBank) -> Iterator[Finding]:
    """Gate 8: minus, dashes, no-break spaces, quotes; one style of dash in a bank."""
    for item in bank.items:
        for rule, place in {str(r): (r, p) for t in all_texts(item) for r, p in misprints("typography", t)}.values():
            yield Template("quality.typography").of([item.id], remark=rule, place=place)
    users = {d: [i.id for i in bank.items if any(map(p.search, all_texts(i)))] for d, p in _DASHES.items()}
    rarer = min(users.values(), key=len)
    yield from Template("quality.dash_styles").about(rarer)


def orders(bank: ItemBank) -> Iterator[Finding]:
    """Gate 9: the labels give the order away: their codes or the numbers in them run in it, or their words say it."""
    for item in bank.items:
        if item.type != "ordering" or not item.options or not isinstance(item.key, tuple):
            continue
        labels = [item.options[code] for code in item.key]
        numbers = [re.search(r"\d+", t) for t in labels]
        worded = all(re.search(r"[^\W\d_]{3,}", t) for t in labels)
        values = [int(n[0]) for n in numbers if n] if worded and all(numbers) else []
        runs = any(map(_runs, ([[*item.options].index(code) for code in item.key], values)))
        if runs or any(re.search(PATTERNS["linking"], t, re.IGNORECASE) for t in labels):
            yield Template("quality.order_shown").of([item.id])


def _runs(values: list[int]) -> bool:
    return len(values) > 1 and values in (sorted(values), sorted(values, reverse=True))


def repealed(bank: ItemBank) -> Iterator[Finding]:
    """Gate 12: names of acts and subjects that are no longer in force."""
    for item in bank.items:
        for rule, place in {str(r): (r, p) for t in all_texts(item) for r, p in misprints("repealed", t)}.values():
            yield Template("quality.repealed").of([item.id], remark=rule, place=place)
