"""`groups`, `growth`, `routes`, `certify` and `ask` go on from profiles.json: what they say, what they write, what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from competency_dx.adaptive import NextItems
from competency_dx.bank import load_bank
from competency_dx.competencies import Decisions, diagnose
from competency_dx.groups import GroupReport
from competency_dx.models import simulate
from competency_dx.responses import load_responses
from competency_dx.routes import Routes

Command = Callable[..., tuple[int, str, str]]
PLACES = ("Ишим", "Тобольск", "Тюмень")


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the profiles of 90 persons of three towns, every third of whom agreed to be a mentor."""
    bank = load_bank("physics")
    table = simulate(bank, 90, rng=np.random.default_rng(5)).to_frame().reset_index(drop=True)
    table.iloc[:, -20:] = np.nan  # of which something is left to ask
    table = table.assign(город=[PLACES[k % 3] for k in range(90)], согласие=["да" if k % 3 == 0 else "нет" for k in range(90)])
    path = tmp_path_factory.mktemp("diagnosed") / "profiles.json"
    path.write_text(diagnose(load_responses(table, bank=bank), bank).to_json(), encoding="utf-8")
    return path


def test_groups_of_profiles(command: Command, profiles: Path, tmp_path: Path) -> None:
    heads = tmp_path / "heads.csv"
    heads.write_text("город;учителей\nТюмень;1 200\nИшим;60\nТобольск;100\n", encoding="utf-8")
    code, printed, _ = command("groups", profiles, "--by", "город", "--headcount", heads, "--out", tmp_path / "groups")
    assert code == 0
    assert printed.startswith("90 участников, 3 группы по: город")
    found = GroupReport.from_json((tmp_path / "groups" / "result.json").read_text(encoding="utf-8"))
    assert dict(zip(found.groups, found.headcount, strict=True))["Тюмень"] == 1200
    heads.write_text("город;учителей\nТюмень;много\n", encoding="utf-8")
    code, printed, err = command("groups", profiles, "--by", "город", "--headcount", heads, "--out", tmp_path / "groups")
    assert (code, printed) == (2, "")
    assert "Тюмень" in err
    heads.write_text("город;учителей\nТюмень;100\nИшим;60\nТюмень;300\n", encoding="utf-8")
    code, printed, err = command("groups", profiles, "--by", "город", "--headcount", heads, "--out", tmp_path / "groups")
    assert (code, printed) == (2, "")
    assert "Названо дважды: Тюмень" in err
    assert command("groups", profiles, "--by", " город , согласие", "--out", tmp_path / "two.json")[0] == 0
    code, printed, err = command("groups", profiles, "--by", "город, город", "--out", tmp_path / "groups")
    assert (code, printed) == (2, "")
    assert "Названо дважды: город" in err
    assert command("report", tmp_path / "groups" / "result.json", "--out", tmp_path / "again.html")[0] == 0


def test_routes_with_mentors_of_the_same_place(command: Command, profiles: Path, tmp_path: Path) -> None:
    given = ("--catalogue", "synthetic", "--hours", 36, "--mentors", "согласие", "--near", "город", "--by", "город")
    assert command("routes", profiles, *given, "--out", tmp_path / "routes.json")[0] == 0
    found = Routes.from_json((tmp_path / "routes.json").read_text(encoding="utf-8"))
    assert [*found.background] == ["город"]
    hours = np.array([one.hours for one in found.programmes] + [0.0])
    assert hours[found.steps].sum(axis=1).max() <= 36
    assert {*found.mentor[found.mentor >= 0] % 3} <= {0}  # only those who agreed
    led = ("routes", profiles, "--catalogue", "synthetic", "--methodists", "согласие", "--out", tmp_path / "led.json")
    assert command(*led, "--near", "город")[0] == 0
    assert Routes.from_json((tmp_path / "led.json").read_text(encoding="utf-8")).methodist.sum() == 30
    code, printed, err = command(*led)
    assert (code, printed, "--near" in err) == (2, "", True)
    code, printed, err = command("routes", profiles, "--catalogue", "synthetic", "--mentors", "consent", "--language", "en")
    assert (code, printed) == (2, "")
    assert "consent" in err
    code, printed, err = command("routes", profiles, "--catalogue", "synthetic", "--near", "город")
    assert (code, printed) == (2, "")
    assert "--mentors" in err


def test_routes_within_a_price_from_a_day_on(command: Command, profiles: Path, tmp_path: Path) -> None:
    given = ("--catalogue", "synthetic", "--price", 7000, "--near", " город ", "--mentors", "согласие")
    for day in ("2027-03-01", "01.03.2027"):
        assert command("routes", profiles, *given, "--since", day, "--out", tmp_path / "routes.json")[0] == 0
        found = Routes.from_json((tmp_path / "routes.json").read_text(encoding="utf-8"))
        prices = np.array([one.price for one in found.programmes] + [0.0])
        assert prices[found.steps].sum(axis=1).max() <= 7000
        assert found.since == "2027-03-01"
        assert not [one.id for one in found.programmes if one.start and f"{one.start}" < found.since]
    assert command("routes", profiles, *given, "--since", "завтра")[0] == 2


def test_routes_with_wishes(command: Command, profiles: Path, tmp_path: Path) -> None:
    wishes, out = tmp_path / "wishes.csv", tmp_path / "routes.json"
    wishes.write_text("person;programme\n1;PHY-01\n1;PHY-02\n5;PHY-01\n", encoding="utf-8")
    given = ("--catalogue", "synthetic", "--wishes", wishes, "--out", out)
    assert command("routes", profiles, *given)[0] == 0
    assert {*Routes.from_json(out.read_text(encoding="utf-8")).unmet} == {"1", "5"}
    for table, told in (("person;programme\nnobody;PHY-01\n", "nobody"), ("person\n1\n", "wishes.csv"), ("p;q\n1;x\n1;x\n", "1: x")):
        wishes.write_text(table, encoding="utf-8")
        code, printed, err = command("routes", profiles, *given)
        assert (code, printed, told in err, len(err.splitlines())) == (2, "", True, 1)


def test_routes_within_budgets_of_towns_and_with_wishes(command: Command, profiles: Path, tmp_path: Path) -> None:
    money, wishes, out = tmp_path / "money.csv", tmp_path / "wishes.csv", tmp_path / "routes.json"
    money.write_text("город;руб\nТюмень;25 000,50\nИшим;9000\n", encoding="utf-8")
    wishes.write_text("person;programme\n1;PHY-01\n1;PHY-02\n5;PHY-01\n", encoding="utf-8")
    given = ("--catalogue", "synthetic", "--out", out)
    code, printed, _ = command("routes", profiles, *given, "--budget", money, "--wishes", wishes)
    assert code == 0
    assert "бюджетов территорий 3" in printed
    found = Routes.from_json(out.read_text(encoding="utf-8"))
    assert dict(found.budgets) == {"Ишим": 9000.0, "Тобольск": 0.0, "Тюмень": 25000.5}
    assert {*found.unmet} == {"1", "5"}
    assert command("routes", profiles, *given, "--budget", "30 000,5")[0] == 0
    assert Routes.from_json(out.read_text(encoding="utf-8")).provenance.settings["budget"] == "30000.5"
    for table, told in (
        ("город;руб\nТюмень;много\n", "Тюмень"),
        ("город;руб\nТюмень;1\nТюмень;2\n", "Тюмень"),
        ("город;руб\nОмск;1\n", "Омск"),
    ):
        money.write_text(table, encoding="utf-8")
        code, printed, err = command("routes", profiles, *given, "--budget", money)
        assert (code, printed, told in err, len(err.splitlines())) == (2, "", True, 1)
    wishes.write_text("person;programme\nnobody;PHY-01\n", encoding="utf-8")
    assert command("routes", profiles, *given, "--wishes", wishes)[0] == 2


def test_groups_and_growth_take_the_error_of_a_link_and_groups_what_is_published(
    command: Command, profiles: Path, tmp_path: Path
) -> None:
    widths = []
    for error in ("0", "0,5"):
        out = tmp_path / "groups.json"
        assert command("groups", profiles, "--by", "город", "--linking-error", error, "--out", out)[0] == 0
        found = GroupReport.from_json(out.read_text(encoding="utf-8"))
        widths.append(found.percent_high[0, 0] - found.percent_low[0, 0])
    assert widths[1] > 1.5 * widths[0]
    again = tmp_path / "again.json"
    assert command("groups", profiles, "--by", "согласие", "--published", tmp_path / "groups.json", "--out", again)[0] == 0
    assert command("groups", profiles, "--by", "согласие", "--published", profiles, "--out", again)[0] == 2
    assert command("growth", profiles, profiles, "--linking-error", "0,1", "--out", tmp_path / "growth.json")[0] == 0
    assert command("growth", profiles, profiles, "--linking-error", "-1")[0] == 2


def test_the_catalogue_is_written_as_a_workbook_that_routes_read(command: Command, profiles: Path, tmp_path: Path) -> None:
    book = tmp_path / "programmes.xlsx"
    for language in ("en", "ru"):
        code, printed, _ = command("catalogue", book, "--language", language)
        assert (code, printed) == (0, f"{book}\n")
    shipped, own = tmp_path / "shipped.json", tmp_path / "own.json"
    assert command("routes", profiles, "--catalogue", "synthetic", "--out", shipped)[0] == 0
    assert command("routes", profiles, "--catalogue", book, "--out", own)[0] == 0
    assert own.read_bytes() == shipped.read_bytes()
    assert command("catalogue", tmp_path / "again.xlsx", "--catalogue", book)[0] == 0
    code, printed, err = command("catalogue", tmp_path / "own.csv")
    assert (code, printed, len(err.splitlines())) == (2, "", 1)


def test_growth_needs_two_diagnoses_of_one_bank(command: Command, profiles: Path, tmp_path: Path) -> None:
    code, printed, err = command("growth", profiles, profiles, "--out", tmp_path / "growth.xlsx", "--language", "en")
    assert code == 0
    assert "90 persons in both" in printed
    assert "100 %" in err  # the same items again
    code, printed, _ = command("growth", profiles, tmp_path / "none.json", "--language", "en")
    assert (code, printed) == (2, "")


def test_decisions_by_minima(command: Command, profiles: Path, tmp_path: Path) -> None:
    given = ("--minimum", "PHY=50", "--minimum", "PHY.S = 40,5 %", "--purpose", "certification", "--out", tmp_path / "decisions.json")
    assert command("certify", profiles, *given)[0] == 0
    more = ("--certain", "0,75", "--compensation", "2,5", "--out", tmp_path / "sure.json")
    assert command("certify", profiles, *given[:4], *more)[0] == 0
    sure = Decisions.from_json((tmp_path / "sure.json").read_text(encoding="utf-8")).rule
    assert (sure.certain, sure.compensation) == (0.75, 2.5)
    found = Decisions.from_json((tmp_path / "decisions.json").read_text(encoding="utf-8"))
    assert (dict(found.rule.minimum), found.rule.purpose) == ({"PHY": 50.0, "PHY.S": 40.5}, "certification")
    code, printed, err = command("certify", profiles, "--minimum", "sixty")
    assert (code, printed) == (2, "")
    assert "--minimum MAT=60" in err
    code, printed, err = command("certify", profiles, "--minimum", "PHY=50", "--minimum", "PHY=60")
    assert (code, printed, "PHY" in err) == (2, "", True)


def test_what_to_ask_next_is_for_a_rule(command: Command, profiles: Path, tmp_path: Path) -> None:
    decisions, asked = tmp_path / "decisions.json", tmp_path / "next.json"
    assert command("certify", profiles, "--minimum", "PHY=50", "--out", decisions)[0] == 0
    assert command("ask", profiles, "--bank", "physics", "--n", 2, "--decisions", decisions, "--out", asked)[0] == 0
    found = NextItems.from_json(asked.read_text(encoding="utf-8"))
    open_ = set(found.persons[found.undecided.any(axis=1)])
    assert open_ == set(Decisions.from_json(decisions.read_text(encoding="utf-8")).undecided)
    assert found.provenance.settings["minima"] == "PHY 50"
    assert command("ask", profiles, "--bank", "physics", "--decisions", profiles)[0] == 2


def test_what_to_ask_next_is_a_form(command: Command, profiles: Path, tmp_path: Path) -> None:
    code, printed, _ = command("ask", profiles, "--bank", "physics", "--n", 4, "--form", "group", "--out", tmp_path / "form.html")
    assert code == 0
    assert printed.splitlines()[-1] == str(tmp_path / "form.html")
    assert command("ask", profiles, "--bank", "history")[0] == 2


def test_another_document_is_refused_in_one_sentence(command: Command, profiles: Path, tmp_path: Path) -> None:
    assert command("certify", profiles, "--minimum", "PHY=50", "--out", tmp_path / "decisions.json")[0] == 0
    for given in (("groups", tmp_path / "decisions.json", "--by", "город"), ("ask", tmp_path / "decisions.json", "--bank", "physics")):
        code, printed, err = command(*given)
        assert (code, printed, len(err.splitlines())) == (2, "", 1)
