"""Tables as CSV the way the spreadsheet programs of the language open them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from competency_dx.reports.strings import Language

if TYPE_CHECKING:
    import pandas as pd

RISKY = ("=", "+", "-", "@", "\t", "\r")


def csv_text(frame: pd.DataFrame, language: Language) -> str:
    """Return the table as CSV: semicolons and decimal comma in Russian, commas and decimal point in English.

    Numbers are written in full, so that reading the file again gives the same numbers. A text that a spreadsheet
    would run as a formula gets an apostrophe in front, as spreadsheets do themselves.
    """
    separator, comma = (";", ",") if language == "ru" else (",", ".")
    safe = frame.copy()
    for name in frame.columns:
        if frame[name].dtype.kind not in "fiub":
            safe[name] = frame[name].map(_safe)
    out: str = safe.to_csv(None, sep=separator, decimal=comma, index=False, lineterminator="\r\n")
    return out


def csv_bytes(frame: pd.DataFrame, language: Language) -> bytes:
    """Return the CSV in UTF-8 with a byte order mark, which Excel needs to recognise Cyrillic."""
    return csv_text(frame, language).encode("utf-8-sig")


def _safe(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(RISKY) else cell
