"""Item checks before and after estimation: constant items, empty categories, probable wrong keys, odd parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.errors import listed
from competency_dx.findings import Finding, Severity
from competency_dx.models import ItemParameters
from competency_dx.responses import Responses

THIN_RASCH, THIN_2PL = 100, 300
LARGEST_SLOPE, SMALLEST_SLOPE, FARTHEST = 4.0, 0.2, 6.0
SURE = 1.645  # standard errors (1/√n) a negative item-rest correlation lies below 0 before the key is doubted


def item_rest(codes: Codes, observed: Bools, max_scores: Ints) -> Floats:
    """Return the correlation (I,) of each item with the mean share of points on the person's other items.

    Working with the mean over the items answered keeps the statistic meaningful for booklets; NaN where an item or the
    rest has no variance.
    """
    if observed.all():
        return _complete_item_rest(np.divide(codes, np.maximum(max_scores, 1), dtype=np.float32))
    share = np.where(observed, codes / np.maximum(max_scores, 1), 0.0)
    total, answered = share.sum(axis=1), observed.sum(axis=1)
    out = np.full(codes.shape[1], np.nan)
    for i in range(codes.shape[1]):
        who = observed[:, i] & (answered > 1)
        if who.sum() < 3:
            continue
        rest = (total[who] - share[who, i]) / (answered[who] - 1)
        x = share[who, i]
        if x.std() > 0 and rest.std() > 0:
            out[i] = np.corrcoef(x, rest)[0, 1]
    return out


def _complete_item_rest(share: NDArray[np.float32]) -> Floats:
    """Return the same for complete data from the covariances of items with their sum."""
    off = share - share.mean(axis=0, dtype=np.float64).astype(np.float32)
    total = off @ np.ones(off.shape[1], dtype=np.float32)
    own, shared = np.einsum("pi,pi->i", off, off).astype(float), (total @ off).astype(float)
    rest = float(total @ total) + own - 2 * shared
    usable = (own > 0) & (rest > 0)
    out: Floats = np.full(share.shape[1], np.nan)
    np.divide(shared - own, np.sqrt(own * rest), out=out, where=usable)
    return out


def before(
    items: tuple[str, ...], counts: Ints, n_categories: Ints, rest: Floats, swaps: dict[str, str]
) -> tuple[Finding, ...]:
    """Return what the raw counts say of the items.

    Parameters
    ----------
    counts : ndarray of int, shape (I, K)
        How often each category was observed.
    swaps : dict of str to str
        Items with an option that behaves like the key, and that option.
    """
    exists = np.arange(counts.shape[1]) < n_categories[:, None]
    unused = exists & (counts == 0)
    constant = (counts > 0).sum(axis=1) <= 1
    gaps = unused.any(axis=1) & ~constant
    rest = np.nan_to_num(rest, nan=1.0)
    swapped = np.array([item in swaps for item in items])
    wrong = (rest < 0) & (swapped | (rest < -SURE / np.sqrt(np.maximum(counts.sum(axis=1), 1))))
    weak = (rest < 0) & ~wrong
    out = [
        _note(
            "calibration.constant_item",
            "warning",
            _chosen(items, constant),
            lambda ids: (
                f"Все ответы на задания {ids} получили один и тот же балл: о различиях между людьми они не говорят."
            ),
            lambda ids: (
                f"All answers to {ids} earned the same score: they tell nothing about differences between persons."
            ),
        ),
        _note(
            "calibration.empty_category",
            "warning",
            _chosen(items, gaps),
            lambda ids: (
                f"В заданиях {ids} есть баллы, которых никто не получил; их пороги держатся только на априорных."
            ),
            lambda ids: (
                f"Some scores of {ids} were earned by nobody; their thresholds rest on the prior alone or are absent."
            ),
        ),
        _note(
            "calibration.probable_wrong_key",
            "error",
            _chosen(items, wrong),
            lambda ids: (
                f"Вероятно, неверный ключ: {_swapped(ids, swaps, 'ru')}. Чем сильнее участник в остальных заданиях, "
                "тем реже ответ засчитан. Проверьте ключ до того, как использовать результаты."
            ),
            lambda ids: (
                f"Probable wrong key: {_swapped(ids, swaps, 'en')}. The better a person does on the other items, the "
                "less often the answer is credited. Check the key before any result is used."
            ),
        ),
        _note(
            "calibration.low_item_rest",
            "info",
            _chosen(items, weak),
            lambda ids: (
                f"Связь с остальными заданиями слабее нуля, но в пределах случайной: {ids}. Просмотрите эти задания."
            ),
            lambda ids: (
                f"The relation to the other items is below zero, though within chance: {ids}. Look at these items."
            ),
        ),
    ]
    return tuple(f for f in out if f is not None)


def _chosen(items: tuple[str, ...], mask: Bools) -> list[str]:
    return [item for item, here in zip(items, mask, strict=True) if here]


def _swapped(ids: str, swaps: dict[str, str], language: str) -> str:
    hints = [f"{item}: {option}" for item, option in swaps.items()]
    if not hints:
        return ids
    word = "похоже на ключ" if language == "ru" else "behaves like the key"
    return f"{ids} ({word}: {listed(hints)})"


def after(parameters: ItemParameters, model: str, n_answers: Ints, free: Bools) -> tuple[Finding, ...]:
    """Return what the estimates say of the items; `free` (I,) says whose slopes are estimated."""
    a, b = parameters.slope, parameters.difficulties
    ids = np.array(parameters.items, dtype=object)
    thin = THIN_2PL if free.any() else THIN_RASCH
    out = [
        _note(
            "calibration.negative_slope",
            "error",
            list(ids[free & (a < 0)]),
            lambda x: f"Отрицательная дискриминация: {x}. Вероятно, неверный ключ или обратная кодировка.",
            lambda x: f"Negative slope: {x}. A wrong key or reversed coding is probable.",
        ),
        _note(
            "calibration.steep_slope",
            "warning",
            list(ids[free & (a > LARGEST_SLOPE)]),
            lambda x: f"Дискриминация выше {LARGEST_SLOPE:g}: {x}. Проверьте, не повторяют ли задания друг друга.",
            lambda x: f"Slope above {LARGEST_SLOPE:g}: {x}. Check for items that repeat or give away one another.",
        ),
        _note(
            "calibration.flat_slope",
            "warning",
            list(ids[free & (a >= 0) & (a < SMALLEST_SLOPE)]),
            lambda x: f"Дискриминация ниже {SMALLEST_SLOPE:g}: {x}. Задания почти ничего не измеряют; проверьте ключ.",
            lambda x: f"Slope below {SMALLEST_SLOPE:g}: {x}. These items measure next to nothing; check the key.",
        ),
        _note(
            "calibration.far_difficulty",
            "warning",
            list(ids[np.nanmax(np.abs(np.where(np.isfinite(b), b, 0.0)), axis=1) > FARTHEST]),
            lambda x: f"Трудность дальше {FARTHEST:g} логитов от центра: {x}. Почти все отвечают на них одинаково.",
            lambda x: (
                f"Difficulty farther than {FARTHEST:g} logits from the centre: {x}. Nearly all answer them alike."
            ),
        ),
        _note(
            "calibration.thin_sample",
            "warning",
            list(ids[n_answers < thin]),
            lambda x: (
                f"Меньше {thin} ответов на задания {x}: для модели {model} данных мало. "
                + ("Используйте Rasch или PCM." if thin == THIN_2PL else "Оценки трудности неточны.")
            ),
            lambda x: (
                f"Fewer than {thin} answers to {x}: thin data for the model {model}. "
                + ("Use Rasch or PCM." if thin == THIN_2PL else "Difficulties are imprecise.")
            ),
        ),
    ]
    return tuple(f for f in out if f is not None)


def _note(
    code: str, severity: Severity, ids: Sequence[str], ru: Callable[[str], str], en: Callable[[str], str]
) -> Finding | None:
    if not len(ids):
        return None
    russian = listed(ids).replace(" and ", " и ещё ").replace(" more", "")
    return Finding(code=code, severity=severity, ru=ru(russian), en=en(listed(ids)), scope=tuple(str(i) for i in ids))


ALIKE = 0.95  # correlation of two items among the persons who answered both
LEAST_COMMON = 30
PERSONS = 4_000


def near_duplicates(items: tuple[str, ...], codes: Codes, observed: Bools) -> tuple[Finding, ...]:
    """Return a warning about pairs of items whose answers correlate above .95 among at least 30 common persons.

    About 4,000 persons spread over the table are looked at: a repetition shows itself in them.
    """
    some = slice(None, None, max(1, len(codes) // PERSONS))
    x, seen = codes[some].astype(np.float32), observed[some].astype(np.float32)
    x = x * seen
    n = seen.T @ seen
    sum_i, sum_ij, square = x.T @ seen, x.T @ x, (x**2).T @ seen
    with np.errstate(invalid="ignore", divide="ignore"):
        cov = sum_ij - sum_i * sum_i.T / n
        var = square - sum_i**2 / n
        r = cov / np.sqrt(var * var.T)
    pairs = np.argwhere(np.triu((n >= LEAST_COMMON) & (np.nan_to_num(r) > ALIKE), 1))
    if not len(pairs):
        return ()
    named = [f"{items[i]}, {items[j]}" for i, j in pairs]
    return (
        Finding(
            code="calibration.near_duplicate",
            severity="warning",
            ru=f"Задания почти повторяют друг друга (корреляция ответов выше {ALIKE:g}): {'; '.join(named[:5])}. "
            "Их дискриминации завышены; оставьте одно из каждой пары.",
            en=f"Items nearly repeat one another (answers correlate above {ALIKE:g}): {'; '.join(named[:5])}. "
            "Their slopes are inflated; keep one of each pair.",
            scope=tuple(items[k] for k in np.unique(pairs)),
        ),
    )


def repeated(findings: tuple[Finding, ...]) -> str:
    """Return the items said to repeat one another, for a sentence; empty where there are none."""
    for finding in findings:
        if finding.code == "calibration.near_duplicate":
            return listed(finding.scope)
    return ""


LEAST_CHOSEN = 0.05
SURE = 2.0


def key_swaps(data: Responses, kept: Ints, rest: Floats) -> dict[str, str]:
    """Return for each item with a negative item-rest correlation the answer that strong persons give instead.

    The answer must be chosen by at least 5 %, and its correlation with the share of points on the other items must be positive
    and lie two standard errors of a difference (√(2/n)) above that of the keyed answer.
    Nothing is returned where raw answers were not kept.
    """
    if data.answers is None:
        return {}
    answered = data.observed
    share = np.where(answered, data.scores / np.maximum(data.max_scores, 1), 0.0)
    total, count = share.sum(axis=1), answered.sum(axis=1)
    out: dict[str, str] = {}
    for i, r in zip(kept, rest, strict=True):
        who = answered[:, i] & (count > 1)
        if not r < 0 or not who.any():
            continue
        others = (total[who] - share[who, i]) / (count[who] - 1)
        found = _strongest(data.answers.codes[who, i], others, float(r))
        if found is not None:
            out[data.items[i]] = data.answers.vocabulary[i][found]
    return out


def _strongest(codes: Ints, others: Floats, keyed: float) -> int | None:
    best, at = max(0.0, keyed + SURE * float(np.sqrt(2 / len(codes)))), None
    for code in np.unique(codes[codes >= 0]):
        chosen = codes == code
        if LEAST_CHOSEN <= chosen.mean() < 1:
            r = float(np.corrcoef(chosen, others)[0, 1])
            if r > best:
                best, at = r, int(code)
    return at
