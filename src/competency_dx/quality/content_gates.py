"""What refuses an item or a bank before anybody has answered it: one function a gate, patterns of texts in ``content.toml``."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from itertools import combinations, product

import numpy as np

from competency_dx.bank import Item, ItemBank, PerElement
from competency_dx.errors import CalibrationError, checked, phrase
from competency_dx.findings import Finding, Template
from competency_dx.models import bank_parameters, expected_scores
from competency_dx.responses import ambiguous_options, score_answers
from competency_dx.wording import toml_content

CHANCE = 0.05  # two-sided, of all positions together
LEAST_SETS = 3  # items of multiple choice from which their key sets are judged, and sizes they must have
GRAM, GRAM_WORDS = 4, 3  # words in a row that two items may not share, and how many of them must say something
COMMON = 3  # items that share them: in more it is an instruction
CUE_WORDS = 2  # of the question, in a sentence of another item that holds its answer
CUTS = (0.6, 0.8)
GRID = np.linspace(-6, 6, 1201)
ANCHOR = 5  # items of each part that the forms have in common
PATTERNS = toml_content("quality", "content")
_DASHES = [re.compile(rf"\s{dash}(?:\s|$)", re.MULTILINE) for dash in "—–"]


@checked(CalibrationError)
def check_content(bank: ItemBank) -> tuple[Finding, ...]:
    """Return a finding of severity "error" for each refusal of the twelve gates, gate by gate: code, items (or forms), what to do."""
    of_items = options_that_are_codes, key_sets, key_cues, titles, points, expected_answers
    of_forms, of_texts = (overlaps, families, parallel), (typography, orders, partial(_misprinted, code="quality.repealed"))
    return tuple(finding for gate in (*of_items, *of_forms, *of_texts) for finding in gate(bank))


def options_that_are_codes(bank: ItemBank) -> Iterator[Finding]:
    """Gate 1: the words of an option, or the value in them, are the code of another option."""
    for item in bank.items:
        for code, text in item.options.items():
            value = re.fullmatch(PATTERNS["value"], text.strip())
            number = f"{float(value[1].replace(',', '.')):g}" if value else ""
            if code in ambiguous_options(item) or (number in item.options and number != code):
                yield Template("quality.option_is_code").of([item.id], option=code, words=text)


def key_sets(bank: ItemBank) -> Iterator[Finding]:
    """Gate 2: the number of right options can be guessed."""
    sizes = {i.id: len(i.key or ()) for i in bank.items if i.type == "multiple"}
    counts = Counter(sizes.values())
    if len(sizes) >= LEAST_SETS and (len(counts) < LEAST_SETS or max(counts.values()) > len(sizes) / 2):
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
        if low := [a for a, x in zip(item.accept, earned, strict=False) if x < item.max_score]:
            yield Template("quality.answer_refused").of([item.id], answers=low)
        if high := [a for a, x in zip(item.reject, earned[len(item.accept) :], strict=True) if x]:
            yield Template("quality.answer_credited").of([item.id], answers=high)


def _meeting(bank: ItemBank) -> list[set[str]]:
    """Return the items that one person meets: form by form, all of them in a bank without forms."""
    return [set(form.items) for form in bank.forms] or [{i.id for i in bank.items}]


def overlaps(bank: ItemBank) -> Iterator[Finding]:
    """Gate 7: two items of a form share a fact or four words in a row or one answers the other, and are not enemies."""
    forms, items = _meeting(bank), {i.id: i for i in bank.items}
    pairs = (pair for pair in combinations(items, 2) if any({*pair} <= form for form in forms))
    together = [(a, b) for a, b in pairs if b not in items[a].enemies and a not in items[b].enemies]
    shared = {pair: mark for mark, holders in reversed(_marks(bank).items()) for pair in combinations(holders, 2)}  # the first mark
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
    if (least := {"text": 1, "single": 2}.get(item.type)) is None:
        return [stems(str(item.key))] if re.fullmatch(r"\d{3,}", str(item.key)) else []
    return [stems(answer) for answer in key_texts(item) if len(telling(answer)) >= least]


def _cue(answers: list[tuple[str, ...]], question: set[str], read: list[tuple[str, tuple[str, ...], set[str]]]) -> str:
    """Return a sentence that holds the answer with words of the question, an empty text where there is none."""
    for row, (sentence, words, said) in product(answers, read):
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
    ids, items = [form.id for form in bank.forms], {i.id: i for i in bank.items}
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
    methodical, opened = sum(map(is_methodical, common)), sum(i.type == "open" for i in common)
    subject = len(common) - methodical
    if min(methodical, subject) < ANCHOR or not opened:
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


def typography(bank: ItemBank) -> Iterator[Finding]:
    """Gate 8: minus, dashes, no-break spaces, quotes; one style of dash in a bank."""
    yield from _misprinted(bank, "quality.typography")
    rarer = min(([i.id for i in bank.items if any(map(dash.search, all_texts(i)))] for dash in _DASHES), key=len)
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
        rows = (row for row in ([[*item.options].index(code) for code in item.key], values) if len(row) > 1)
        runs = any(row in (sorted(row), sorted(row, reverse=True)) for row in rows)
        if runs or any(re.search(PATTERNS["linking"], t, re.IGNORECASE) for t in labels):
            yield Template("quality.order_shown").of([item.id])


def _misprinted(bank: ItemBank, code: str) -> Iterator[Finding]:
    """Gates 8 and 12: typography, or acts and subjects no longer in force; each remark once for an item, with a place."""
    for item in bank.items:
        places: dict[tuple[str, str], str] = {}
        for text, rule in product([re.sub(PATTERNS["code"], " ", t) for t in all_texts(item)], PATTERNS[code.partition(".")[2]]):
            if hit := re.search(rule["pattern"], text, re.MULTILINE):
                places[rule["ru"], rule["en"]] = text[max(0, hit.start() - 8) : hit.end() + 8].replace("\n", " ").strip(" ")
        for (ru, en), place in places.items():
            yield Template(code).of([item.id], remark={"ru": ru, "en": en}, place=place)


def shown(item: Item) -> list[str]:
    """Return what a person reads, but the title: stimulus, stem, what is matched and the options."""
    seen = item.stimulus
    above = [seen.text, *(cell for row in seen.table for cell in row)] if seen else []
    return [*filter(None, above), item.stem, *item.left.values(), *item.options.values()]


def all_texts(item: Item) -> list[str]:
    """Return every text of an item that somebody reads."""
    titles = [item.title, item.stimulus.alt if item.stimulus else None, *(c.title for c in item.rubric)]
    levels = [text for criterion in item.rubric for text in criterion.levels.values()]
    return [*(t.ru for t in titles if t), *shown(item), *levels, *item.misconceptions.values(), item.solution]


def words_of(text: str) -> list[str]:
    """Return the words and numbers of a text in order, in small letters, ё as е."""
    return re.findall(r"\w+", text.casefold().replace("ё", "е"))


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Return a word without its ending."""
    return re.sub(PATTERNS["ending"], "", word)


def stems(text: str) -> tuple[str, ...]:
    """Return the words and numbers of a text in order, words without their endings."""
    return tuple(map(stem, words_of(text)))


def telling(text: str) -> set[str]:
    """Return the words of a text that can give something away: of four letters or more, or numbers of two digits or more."""
    return {stem(w) for w in words_of(text) if len(w) > 3 or (w.isdigit() and len(w) > 1)}


def sentences(texts: list[str]) -> list[str]:
    """Return the sentences that are no instruction how to answer."""
    parts = (s for text in texts for s in re.split(r"(?<=[.;!?])\s+|\n\s*\n", text))
    return [s for s in parts if s.strip() and not re.search(PATTERNS["instruction"], s, re.IGNORECASE)]


def key_texts(item: Item) -> list[str]:
    """Return the right answer as words: the options of the key, the wordings, the number."""
    if item.type in {"single", "multiple"}:
        return [item.options[code] for code in item.right_options if code in item.options]
    if item.type == "text" and item.key:  # a longer wording holds words that are not asked for
        return [k for n, k in enumerate(item.key) if n == 0 or len(words_of(k)) == 1]
    return [item.key] if isinstance(item.key, str) else []


def is_methodical(item: Item) -> bool:
    """Return whether an item is of the methodical part: as it says, else by the cluster of a competency."""
    return item.part == "methodical" if item.part else any(c.split(".")[1:2] == ["M"] for c in item.competencies)
