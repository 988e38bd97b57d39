"""What a fitted classification model says about its items, profiles and maxima, as findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.classification.class_parameters import ItemClasses, standard_errors
from competency_dx.classification.inference import Reported
from competency_dx.classification.maximise_classes import Fit
from competency_dx.classification.problem import Problem
from competency_dx.errors import listed
from competency_dx.findings import Finding, Severity
from competency_dx.kernels.classes.attribute_distributions import FARTHEST
from competency_dx.kernels.classes.attribute_profiles import covering_pairs
from competency_dx.kernels.classes.item_classes import BOUND

SURE = 1.96
SAME_MAXIMUM = 1e-3


def after(problem: Problem, found: Fit, numbers: Reported, items: ItemClasses) -> tuple[Finding, ...]:
    """Return the findings of a fit."""
    p = problem.probabilities(found.state)
    at_bound = (p <= BOUND * 1.001) | (p >= 1 - BOUND * 1.001)
    ends, _ = items.ends()
    ids = items.items
    out = [
        _inseparable(problem, items),
        _note(
            "calibration.negative_discrimination",
            "error",
            [ids[i] for i in np.flatnonzero(ends[:, 2] < 0)],
            lambda x: f"Владеющие всеми атрибутами отвечают верно реже не владеющих ни одним: {x}. Проверьте ключ.",
            lambda x: (
                f"Those who master everything answer {x} right less often than those who master nothing: check the key."
            ),
        ),
        _note(
            "calibration.not_monotone",
            "info",
            _falling(items),
            lambda x: f"Освоение атрибута заметно снижает вероятность верного ответа: {x}. Проверьте Q-матрицу.",
            lambda x: (
                f"Mastering an attribute clearly lowers the probability of a right answer to {x}: check the Q-matrix."
            ),
        ),
        _note(
            "calibration.boundary_probability",
            "warning",
            [ids[i] for i, item in enumerate(problem.items) if (at_bound & ~found.at.empty)[item.where].any()],
            lambda x: (
                f"Вероятность у границы {BOUND:g} или {1 - BOUND:g} в заданиях {x}; у неё нет стандартной ошибки."
            ),
            lambda x: f"A probability of {x} lies at the bound {BOUND:g} or {1 - BOUND:g} and has no standard error.",
        ),
        _note(
            "calibration.empty_group",
            "warning",
            [ids[i] for i, item in enumerate(problem.items) if found.at.empty[item.where].any()],
            lambda x: f"В одной из групп заданий {x} никого нет; её вероятность не оценена.",
            lambda x: f"Nobody is in a latent group of {x}; its probability is not estimated.",
        ),
        _not_identified(found, numbers, items),
        _bound_distribution(problem, found, items),
        _starts(found),
    ]
    return tuple(f for f in out if f is not None)


def _falling(items: ItemClasses) -> list[str]:
    """Return items where mastering one attribute more lowers P(right) by more than its standard error allows."""
    out = []
    for i, item in enumerate(items.items):
        pairs, V = covering_pairs(items.patterns(i)), items.probability_covariance[i]
        low, high = pairs.T
        drop = items.probabilities[i, low] - items.probabilities[i, high]
        se = standard_errors(V[low, low] + V[high, high] - 2 * V[low, high])
        if (drop > SURE * se).any():
            out.append(item)
    return out


def _inseparable(problem: Problem, items: ItemClasses) -> Finding | None:
    members = problem.distribution.members
    alike, classes = int(members[members > 1].sum()), len(members)
    if not alike:
        return None
    of_class = problem.distribution.of_class
    names = [
        name
        for name, a in zip(items.attributes, problem.profiles.T, strict=True)
        if _split(np.bincount(of_class, weights=a).astype(np.float64), members)
    ]
    C = len(problem.profiles)
    held = problem.distribution.kind == "saturated"
    end_ru = "делят вероятность поровну" if held else "разделены лишь моделью распределения"
    end_en = "share their probability equally" if held else "are told apart by the attribute distribution alone"
    return Finding(
        code="calibration.inseparable_profiles",
        severity="warning",
        ru=f"Задания различают {classes} классов из {C} профилей; неразличимые профили {end_ru}. Атрибуты: {listed(names)}.",
        en=f"The items tell {classes} classes of {C} profiles apart; profiles that look alike {end_en}. It concerns "
        f"{listed(names)}: add items that measure these attributes alone, or state a hierarchy.",
        scope=tuple(names),
    )


def _split(masters: Floats, members: Ints) -> bool:
    """Return whether some class has both masters and others of an attribute."""
    return bool(((masters > 0) & (masters < members)).any())


def _not_identified(found: Fit, numbers: Reported, items: ItemClasses) -> Finding | None:
    if not found.at.flat.shape[1]:
        return None
    lost = np.isnan(np.einsum("iww->iw", numbers.probability_covariance)) & np.isfinite(numbers.probabilities)
    names = [items.items[i] for i in np.flatnonzero(lost.any(axis=1))]
    where = listed(names) if names else "the distribution of profiles"
    return Finding(
        code="calibration.not_identified",
        severity="warning",
        ru=f"Данные не определяют часть параметров ({found.at.flat.shape[1]} направлений): {listed(names) or 'профили'}; "
        "у них нет стандартных ошибок.",
        en=f"The data do not determine some parameters ({found.at.flat.shape[1]} flat directions): those of {where} have no "
        "standard errors; use a simpler family, a hierarchy or more items.",
        scope=tuple(names),
    )


def _bound_distribution(problem: Problem, found: Fit, items: ItemClasses) -> Finding | None:
    if problem.distribution.kind == "saturated":
        return None
    A = len(items.attributes)
    held = np.flatnonzero(np.abs(found.state.distribution) > FARTHEST - 1e-6)
    names = tuple(dict.fromkeys(items.attributes[k % A] for k in held))
    return _note(
        "calibration.boundary_distribution",
        "warning",
        names,
        lambda x: f"Параметры распределения атрибутов {x} у границы ±{FARTHEST:g}; у них нет стандартных ошибок.",
        lambda x: (
            f"Parameters of the distribution of {x} lie at their bound ±{FARTHEST:g} and have no standard errors."
        ),
    )


def _starts(found: Fit) -> Finding | None:
    reached = np.array(found.starts)
    if len(reached) == 1:
        return None
    best = int((reached > reached.max() - SAME_MAXIMUM).sum())
    return Finding(
        code="calibration.local_maxima",
        severity="info" if best > 1 else "warning",
        ru=f"Лучшего максимума достигли {best} из {len(reached)} начальных точек; худший ниже на "
        f"{reached.max() - reached.min():.2f}.",
        en=f"{best} of {len(reached)} starting points reached the best maximum; the worst is {reached.max() - reached.min():.2f} "
        "lower. Where only one reached it, raise ClassificationML(starts=…).",
    )


def _note(
    code: str, severity: Severity, ids: Sequence[str], ru: Callable[[str], str], en: Callable[[str], str]
) -> Finding | None:
    if not len(ids):
        return None
    russian = listed(ids).replace(" and ", " и ещё ").replace(" more", "")
    return Finding(code=code, severity=severity, ru=ru(russian), en=en(listed(ids)), scope=tuple(ids))
