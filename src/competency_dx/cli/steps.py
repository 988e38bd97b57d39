"""Steps that several commands share: reading answers, calibrating, documents on disk."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from competency_dx.cli.arguments import Estimation
from competency_dx.cli.terminal import Terminal, heard
from competency_dx.errors import CommandError, DocumentError
from competency_dx.findings import Finding
from competency_dx.limits import read_bytes, reading

if TYPE_CHECKING:
    from competency_dx.bank import ItemBank
    from competency_dx.calibration import Calibration
    from competency_dx.responses import Layout, Responses
    from competency_dx.result import Result

ONE_SCALE = Estimation()
HALF_A_SIGN = re.compile(r"\\u[dD][89a-fA-F]")
FEW_PERSONS = 300
"""Below this number slopes are not estimated freely (the sample-size adviser)."""
CLASSES: Mapping[str, tuple[str, str]] = {
    "item_bank": ("bank", "ItemBank"),
    "responses": ("responses", "Responses"),
    "calibration": ("calibration", "Calibration"),
    "scores": ("scoring", "Scores"),
    "deficit_profiles": ("competencies", "DeficitProfiles"),
    "item_analysis": ("quality", "ItemAnalysis"),
}
"""Room and class of each kind of document."""


def read_answers(terminal: Terminal, path: Path, bank: ItemBank | None, layout: Layout, *, row_numbers: bool = True) -> Responses:
    """Read a table of answers and tell what was in it; without `row_numbers` refuse persons whom nobody could find again."""
    from competency_dx.responses import load_responses

    data = heard(terminal, lambda: load_responses(path, bank=bank, layout=layout))
    counts = {"persons": len(data.persons), "items": len(data.items), "answers": int(data.observed.sum())}
    terminal.say(terminal.words("read", **counts))
    terminal.remarks([f for f in data.findings if f.severity == "info"])
    if not row_numbers and any(f.code == "responses.row_numbers" for f in data.findings):
        raise CommandError("cli.no_person_column", path=path)
    return data


def advised_model(data: Responses) -> str:
    """Return the model that the number of persons with answers allows."""
    return "PCM" if int(data.observed.any(axis=1).sum()) < FEW_PERSONS else "GPCM"


def calibrated(
    terminal: Terminal,
    data: Responses,
    bank: ItemBank,
    *,
    model: str,
    priors: str | None,
    estimation: Estimation = ONE_SCALE,
    known: Sequence[Finding] = (),
) -> Calibration:
    """Calibrate and tell how it goes, and the findings that are not in `known`."""
    from competency_dx.calibration import MarginalML, calibrate

    n = int(data.observed.any(axis=1).sum())

    def verb() -> Calibration:
        with terminal.stage(terminal.words("calibration", model=model, persons=n)) as show:
            limits: dict[str, Any] = dict(estimation.limits)
            method = MarginalML(progress=lambda step, value, _: show(f"{step}, log L {value:.1f}"), **limits)
            scale: dict[str, Any] = {"dimensions": estimation.dimensions}
            scale["anchors"] = bank if estimation.anchors else None
            return calibrate(data, model=model, bank=bank, priors=priors, method=method, **scale)

    return heard(terminal, verb, known=[*data.findings, *known])


def read_result(path: Path) -> Result:
    """Read any document written by `to_json`; raises `DocumentError` naming a file that is none."""
    if not path.exists():
        raise DocumentError("cli.no_such_file", path=path)
    with reading(path, DocumentError):
        try:
            text = read_bytes(path).decode("utf-8-sig")
            document = json.loads(text)
        except (json.JSONDecodeError, UnicodeDecodeError) as fault:
            raise DocumentError("cli.not_json", path=path, fault=fault) from None
        if HALF_A_SIGN.search(text):
            json.dumps(document, ensure_ascii=False).encode()  # raises where a half is alone
    kind = document.get("kind") if isinstance(document, dict) else None
    if not isinstance(kind, str) or kind not in CLASSES:
        raise DocumentError("cli.no_result", path=path, kind=kind, classes=CLASSES)
    room, name = CLASSES[kind]
    return cast("Result", getattr(import_module(f"competency_dx.{room}"), name).from_json(text))
