"""Damaged inputs that look for code not yet run: libFuzzer by the package atheris, which is no part of any extra.

``python tests/recovery/guided_fuzz.py KIND [FOLDER] [-max_total_time=300 …]``: KIND is an ending of tables (``.csv``), a kind of
documents (``profile``) or a file of a bank (``items.yaml``); what was found is kept in FOLDER and is where the next run begins. A fault
ends the run with its traceback, and the input stays in a file ``crash-…``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

with atheris.instrument_imports(include=["competency_dx", "yaml", "csv"]):
    import test_fuzz as fuzz

    import competency_dx as cdx


def target(kind: str, folder: Path) -> tuple[bytes, Callable[[bytes], None]]:
    """Return a sound input of a kind, and what reads and uses one."""
    if kind.startswith("."):
        path = folder / f"a{kind}"

        def read_table(data: bytes) -> None:
            path.write_bytes(data)
            fuzz.explained(lambda: fuzz.used(cdx.load_responses(path, bank=fuzz.bank())))

        return fuzz.table(kind), read_table
    if "." in kind:
        place = cdx.save_bank(fuzz.bank(), folder / "bank") / kind

        def read_bank(data: bytes) -> None:
            place.write_bytes(data)
            fuzz.explained(lambda: str(cdx.load_bank(place.parent)))

        return place.read_bytes(), read_bank
    read, whole = fuzz.documents()[kind]

    def read_document(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        fuzz.explained(lambda: str(cdx.load_responses(read(text), bank=fuzz.bank()) if kind == "answers" else read(text)))

    return whole, read_document


def main() -> None:
    kind, *arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        sound, check = target(kind, Path(name))
        corpus = Path(next((a for a in arguments if not a.startswith("-")), f"{name}/corpus"))
        corpus.mkdir(exist_ok=True)
        (corpus / "sound").write_bytes(sound)
        flags = [a for a in arguments if a.startswith("-")]
        atheris.Setup([sys.argv[0], *flags, f"-max_len={2 * len(sound)}", str(corpus)], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
