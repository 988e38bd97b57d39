"""Two thousand damaged documents for every importer: each is read, and can then be used, or refused by an error of the library.

``make fuzz`` runs them; ``FUZZ=200`` takes so many. A failure names the seed: ``mutated(whole, seed)`` gives the document again.
"""

from __future__ import annotations

import gzip
import json
import os
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import competency_dx as cdx
from competency_dx.errors import CompetencyDxError

pytestmark = [pytest.mark.recovery, pytest.mark.filterwarnings("ignore")]
DOCUMENTS = int(os.environ.get("FUZZ", "2000"))
thorough = settings(max_examples=DOCUMENTS, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 2**32 - 1)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**70, 1e308, -0.0, 99, "", " ", "nan", "\x00", "\ud800", "=1+1", "é" * 300, "1e400", "０", "−1"),
    *([], {}, [[]], [None], {"a": 1}, {"": None}, [1, "a"], "2026-02-30", "sha256:", "../../etc/passwd"),
)
ODD_BYTES = (
    *(b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xd0", b'"', b"'", b",", b";", b"\t", b"\n", b"\r", b"\r\n", b"{", b"]"),
    *(b": ", b"- ", b"&a ", b"*a", b"!!python/object ", b"1e999", b"-0", b"NaN", b"null", b"9" * 400, b"x" * 5000, b"%", b"#"),
)


def mutated(whole: bytes, seed: int) -> bytes:
    """Return a document with one to six parts cut, doubled, overwritten, moved or put in."""
    rng, out = np.random.default_rng(seed), bytearray(whole)
    for _ in range(rng.integers(1, 7)):
        a, b = sorted(rng.integers(0, len(out) + 1, 2).tolist())
        b = min(b, a + int(rng.integers(0, 60)))
        odd = ODD_BYTES[rng.integers(len(ODD_BYTES))]
        at = int(rng.integers(0, len(out) + 1))
        match rng.integers(6):
            case 0:
                del out[a:b]
            case 1:
                out[at:at] = out[a:b]
            case 2:
                out[a : a + len(odd)] = odd
            case 3:
                out[at:at] = odd
            case 4:
                out[a:b] = rng.bytes(b - a)
            case _:
                part = out[a:b]
                del out[a:b]
                out[at:at] = part
    return bytes(out)


def mutated_tree(whole: bytes, seed: int) -> bytes:
    """Return a JSON document with up to three values replaced, left out, doubled or renamed; every other one damaged as bytes."""
    rng = np.random.default_rng(seed)
    if seed % 2:
        return mutated(whole, seed)
    document = json.loads(whole)
    for _ in range(rng.integers(1, 4)):
        at: Any = document
        while isinstance(at, dict | list) and at:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            key = keys[rng.integers(len(keys))]
            if isinstance(at[key], dict | list) and at[key] and rng.random() < 0.85:
                at = at[key]
                continue
            match rng.integers(4):
                case 0:
                    at[key] = ODD_VALUES[rng.integers(len(ODD_VALUES))]
                case 1:
                    del at[key]
                case 2:
                    if isinstance(at, list):
                        at.append(at[key])
                    else:
                        at[f"{key}x"] = at.pop(key)
                case _:
                    at[key] = [at[key]]
            break
    return json.dumps(document).encode()


@cache
def bank() -> cdx.ItemBank:
    return cdx.load_bank("physics")


@cache
def answers() -> cdx.Responses:
    drawn = cdx.simulate(bank(), 8, rng=np.random.default_rng(1))
    return drawn.select(items=drawn.items[:9])


@cache
def table(ending: str) -> bytes:
    """Return a sound table of scored answers."""
    import tempfile

    frame = answers().to_frame()
    frame["школа"] = ["Лицей № 1", "7"] * 4
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        match ending:
            case ".xlsx":
                frame.to_excel(path, index=False, engine="xlsxwriter")
            case ".parquet":
                frame.to_parquet(path)
            case ".json" | ".jsonl":
                frame.to_json(path, orient="records", lines=ending == ".jsonl", force_ascii=False)
            case _:
                frame.to_csv(path, index=False, sep="\t" if ending == ".tsv" else ",")
        return path.read_bytes()


def explained(read: Callable[[], object]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read()
        except CompetencyDxError as refused:
            error = refused
        else:
            return
    assert error.text("ru").strip()
    assert "\n" not in error.text("en")


def used(responses: cdx.Responses) -> None:
    assert type(responses).from_json(responses.to_json()).to_json() == responses.to_json()
    responses.to_frame()
    str(responses)
    cdx.score(responses, bank())


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".csv.gz", ".xlsx", ".parquet", ".json", ".jsonl"])
def test_tables(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"

    @thorough
    @given(SEEDS)
    def check(seed: int) -> None:
        mutate = mutated_tree if ending == ".json" else mutated
        content = mutate(table(ending.removesuffix(".gz")), seed)
        if ending == ".csv.gz":
            content = mutated(gzip.compress(content, mtime=0), seed) if seed % 3 else gzip.compress(content, mtime=0)
        path.write_bytes(content)
        explained(lambda: used(cdx.load_responses(path, bank=bank() if seed % 5 else None)))

    check()


@pytest.mark.parametrize("name", ["bank.yaml", "items.yaml", "parameters.csv", "framework.yaml"])
def test_banks(name: str, tmp_path: Path) -> None:
    folder = cdx.save_bank(bank(), tmp_path / "bank")
    place = folder / name
    if name == "framework.yaml":
        from competency_dx.bank.bank_file import shipped_folder

        place.write_bytes((shipped_folder() / "frameworks" / f"{bank().framework.id}.yaml").read_bytes())
    whole = place.read_bytes()

    @thorough
    @given(SEEDS)
    def check(seed: int) -> None:
        place.write_bytes(mutated(whole, seed))

        def use() -> None:
            loaded = cdx.load_bank(folder)
            assert type(loaded).from_json(loaded.to_json()).digest == loaded.digest
            loaded.to_frame()
            str(loaded)

        explained(use)

    check()


@cache
def documents() -> dict[str, tuple[Callable[[str], Any], bytes]]:
    """Return readers and sound documents by kind."""
    data = answers()
    profiles = cdx.diagnose(data, bank())
    person = profiles[str(data.persons[0])]
    request = {"bank": "physics", "persons": [{"person": "T-1", "answers": {i.id: "1" for i in bank().items[:6]}}]}
    results = {
        "responses": data,
        "scores": cdx.score(data, bank()),
        "profiles": profiles.select(profiles.persons[:2]),
        "profile": person,
        "bank": bank(),
        "next_items": cdx.next_items(profiles, bank(), n=2),
        "calibration": cdx.calibrate((np.random.default_rng(1).random((300, 5)) < 0.5).astype(int), model="Rasch"),
    }
    out = {name: (type(result).from_json, result.to_json().encode()) for name, result in results.items()}
    return out | {"answers": (cdx.responses.parse_answers, json.dumps(request).encode())}


KINDS = ["responses", "scores", "profiles", "profile", "bank", "next_items", "calibration", "answers"]


@pytest.mark.parametrize("kind", KINDS)
def test_documents(kind: str) -> None:
    read, whole = documents()[kind]

    @thorough
    @given(SEEDS)
    def check(seed: int) -> None:
        text = mutated_tree(whole, seed).decode("utf-8", "surrogateescape" if seed % 7 else "replace")

        def use() -> None:
            made = read(text)
            if kind == "answers":
                used(cdx.load_responses(made, bank=bank()))
                return
            assert type(made).from_json(made.to_json()).to_json() == made.to_json()
            str(made)
            if hasattr(made, "to_frame"):
                assert isinstance(made.to_frame(), pd.DataFrame)

        explained(use)

    check()
