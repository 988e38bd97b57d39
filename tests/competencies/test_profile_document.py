"""The profile of one person is a document of its own: short, the same alone as among others, issued and replaced."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import competency_dx as cdx
from competency_dx.arrays import names
from competency_dx.bank import shipped_banks
from competency_dx.competencies import Misconception
from competency_dx.errors import LANGUAGES, DiagnosisError, DocumentError
from competency_dx.responses import Reason

pytestmark = pytest.mark.filterwarnings("ignore:A tenth of the items or more:competency_dx.errors.CompetencyDxWarning")
LONGEST = 12_288  # bytes, for a form and for all items of a bank


@pytest.fixture(scope="module")
def bank() -> cdx.ItemBank:
    return cdx.load_bank("mathematics")


@pytest.fixture(scope="module")
def responses(bank: cdx.ItemBank) -> cdx.Responses:
    drawn = cdx.simulate(bank, 12, rng=np.random.default_rng(4))
    reasons = drawn.reasons.copy()
    reasons[1::2, ::3] = Reason.OMITTED
    reasons[2] = Reason.NOT_ADMINISTERED
    columns = {name: names(["Муниципальное образование Заречный"] * 12) for name in ("municipality", "school", "form")}
    return replace(drawn, scores=np.where(reasons == 0, drawn.scores, 0), reasons=reasons, background=columns)


@pytest.fixture(scope="module")
def profiles(bank: cdx.ItemBank, responses: cdx.Responses) -> cdx.DeficitProfiles:
    """Return profiles with everything a profile can carry."""
    titles = tuple(Misconception(code=code, title=title) for code, title in bank.misconceptions.items())
    return replace(
        cdx.diagnose(responses, bank),
        misconceptions=titles,
        p_misconception=np.full((12, len(titles)), 1 / 7),
        ask_next=np.tile(np.arange(12), (12, 1)),
    )


@pytest.mark.parametrize("language", ["ru", "en"])
def test_it_is_short_and_comes_back_to_the_same_bytes(profiles: cdx.DeficitProfiles, language: str) -> None:
    assert (len(profiles.items), len(profiles.competencies)) == (64, 19)
    validator = jsonschema.Draft202012Validator(cdx.Profile.json_schema())
    for profile in replace(profiles, language=language):
        text = profile.to_json()
        assert len(text.encode()) <= LONGEST + 600  # findings and misconceptions
        validator.validate(json.loads(text))
        again = cdx.Profile.from_json(text)
        assert again.to_json() == text
        assert [line[:40] for line in str(again).splitlines()] == [line[:40] for line in str(profile).splitlines()]
        assert [c.state for c in again.deficits] == [c.state for c in profile.deficits]
        for c in profile.conclusions:
            back = again[c.competency.code]
            assert (back.state, back.level, back.status, back.reported_at) == (c.state, c.level, c.status, c.reported_at)
            assert back.p_deficit == pytest.approx(c.p_deficit, abs=5e-5)
            assert {e.item: e.points for e in back.evidence} == {e.item: e.points for e in c.evidence}
            assert c.reason.text(language).startswith(back.reason.text(language))


@pytest.mark.parametrize("name", shipped_banks())
def test_it_is_short_for_every_bank(name: str) -> None:
    whole = cdx.load_bank(name)
    drawn = cdx.simulate(whole, 6, rng=np.random.default_rng(2))
    for form in (*whole.forms, None):
        made = cdx.diagnose(drawn.select(items=form.items) if form else drawn, whole)
        for language in LANGUAGES:
            for profile in replace(made.with_next_items(cdx.next_items(made, whole, n=12, form="group")), language=language):
                text = profile.issue("2026-09-02T10:00:00+03:00", supersedes=profile).to_json()
                assert len(text.encode()) <= LONGEST
                assert cdx.Profile.from_json(text).to_json() == text


def test_what_is_as_usual_is_left_out_and_comes_back(profiles: cdx.DeficitProfiles) -> None:
    for profile in profiles:
        rows = json.loads(profile.to_json())["conclusions"]
        for c in cdx.Profile.from_json(profile.to_json()).conclusions:
            row, made = rows[c.competency.code], profile[c.competency.code]
            assert (c.competency.parent, c.competency.kind) == (made.competency.parent, made.competency.kind)
            assert (c.strength, c.leans_on, c.status) == (made.strength, made.leans_on, made.status)
            assert ("reported_at" in row) == (c.reported_at != c.competency.code)
            assert ("status" in row) == (c.status != "reported")
            assert not {"level", "level_probability", "leans_on", "evidence"} & {n for n, x in row.items() if x in (None, {})}


def test_it_refers_to_what_it_was_made_with(profiles: cdx.DeficitProfiles, responses: cdx.Responses, bank: cdx.ItemBank) -> None:
    inputs = json.loads(profiles["1"].to_json())["provenance"]["inputs"]
    assert bank.digest in inputs["bank"]
    assert bank.framework.digest in inputs["framework"]
    assert all("sha256:" in inputs[name] for name in ("rule", "standards", "population", "responses"))
    other = cdx.diagnose(responses.select(persons=["1"]), bank, rule=cdx.DeficitRule(confirmed=0.9))["1"].provenance
    assert other.inputs["rule"] != inputs["rule"]
    assert other.inputs["standards"] == inputs["standards"]


def test_it_is_the_same_alone_and_among_others(bank: cdx.ItemBank, responses: cdx.Responses) -> None:
    together = cdx.diagnose(responses, bank)
    for person in ("1", "2", "3", "12"):
        assert cdx.diagnose(responses.select(persons=[person]), bank)[person].to_json() == together[person].to_json()
    few = together.select(["12", "3"])
    assert few.persons.tolist() == ["12", "3"]
    assert few["3"].to_json() == together["3"].to_json()
    assert cdx.DeficitProfiles.from_json(few.to_json()).to_json() == few.to_json()


def test_only_persons_who_are_there_are_selected(profiles: cdx.DeficitProfiles) -> None:
    assert profiles.select(["2", "1"]).ask_next.shape == (2, 12)
    nobody = profiles.select([])
    assert len(nobody) == 0
    assert nobody.plot() is not None
    for wrong in (["1", "nobody"], "1", None):
        with pytest.raises(DiagnosisError):
            profiles.select(wrong)  # type: ignore[arg-type]  # that is the point


def test_it_is_issued_and_takes_the_place_of_an_earlier_one(profiles: cdx.DeficitProfiles) -> None:
    first = profiles["1"].issue("2026-09-01")
    assert (first.standing, first.issued, first.supersedes) == ("final", "2026-09-01", None)
    second = profiles["1"].issue("2026-09-02T10:00:00+03:00", standing="amended", supersedes=first)
    assert second.supersedes == first.digest
    assert cdx.Profile.from_json(second.to_json()).to_json() == second.to_json()
    assert profiles["1"].issue("2026-09-01").digest == first.digest
    with pytest.raises(DiagnosisError, match="ISO 8601"):
        first.issue("tomorrow")
    with pytest.raises(DiagnosisError, match="same person"):
        profiles["2"].issue("2026-09-02", supersedes=first)


def test_order_says_nothing(profiles: cdx.DeficitProfiles) -> None:
    document = json.loads(profiles["1"].to_json())
    document["conclusions"] = dict(reversed(document["conclusions"].items()))
    again = cdx.Profile.from_json(json.dumps(document))
    for c in cdx.Profile.from_json(profiles["1"].to_json()).conclusions:
        other = again[c.competency.code]
        assert other.p_deficit == c.p_deficit
        assert {e.item for e in other.evidence} == {e.item for e in c.evidence}


def test_lines_hold_one_profile_each(profiles: cdx.DeficitProfiles, tmp_path: Path) -> None:
    file = profiles.to_jsonl(tmp_path / "profiles.jsonl")
    assert [p.to_json() for p in cdx.Profile.from_jsonl(file)] == [p.to_json() for p in profiles]
    file.write_text(file.read_text(encoding="utf-8") + "{}\n", encoding="utf-8")
    with pytest.raises(DocumentError, match=r"profiles\.jsonl, line 13: The document is of kind None"):
        list(cdx.Profile.from_jsonl(file))
    with pytest.raises(DocumentError, match="cannot be read"):
        list(cdx.Profile.from_jsonl(tmp_path / "none.jsonl"))


@pytest.mark.filterwarnings("ignore::competency_dx.errors.CompetencyDxWarning")
def test_profiles_of_extreme_persons_come_back() -> None:
    """Sums of probabilities are no more than one, however they are rounded, and no document holds one below zero."""
    shipped = cdx.load_bank("physics")
    sure = [r.model_copy(update={"se_a": None, "se_b": (), "status": "calibrated", "a": 3 * r.a}) for r in shipped.parameters]
    bank = replace(shipped, parameters=tuple(sure))
    persons = np.linspace(-6, 6, 100)[:, None]
    found = cdx.diagnose(cdx.simulate(bank, persons, rng=np.random.default_rng(1)), bank)
    assert found.p_strength.min() >= 0
    assert found.p_deficit.max() <= 1
    assert cdx.DeficitProfiles.from_json(found.to_json()).to_json() == found.to_json()
