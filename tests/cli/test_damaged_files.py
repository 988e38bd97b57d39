"""Whatever is damaged, every verb that reads a file says so in one sentence; errors of every kind can be sent elsewhere."""

from __future__ import annotations

import gzip
import pickle
import re
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import competency_dx as cdx
from competency_dx import errors
from competency_dx.errors import CompetencyDxError

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return whole files by ending."""
    folder = tmp_path_factory.mktemp("sound")
    bank = cdx.load_bank("physics")
    data = cdx.simulate(bank, 30, rng=np.random.default_rng(1))
    table = data.to_frame()
    table.to_csv(folder / "a.csv", index=False)
    table.to_excel(folder / "a.xlsx", index=False)
    table.to_parquet(folder / "a.parquet")
    table.to_json(folder / "a.jsonl", orient="records", lines=True)
    out = {p.suffix: p.read_bytes() for p in folder.iterdir()}
    out[".json"] = cdx.score(data, bank).to_json().encode()
    out[".csv.gz"] = gzip.compress(out[".csv"], mtime=0)
    return out


def damaged(whole: bytes, rng: np.random.Generator) -> dict[str, bytes]:
    """Return ways in which a file can be damaged."""
    n = len(whole)
    flipped = bytearray(whole)
    for place in rng.integers(0, n, 20):
        flipped[place] ^= int(rng.integers(1, 256))
    return {
        "empty": b"",
        "cut": whole[: n // 2],
        "cut at the end": whole[:-7],
        "noise": rng.bytes(500),
        "noise inside": whole[: n // 3] + rng.bytes(200) + whole[n // 3 :],
        "flipped": bytes(flipped),
        "zeros": bytes(1000),
        "deep": b"[" * 100_000,
        "half a sign": b'{"kind": "scores", "schema_version": 2, "x": "\\ud800"}',
        "half a sign in a table": b'[{"person": "\\udfff", "PHY-001": "1"}, {"person": "b", "PHY-001": "2"}]',
        "odd UTF-16": b"\xff\xfe" + "person,PHY-001\na,1\n".encode("utf-16-le")[:-1],
        "alone half in UTF-16": b"\xff\xfep\x00\x00\xd8,\x00",
        "long cell": b"person,PHY-001\na," + b"x" * 300_000 + b"\n",
        "open quote": b'person,PHY-001\na,"' + b"x\n" * 100_000,
        "nul": b"person,PHY-001\na,1\x00\n",
    }


ENDINGS = [".csv", ".csv.gz", ".xlsx", ".parquet", ".jsonl", ".json"]


def told(outcome: tuple[int, str, str]) -> None:
    """Check that a command did what it was asked, or said in one sentence why not, at most after what it had read."""
    code, out, err = outcome
    assert "Traceback" not in err
    assert code in {0, 2}
    if code == 2:
        last = err.splitlines()[-1]
        assert out == ""
        assert last == last.strip()
        assert len(err.splitlines()) == 1 or re.match("Прочитано: ", err)


FEW = {"score": {"cut", "zeros", "odd UTF-16"}, "report": {"noise"}, "items": {"deep"}, "diagnose": set(), "calibrate": set()}
FEW["bank"] = {"empty", "cut at the end", "noise inside", "deep", "odd UTF-16"}
"""What the ordinary run tries of each command; the slow studies try everything."""


@pytest.mark.parametrize("most", [FEW, pytest.param(None, marks=pytest.mark.recovery)], ids=["few", "all"])
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.filterwarnings("ignore")
def test_every_command_says_what_is_wrong_with_a_file(
    ending: str, most: dict[str, set[str]] | None, command: Command, sound: dict[str, bytes], tmp_path: Path
) -> None:
    path, out = tmp_path / f"a{ending}", tmp_path / "out"
    commands: dict[str, tuple[object, ...]] = {
        "score": ("score", path, "--bank", "physics", "--out", tmp_path / "o.csv"),
        "items": ("items", path, "--out", out),
        "diagnose": ("diagnose", path, "--bank", "physics", "--out", out, "--aggregates-only"),
        "calibrate": ("calibrate", path, "--bank", "physics", "--out", out, "--model", "Rasch"),
        "report": ("report", path, "--out", out),
    }
    for name, content in damaged(sound[ending], np.random.default_rng(len(ending))).items():
        path.write_bytes(content)
        for verb, arguments in commands.items():
            if name in most[verb] if most else verb in {"score", "report"} or name in {"cut", "noise", "deep"}:
                told(command(*arguments))
    path.unlink()
    path.mkdir()
    for arguments in commands.values():
        outcome = command(*arguments)
        told(outcome)
        assert outcome[0] == 2


@pytest.mark.parametrize("most", [FEW["bank"], pytest.param(None, marks=pytest.mark.recovery)], ids=["few", "all"])
@pytest.mark.parametrize("name", ["bank.yaml", "items.yaml", "parameters.csv"])
def test_every_command_says_what_is_wrong_with_a_bank(name: str, most: set[str] | None, command: Command, tmp_path: Path) -> None:
    folder = cdx.save_bank(cdx.load_bank("physics"), tmp_path / "bank")
    whole = (folder / name).read_bytes()
    (tmp_path / "a.csv").write_text("person,PHY-001\na,1\nb,2\n", encoding="utf-8")
    for how, content in damaged(whole, np.random.default_rng(3)).items():
        if most is None or how in most:
            (folder / name).write_bytes(content)
            told(command("validate", folder))
    (folder / name).write_bytes(whole[: len(whole) // 2])
    told(command("score", tmp_path / "a.csv", "--bank", folder, "--out", tmp_path / "o.csv"))
    told(command("bank", "publish", folder, "--registry", tmp_path / "registry"))
    (folder / name).unlink()
    (folder / name).mkdir()
    outcome = command("validate", folder)
    told(outcome)
    assert outcome[0] == 2


@pytest.mark.filterwarnings("ignore")
def test_files_in_blocks_and_lines(sound: dict[str, bytes], tmp_path: Path) -> None:
    """Also damage behind the head of a file, which is met when blocks were written already: there is no target then."""
    bank, path = cdx.load_bank("physics"), tmp_path / "a.parquet"
    whole = sound[".parquet"]
    pages = whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :]
    for content in [*damaged(whole, np.random.default_rng(2)).values(), pages]:
        path.write_bytes(content)
        for verb, target in ((cdx.scoring.score_file, "s.parquet"), (cdx.diagnose_file, "p.parquet"), (cdx.diagnose_file, "p.jsonl")):
            with pytest.raises(CompetencyDxError):
                verb(path, tmp_path / target, bank)
        (tmp_path / "lines.jsonl").write_bytes(content)
        with pytest.raises(CompetencyDxError) if content else nullcontext():
            list(cdx.Profile.from_jsonl(tmp_path / "lines.jsonl"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.parquet", "lines.jsonl"]


def test_every_error_can_be_sent_elsewhere() -> None:
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, CompetencyDxError)]
    assert len(kinds) > 12
    facts: dict[str, Any] = {"source": Path("a.csv"), "most": 3, "name": "rows", "what": errors.phrase("limits.of_rows")}
    for kind in kinds:
        for error in (kind("limits.exceeded", **facts), kind("a sentence of its own")):
            error.__cause__ = ValueError("the reason")
            for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
                back = pickle.loads(pickle.dumps(error, protocol))
                assert type(back) is kind
                assert (str(back), back.text("ru"), back.code, back.facts) == (str(error), error.text("ru"), error.code, error.facts)
