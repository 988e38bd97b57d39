"""A synthetic cohort with every state in it, made without the engine that would fill it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from competency_dx.arrays import names
from competency_dx.bank import Text
from competency_dx.competencies import R201, Competency, DeficitProfiles, DeficitRule, ItemFact
from competency_dx.errors import Finding
from competency_dx.provenance import Provenance

UNITS = (
    ("MAT", "Учитель математики", "Mathematics teacher", "category", None),
    ("MAT.S", "Предметная", "Subject", "cluster", "MAT"),
    ("MAT.S.01", "Числа и вычисления", "Numbers", "domain", "MAT.S"),
    ("MAT.S.02", "Алгебраические выражения", "Algebraic expressions", "domain", "MAT.S"),
    ("MAT.S.03", "Уравнения, неравенства, текстовые задачи", "Equations and inequalities", "domain", "MAT.S"),
    ("MAT.S.04", "Функции и графики", "Functions and graphs", "domain", "MAT.S"),
    ("MAT.S.06", "Планиметрия", "Plane geometry", "domain", "MAT.S"),
    ("MAT.S.08", "Вероятность, статистика, комбинаторика, логика", "Probability, statistics", "domain", "MAT.S"),
    ("MAT.M", "Методическая", "Methodical", "cluster", "MAT"),
    ("MAT.M.03", "Проектирование урока и системы уроков", "Lesson design", "domain", "MAT.M"),
    ("MAT.M.05", "Анализ ошибок и затруднений, коррекция", "Error analysis", "domain", "MAT.M"),
    ("MAT.M.06", "Оценивание, критериальная проверка", "Assessment by criteria", "domain", "MAT.M"),
    ("MAT.M.08", "Метапредметные результаты, функциональная грамотность", "Functional literacy", "domain", "MAT.M"),
)
PER_DOMAIN = 4
TOPIC_TITLES = ("Остаток от деления", "Сравнение чисел", "Доля и процент", "Оценка результата")
FORMS, PLACES = ("А", "Б"), ("Северный округ", "Южный округ", "Западный район", "посёлок Дальний")


def competencies() -> tuple[Competency, ...]:
    def items(code: str) -> int:
        return PER_DOMAIN * sum(u[0].startswith(code) and u[3] == "domain" for u in UNITS)

    return tuple(
        Competency(
            code=code,
            title=Text(ru=ru, en=en),
            kind=kind,
            parent=parent,
            n_items=items(code),
            reference_points=items(code),
        )
        for code, ru, en, kind, parent in UNITS
    )


def item_facts(rng: np.random.Generator) -> tuple[ItemFact, ...]:
    domains = [u[0] for u in UNITS if u[3] == "domain"]
    return tuple(
        ItemFact(
            item=f"MAT-{len(TOPIC_TITLES) * d + k + 1:03d}",
            title=Text(ru=f"{TOPIC_TITLES[k]} ({domain[-2:]})", en=f"Task {k + 1} of {domain}"),
            topics=(f"{domain}.{k + 1}",),
            competencies=(domain, domain[:5], domain[:3]),
            max_score=2 if k == 3 else 1,
            difficulty=float(rng.normal(0, 1)),
            status="provisional" if (d + k) % 3 == 0 else "calibrated",
        )
        for d, domain in enumerate(domains)
        for k in range(PER_DOMAIN)
    )


def make_profiles(persons: int = 12, seed: int = 1) -> DeficitProfiles:
    """Return profiles: roots and clusters reported, two domains too, the other domains insufficient."""
    rng, units, rule, standards = np.random.default_rng(seed), competencies(), DeficitRule(), R201()
    items, P, C = item_facts(rng), persons, len(units)
    depth = np.array([u.code.count(".") for u in units])
    ability = rng.normal(0, 1, P)
    theta = ability[:, None] + rng.normal(0, 0.35, (P, C)) * (depth > 0)
    percent, half = 100 / (1 + np.exp(-0.9 * theta - 0.8)), np.array([7.0, 10.0, 17.0])[depth][None, :]
    low, high = np.clip(percent - half, 0, 100), np.clip(percent + half, 0, 100)
    p_deficit = 1 / (1 + np.exp((percent - 60) / (half / 3.2)))
    p_strength = 1 / (1 + np.exp((80 - percent) / (half / 3.2)))
    own = {"MAT.S.01", "MAT.M.05"}
    reportable = np.array([u.kind != "domain" or u.code in own for u in units])
    too_few = np.array([u.code == "MAT.S.08" for u in units])
    no_value = np.array([u.code == "MAT.M.06" for u in units])
    status = np.where(reportable, 0, np.where(too_few, 2, np.where(no_value, 4, 3)))
    parents = [next((k for k, v in enumerate(units) if v.code == u.parent), 0) for u in units]
    n_items = np.array([2 if few else u.n_items for few, u in zip(too_few, units, strict=True)])
    reliability = np.where(reportable, np.array([0.88, 0.8, 0.66])[depth], np.where(no_value, 0.61, 0.42))
    grid = np.linspace(-4, 4, 33)
    curves = np.array([f.max_score / (1 + np.exp(-(grid - f.difficulty))) for f in items])
    points = np.array([[rng.binomial(f.max_score, 1 / (1 + np.exp(-a))) for f in items] for a in ability])
    reasons = np.zeros(points.shape)
    reasons[0, :2] = 2
    shape = np.ones((P, 1))
    return DeficitProfiles(
        persons=names([f"T-{k + 1:04d}" for k in range(P)]),
        background={
            "form": names([FORMS[k % 2] for k in range(P)]),
            "municipality": names([PLACES[min(k // 3 % 5, 3)] if k < P - 4 else PLACES[3] for k in range(P)]),
        },
        competencies=units,
        items=items,
        standards=standards,
        rule=rule,
        language="ru",
        state=rule.state_index(p_deficit, np.broadcast_to(reportable, (P, C))),
        strength=rule.state_index(p_strength, np.broadcast_to(reportable, (P, C))),
        level=standards.level_index(percent),
        p_deficit=p_deficit,
        p_strength=p_strength,
        percent=percent,
        percent_low=low,
        percent_high=high,
        theta=theta,
        se=np.broadcast_to(np.array([0.3, 0.4, 0.6])[depth], (P, C)),
        n_items=n_items * shape,
        reliability=reliability * shape,
        prmse=reliability * shape * 0.97,
        reported_at=np.where(reportable, np.arange(C), parents) * shape,
        status=status * shape,
        points=points,
        reasons=reasons,
        grid=grid,
        curves=curves,
        bank=Text(ru="Математика, диагностические материалы 1.0", en="Mathematics, diagnostic materials 1.0"),
        findings=(
            Finding(
                code="competencies.short_test",
                severity="warning",
                ru="Для отдельных выводов заданий мало; такие выводы сделаны по более широкой компетенции.",
                en="Some competencies have too few items; their conclusions are drawn on the broader competency.",
                scope=tuple(u.code for u in units if u.kind == "domain" and u.code not in own),
            ),
            Finding(code="bank.provisional", severity="info", ru="Есть предварительные параметры.", en="Provisional."),
        ),
        provenance=Provenance(
            verb="diagnose",
            library="0.1.0",
            inputs={"bank": "mathematics 1.0 sha256:0a1b2c", "responses": "sha256:" + "ab" * 32},
            settings={"standards": "r201", "interval": "0.95"},
        ),
    )


@pytest.fixture(scope="session")
def profiles() -> DeficitProfiles:
    return make_profiles()


@pytest.fixture(scope="session")
def cohort() -> DeficitProfiles:
    return make_profiles(70, 3)


@pytest.fixture(scope="session")
def made() -> Callable[[int, int], DeficitProfiles]:
    return make_profiles


@pytest.fixture
def renamed(profiles: DeficitProfiles) -> Callable[[list[str]], DeficitProfiles]:
    def rename(ids: list[str]) -> DeficitProfiles:
        return replace(profiles, persons=names([*ids, *(str(p) for p in profiles.persons[len(ids) :])]))

    return rename
