"""Banks are published, pointed to and rolled back from the command line."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import competency_dx as cdx
from competency_dx.errors import CompetencyDxWarning

Command = Callable[..., tuple[int, str, str]]


def test_a_bank_is_published_and_an_alias_rolled_back(command: Command, tmp_path: Path) -> None:
    folder, version = tmp_path / "banks", cdx.load_bank("physics").version
    assert command("bank", "publish", "physics", "--registry", folder)[:2] == (0, f"physics@{version}\n")
    assert command("bank", "alias", "stable", "physics", "--registry", folder)[:2] == (0, f"physics@{version}\n")
    code, out, _ = command("bank", "list", "--registry", folder)
    assert code == 0
    assert out.split()[::2][0] == f"physics@{version}"
    assert out.endswith("latest, stable\n")
    code, out, err = command("bank", "rollback", "physics", "--registry", folder)
    assert (code, out) == (2, "")
    assert "некуда вернуться" in err
    code, _, err = command("bank", "alias", "stable", "physics@9", "--registry", folder, "--language", "en")
    assert code == 2
    assert f"its versions are {version}" in err


def test_help_of_a_command_below_is_in_the_language(command: Command) -> None:
    assert "Папка опубликованных банков" in command("bank", "publish", "--help")[1]
    assert "Folder of published banks" in command("bank", "publish", "--help", "--language", "en")[1]


def test_what_changed_and_whose_conclusions_would_change(command: Command, tmp_path: Path) -> None:
    bank = cdx.load_bank("physics")
    moved = [r.model_copy(update={"b": tuple(b + 2.0 for b in r.b)}) for r in bank.parameters[:20]]
    other = replace(bank, parameters=(*moved, *bank.parameters[20:]), header=bank.header.model_copy(update={"version": "9.0"}))
    cdx.save_bank(other, tmp_path / "other")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        profiles = cdx.diagnose(cdx.simulate(bank, 12, rng=np.random.default_rng(2)), bank)
    (file := tmp_path / "profiles.json").write_text(profiles.to_json(), encoding="utf-8")
    code, out, _ = command("bank", "diff", "physics", tmp_path / "other", "--language", "en")
    assert code == 0
    assert [line.split()[-2:] for line in out.splitlines()[1:2]] == [["physics", "9.0"]]
    assert sum("parameters" in line for line in out.splitlines()) == 20
    assert command("bank", "diff", "physics", "physics")[1] == "ничего не изменилось\n"
    code, out, _ = command("bank", "impact", file, tmp_path / "other")
    table = cdx.competencies.bank_impact(profiles, other)
    assert (code, len(out.splitlines())) == (0, 1 + len(table))
    assert 0 < len(table) < profiles.state.size
    assert (table["state"] != table["state_after"]).all()
    k = profiles.persons.tolist().index(table["person"][0])
    assert table["p_deficit"][0] == profiles.p_deficit[k, profiles.index(table["competency"][0])]
    assert command("bank", "impact", file, "physics", "--language", "en")[1] == "nothing changed\n"
    (tmp_path / "bank.json").write_text(bank.to_json(), encoding="utf-8")
    code, _, err = command("bank", "impact", tmp_path / "bank.json", "physics", "--language", "en")
    assert code == 2
    assert "deficit_profiles" in err
