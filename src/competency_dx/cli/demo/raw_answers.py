"""Raw answers as people write them, found by search: everything offered is scored by the item's own rule first.

For each item a pool of written answers is made, right, partly right and wrong ones, each in several spellings. The
rules of `responses` then say how many points each of them earns, so that an answer drawn for k points earns exactly k.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np

from competency_dx.arrays import Floats, Ints, value
from competency_dx.bank import CodeMap, Given, Item, Rubric
from competency_dx.responses import Reason, score_answers

MOST_CANDIDATES = 1500
OFTEN_WRONG = 2
"""Sequences with more wrong places than this are rare and are offered in one spelling only."""
MISCONCEPTION = 3.0
"""How much oftener a wrong option is chosen when a misconception leads to it."""
WRONG_WORDS: Mapping[str, tuple[str, ...]] = {
    "MAT-028": ("эллипс", "прямая", "серединный перпендикуляр", "парабола"),
    "MAT-034": ("икосаэдр", "октаэдр", "куб", "тетраэдр"),
    "HIS-008": ("барщина", "отработки", "оброк", "кабала"),
    "HIS-017": ("крепостные", "посессионные", "государственные", "вольные хлебопашцы"),
    "HIS-030": ("империя", "даймё", "самураи", "монархия"),
    "PHY-031": ("торий", "протактиний", "радий", "плутоний"),
    "PHY-033": ("Юпитер", "Марс", "Уран", "Нептун"),
}
"""Wrong answers to the short-text items of the shipped banks; other items get general ones."""
GENERAL_WORDS = ("не знаю", "не помню", "затрудняюсь ответить")


class Written(NamedTuple):
    """One way to answer and how often it occurs, relative to others that earn as much."""

    text: str
    weight: float


@value
class Pool:
    """Written answers that earn the same points, with their probabilities (V,)."""

    texts: tuple[str, ...]
    chances: Floats


def answer_pools(item: Item, rng: np.random.Generator) -> Mapping[int, Pool]:
    """Return for every number of points that an answer can earn the written answers that earn it.

    Parameters
    ----------
    item : Item
    rng : numpy.random.Generator
        Decides how popular each wrong option is.
    """
    written: dict[str, float] = {}
    for candidate in _candidates(item, rng):
        written[candidate.text] = written.get(candidate.text, 0.0) + candidate.weight
    texts = tuple(written)
    points, status = score_answers(item, texts)
    weights = np.array([written[t] for t in texts])
    readable = status == Reason.ANSWERED
    return {int(k): _pool(texts, weights, readable & (points == k)) for k in np.unique(points[readable])}


def _pool(texts: Sequence[str], weights: Floats, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Pool:
    kept = weights[chosen]
    return Pool(texts=tuple(itertools.compress(texts, chosen.tolist())), chances=kept / kept.sum())


def reachable(points: Ints, pools: Mapping[int, Pool]) -> Ints:
    """Return the points (P,), each lowered to the next number of points that some answer earns."""
    levels = np.array(sorted(pools))
    return np.asarray(levels[np.maximum(np.searchsorted(levels, points, side="right") - 1, 0)])


def draw_answers(points: Ints, pools: Mapping[int, Pool], rng: np.random.Generator) -> list[str]:
    """Return a written answer for each person (P,) that earns exactly the person's points."""
    out = np.empty(len(points), dtype=object)
    for k, pool in pools.items():
        rows = np.flatnonzero(points == k)
        out[rows] = np.array(pool.texts, dtype=object)[rng.choice(len(pool.texts), size=rows.size, p=pool.chances)]
    return [str(text) for text in out]


def _candidates(item: Item, rng: np.random.Generator) -> Iterator[Written]:
    if isinstance(item.rule, Rubric):
        return _ratings(item)
    if isinstance(item.rule, CodeMap):
        return (Written(code, 1.0) for code in (*item.rule.scores, *item.rule.zero))
    if isinstance(item.rule, Given):
        return (Written(str(k), 1.0) for k in range(item.max_score + 1))
    makers = {
        "single": _choices,
        "multiple": _sets,
        "matching": _rows,
        "ordering": _orders,
        "number": _numbers,
        "digits": _strings,
        "text": _words,
    }
    return makers[item.type](item, rng)


def _popularity(item: Item, rng: np.random.Generator) -> dict[str, float]:
    """Return how attractive each option is: uneven, and more so where a misconception leads to it."""
    draws = rng.gamma(2.0, 0.5, size=len(item.options)) + 0.1
    return {
        code: float(x) * (MISCONCEPTION if code in item.misconceptions else 1.0)
        for code, x in zip(item.options, draws, strict=True)
    }


def _choices(item: Item, rng: np.random.Generator) -> Iterator[Written]:
    for code, weight in _popularity(item, rng).items():
        yield Written(code, 0.97 * weight)
        yield Written(f"{code})", 0.03 * weight)


def _sets(item: Item, rng: np.random.Generator) -> Iterator[Written]:
    liked, key = _popularity(item, rng), cast("tuple[str, ...]", item.key)
    for size in range(1, len(item.options) + 1):
        for chosen in itertools.combinations(item.options, size):
            wrong = [liked[c] for c in chosen if c not in key]
            weight = float(np.prod(wrong)) * np.exp(-1.5 * abs(size - len(key)) - len(wrong))
            yield from _spelled(chosen, weight, ("", ", ", ";", " "))


def _orders(item: Item, rng: np.random.Generator) -> Iterator[Written]:
    key = cast("tuple[str, ...]", item.key)
    for row in _sampled(itertools.permutations(key), rng):
        misplaced = sum(a != k for a, k in zip(row, key, strict=True))
        marks = ("", "-", ", ", " ") if misplaced <= OFTEN_WRONG else ("",)
        yield from _spelled(row, float(np.exp(-0.7 * misplaced)), marks)
    for k in range(len(key)):
        yield from _spelled(key[:k] + key[k + 1 :], 1e-3, ("", "-"))


def _rows(item: Item, rng: np.random.Generator) -> Iterator[Written]:
    key = cast("dict[str, str]", item.key)
    codes = tuple(key.values())
    once = len(set(codes)) == len(codes)
    for row in _sampled(itertools.product(item.options or dict.fromkeys(codes), repeat=len(codes)), rng):
        wrong = sum(a != k for a, k in zip(row, codes, strict=True))
        repeated = once and len(set(row)) < len(row)
        weight = float(np.exp(-0.8 * wrong)) * (0.1 if repeated else 1.0)
        yield from _spelled(row, weight, ("", " ") if wrong <= OFTEN_WRONG else ("",))
        if wrong > OFTEN_WRONG:
            continue
        yield Written("".join(f"{left}{a}" for left, a in zip(key, row, strict=True)), 0.15 * weight)
        yield Written("; ".join(f"{left}-{a}" for left, a in zip(key, row, strict=True)), 0.05 * weight)


def _sampled(rows: Iterable[tuple[str, ...]], rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Return the rows, or so many of them by chance that the search stays short; the first ones always."""
    found = list(itertools.islice(rows, 50 * MOST_CANDIDATES))
    if len(found) <= MOST_CANDIDATES:
        return found
    places = np.unique(np.r_[0, rng.choice(len(found), size=MOST_CANDIDATES, replace=False)])
    return [found[k] for k in places]


def _spelled(codes: Sequence[str], weight: float, marks: Sequence[str]) -> Iterator[Written]:
    """Yield the codes joined by each of the marks, the first one being the usual way."""
    rest = 0.2 / max(1, len(marks) - 1)
    for k, mark in enumerate(marks):
        yield Written(mark.join(codes), weight * (rest if k else 0.8))


def _numbers(item: Item, rng: np.random.Generator) -> Iterator[Written]:
    key = float(str(item.key))
    wrong = [key + 1, key - 1, key + 2, key * 2, key / 2, key * 10, -key, key + float(rng.integers(3, 9))]
    for k, number in enumerate([key, *(w for w in wrong if w != key)]):
        plain = f"{number:.10g}"
        yield Written(plain.replace(".", ","), 8.0 / (k + 1))
        yield Written(plain, 1.0 / (k + 1))
        if item.unit is not None:
            yield Written(f"{plain.replace('.', ',')} {item.unit.ru}", 1.0 / (k + 1))


def _strings(item: Item, rng: np.random.Generator) -> Iterator[Written]:
    key = str(item.key)
    yield Written(key, 1.0)
    signs = sorted(set(key))
    for place, old in enumerate(key):
        for new in (s for s in signs if s != old):
            yield Written(key[:place] + new + key[place + 1 :], float(rng.gamma(2.0)))
    for k in range(len(key) - 1):
        yield Written(key[:k] + key[k + 1] + key[k] + key[k + 2 :], 1.0)


def _words(item: Item, rng: np.random.Generator) -> Iterator[Written]:
    for k, word in enumerate(cast("tuple[str, ...]", item.key)):
        for spelled in (word, word.capitalize(), word.upper(), f"{word}.", f" {word} ", word.replace("ё", "е")):
            yield Written(spelled, 1.0 / (k + 1))
    for word in WRONG_WORDS.get(item.id, GENERAL_WORDS):
        weight = float(rng.gamma(2.0))
        yield Written(word, weight)
        yield Written(word.capitalize(), 0.3 * weight)


def _ratings(item: Item) -> Iterator[Written]:
    names = [c.id for c in item.rubric]
    for levels in itertools.product(*(range(c.max_score + 1) for c in item.rubric)):
        yield Written(";".join(map(str, levels)), 0.7)
        yield Written("; ".join(f"{n}={x}" for n, x in zip(names, levels, strict=True)), 0.3)
