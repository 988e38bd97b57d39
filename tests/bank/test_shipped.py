"""What travels with the package: four banks and the framework of a teacher's competencies."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import norm

import competency_dx as cdx
from competency_dx.bank import Correlations, Item, Rubric
from competency_dx.calibration.pictures import locations
from competency_dx.models import bank_parameters
from competency_dx.responses import Reason, score_answers

NAMES = (
    "biology",
    "chemistry",
    "common",
    "english",
    "geography",
    "heads",
    "history",
    "informatics",
    "life_safety",
    "mathematics",
    "physical_education",
    "physics",
    "primary",
    "russian",
    "social_studies",
)


@pytest.fixture(scope="module", params=NAMES)
def bank(request: pytest.FixtureRequest) -> cdx.ItemBank:
    return cdx.load_bank(request.param)


def test_these_banks_are_shipped() -> None:
    assert cdx.bank.shipped_banks() == NAMES


def test_the_framework_has_its_nodes_and_edges() -> None:
    framework = cdx.load_framework("teacher")
    assert len(framework.nodes) == 649
    assert len(framework.prerequisites) == 312


def test_retired_codes_lead_to_codes_of_the_same_kind_and_professions_are_apart() -> None:
    framework = cdx.load_framework("teacher")
    retired = {n.code: n for n in framework.nodes if n.replaced_by}
    assert {code[:3] for code in retired} == {"PEO", "RUS", "ENG"}
    assert all(n.replaced_by for n in framework.nodes if framework.within(n.code, "PEO"))
    for node in retired.values():
        kinds = {framework.node(code).kind for code in node.replaced_by}
        assert kinds == {node.kind} or node.code in {"RUS.S.09.2", "ENG.S.06.2"}, node.code
    for code, domains in (("PHE", 6), ("LSF", 8), ("RUS", 12)):
        below = framework.children(f"{code}.S")
        assert len(below) == domains
        assert all(2 <= len(framework.children(domain.code)) <= 6 for domain in below)
        assert len(framework.children(f"{code}.M")) == 10


def test_every_title_of_the_framework_is_in_both_languages() -> None:
    assert [n.code for n in cdx.load_framework("teacher").nodes if not n.title.en] == []


def test_size_and_coverage(bank: cdx.ItemBank) -> None:
    """At least 32 items, three in every subject domain (second level), eight methodical ones; two a shared domain."""
    assert len(bank.items) >= 32
    subject = bank.header.subject
    kinds = {n.code: n.kind for n in bank.framework.nodes}
    counts: Counter[str] = Counter()
    for item in bank.items:
        counts.update({n.code for c in item.competencies for n in bank.framework.lineage(c)})
    clusters = [n.code for n in bank.framework.children(subject)]
    whole = {"GEN": ("GEN.P", "GEN.C", "GEN.N"), "HED": ("HED.L",)}  # categories without a subject and a methodical part
    if subject in whole:
        shared = [n.code for c in whole[subject] for n in bank.framework.children(c)]
        assert {c: counts[c] for c in shared if counts[c] < 2} == {}
        return
    methodical = [c for c in clusters if c.endswith(".M")]
    subject_domains = [n.code for c in clusters if c.endswith(".S") for n in bank.framework.children(c) if kinds[n.code] == "domain"]
    assert subject_domains
    unheard = {"ENG": {"ENG.S.04", "ENG.S.07"}}.get(subject, set())  # listening and speaking: no item in writing measures them
    assert {c: counts[c] for c in subject_domains if counts[c] < 3 and c not in unheard} == {}
    assert sum(counts[c] for c in methodical) >= 8


def test_parameters_are_honest(bank: cdx.ItemBank) -> None:
    """Nothing was calibrated: every parameter is provisional and carries a standard error of half a logit or more."""
    records = {r.item: r for r in bank.parameters}
    assert set(records) == {i.id for i in bank.items}
    for record in records.values():
        assert record.status == "provisional"
        assert record.n == 0
        assert all(se is not None and se >= 0.5 for se in record.se_b)


def test_the_population_is_stated_with_its_uncertainty_and_source(bank: cdx.ItemBank) -> None:
    population = bank.header.population
    assert bank.header.schema_version >= 2
    assert population.status == "provisional"
    assert population.source
    assert population.n == 0
    assert min(population.mean_se, population.sd_se) >= 0.1
    assert isinstance(population.correlations, Correlations)
    assert min(population.correlations.within_se, population.correlations.between_se) >= 0.2


def test_every_item_has_titles_in_both_languages(bank: cdx.ItemBank) -> None:
    bare = [i.id for i in bank.items if i.title is None or not i.title.ru or not i.title.en]
    assert bare == []


def right_answer(item: Item) -> str:
    """Write the key as a person would."""
    if isinstance(item.rule, Rubric):
        return ";".join(f"{c.id}={c.max_score}" for c in item.rubric)
    if isinstance(item.key, dict):
        return ",".join(f"{left}={option}" for left, option in item.key.items())
    if isinstance(item.key, tuple):
        return item.key[0] if item.type == "text" else ",".join(item.key)
    assert isinstance(item.key, str)
    return item.key


def test_every_key_earns_full_points(bank: cdx.ItemBank) -> None:
    failed = []
    for item in bank.items:
        points, status = score_answers(item, [right_answer(item)])
        if points[0] != item.max_score or status[0] != Reason.ANSWERED:
            failed.append((item.id, right_answer(item), int(points[0]), item.max_score))
    assert failed == []


def test_a_wrong_option_earns_less(bank: cdx.ItemBank) -> None:
    single = [i for i in bank.items if i.type == "single"]
    assert single
    for item in single:
        wrong = [o for o in item.options if o != item.key]
        points, _ = score_answers(item, wrong)
        assert len(wrong) >= 2
        assert (points == 0).all()


def test_forms_name_items_of_the_bank(bank: cdx.ItemBank) -> None:
    ids = {i.id for i in bank.items}
    for form in bank.forms:
        assert set(form.items) <= ids
        assert bank.form(form.id) is form


def test_findings_say_that_parameters_are_provisional(bank: cdx.ItemBank) -> None:
    finding = next(f for f in bank.findings() if f.code == "bank.provisional")
    assert len(finding.scope) == len(bank.items)


def test_loading_twice_gives_the_same_object(bank: cdx.ItemBank) -> None:
    assert cdx.load_bank(bank.id) is bank


def test_the_bank_draws_the_intervals_that_calibration_draws() -> None:
    """An item stands where the mean of its steps is, with the error of that mean, on the page of a bank and of a calibration."""
    bank = cdx.load_bank("mathematics")
    known = bank_parameters(bank)
    place, se = locations(known)
    chart = bank.chart("difficulty")
    (drawn,) = chart.series
    at = [known.items.index(item) for item in chart.y_names]
    np.testing.assert_allclose(drawn.x, place[at])
    np.testing.assert_allclose(np.asarray(drawn.high) - np.asarray(drawn.low), 2 * norm.ppf(0.975) * se[at])
