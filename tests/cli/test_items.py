"""`items` prints what to do with each item and writes the page, with a bank and without one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from competency_dx.quality import ItemAnalysis

Command = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(("language", "words"), [("ru", "что делать"), ("en", "what to do")])
def test_items_with_a_bank(command: Command, tmp_path: Path, answers: Path, language: str, words: str) -> None:
    out = tmp_path / "items"
    code, printed, _ = command("items", answers, "--bank", "physics", "--out", out, "--language", language)
    assert code == 0
    lines = printed.splitlines()
    assert words in lines[0]
    assert lines[-1] == str(out / "index.html")
    assert {p.name for p in out.iterdir()} == {"index.html", "table.csv", "table.xlsx", "result.json"}
    again = ItemAnalysis.from_json((out / "result.json").read_text(encoding="utf-8"))
    assert all(item in printed for item in again.items)
    assert again.options


def test_items_without_a_bank(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    logit = 1.3 * (rng.normal(size=(400, 1)) - np.linspace(-1, 1, 8))
    x = (rng.random(logit.shape) < 1 / (1 + np.exp(-logit))).astype(int)
    x[:, 2] = 1 - x[:, 2]
    pd.DataFrame(x, columns=[f"q{k}" for k in range(8)]).to_csv(tmp_path / "points.csv", index_label="id")
    monkeypatch.chdir(tmp_path)
    code, printed, err = command("items", "points.csv", "--language", "en")
    assert code == 0
    assert printed.splitlines()[1].split()[:2] == ["q2", "repair"]
    assert "Probable wrong key" in printed
    assert "Probable wrong key: q2" in err
    assert Path(printed.splitlines()[-1]) == Path("points-items") / "index.html"
    code, _, _ = command("report", "points-items/result.json", "--out", "again.html")
    assert code == 0


def test_a_file_that_is_no_table_is_one_sentence(command: Command, tmp_path: Path) -> None:
    code, printed, err = command("items", tmp_path / "nothing.csv")
    assert (code, printed) == (2, "")
    assert len(err.splitlines()) == 1
