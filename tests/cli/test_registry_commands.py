"""Banks are published, pointed to and rolled back from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import competency_dx as cdx

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
