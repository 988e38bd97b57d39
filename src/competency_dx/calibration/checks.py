"""Item checks before and after estimation: constant items, empty categories, probable wrong keys, odd parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import ndtr

from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.calibration.wrong_keys import FALSE_ALARM, SuspectedKey
from competency_dx.errors import listed
from competency_dx.findings import Finding, Severity
from competency_dx.models import ItemParameters

THIN_RASCH, THIN_2PL = 100, 300
LARGEST_SLOPE, SMALLEST_SLOPE, FARTHEST = 4.0, 0.2, 6.0


def before(
    items: tuple[str, ...], counts: Ints, n_categories: Ints, rest: Floats, suspected: Sequence[SuspectedKey]
) -> tuple[Finding, ...]:
    """Return what the raw counts say of the items.

    Parameters
    ----------
    counts : ndarray of int, shape (I, K)
        How often each category was observed.
    rest : ndarray, shape (I,)
        Correlation of each item with the others.
    suspected : sequence of SuspectedKey
    """
    exists = np.arange(counts.shape[1]) < n_categories[:, None]
    unused = exists & (counts == 0)
    constant = (counts > 0).sum(axis=1) <= 1
    gaps = unused.any(axis=1) & ~constant
    rest = np.nan_to_num(rest, nan=1.0)
    wrong = [s.item for s in suspected]
    weak = (rest < 0) & ~np.isin(items, wrong)
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
            wrong,
            lambda ids: (
                f"Вероятно, неверный ключ: {_hinted(ids, suspected, 'ru')}. Чем сильнее участник в остальных заданиях, "
                "тем реже ответ засчитан. Проверьте ключ до того, как использовать результаты."
            ),
            lambda ids: (
                f"Probable wrong key: {_hinted(ids, suspected, 'en')}. The better a person does on the other items, the "
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


def _hinted(ids: str, suspected: Sequence[SuspectedKey], language: str) -> str:
    hints = [f"{s.item}: {s.suggestion}" for s in suspected if s.suggestion]
    if not hints:
        return ids
    word = "похоже на ключ" if language == "ru" else "behaves like the key"
    return f"{ids} ({word}: {listed(hints)})"


def after(parameters: ItemParameters, model: str, n_answers: Ints, free: Bools) -> tuple[Finding, ...]:
    """Return what the estimates say of the items; `free` (I,) says whose slopes are estimated."""
    a, b = parameters.slope, parameters.difficulties
    ids = np.array(parameters.items, dtype=object)
    variances = np.diagonal(parameters.covariance, axis1=1, axis2=2)
    se = np.sqrt(np.take_along_axis(variances, parameters.dimension_index[:, None], axis=1)[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        negative = free & (a < 0) & ~(ndtr(a / se) > FALSE_ALARM / max(1, int(free.sum())))
    thin = THIN_2PL if free.any() else THIN_RASCH
    out = [
        _note(
            "calibration.negative_slope",
            "error",
            list(ids[negative]),
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
            list(ids[free & (a < SMALLEST_SLOPE) & ~negative]),
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
