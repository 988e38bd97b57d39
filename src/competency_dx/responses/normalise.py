"""Text as people type it, brought to one form: spaces, dashes, quotes, case, ё, look-alike letters, numbers."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from competency_dx.wording import LOOKALIKES

_SHAPES = str.maketrans(
    dict.fromkeys("‐‑‒–—―−", "-")
    | dict.fromkeys("«»„“”‟〝〞", '"')
    | dict.fromkeys("‘’‚‛`´", "'")
    | dict.fromkeys("\u00a0\u2007\u2009\u200a\u202f\u3000\t\r\n", " ")
    | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", "")
)
_LEAD = re.compile(r"^(?:(?:ответ|answer)\s*[:=-]?\s*|[a-zа-я]\s*=\s*)", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:\d{1,60}(?:\.\d{0,60})?|\.\d{1,60})(?:e[+-]?\d{1,2})?", re.IGNORECASE)
_FRACTION = re.compile(r"([+-]?)(?:(\d{1,30})\s+)?(\d{1,30})\s*/\s*(\d{1,30})")
_VULGAR = re.compile("[¼-¾⅐-⅞]")
_PARTED = {"uncertainty": r"±|\+\s*/?\s*-|плюс[ -]минус", "range": r"\.{2,}|…|\bдо\b|\bto\b|;|-"}
_ISOTOPE = re.compile(r"(\d{0,3})[\s-]*([^\W\d_]+)[\s-]*(\d{0,3})")
_GROUPED = re.compile(r"([+-]?)(\d{1,3}(?:[ ']\d{3})+)((?:[.,]\d*)?)")
_OF_MAXIMUM = re.compile(r"(\S+?)\s*(?:/|\\|\bиз\b|\bout of\b|\bof\b)\s*(\S+)")
_UNIT_OF_POINTS = re.compile(r"(?<=\d)\s*(?:балл(?:а|ов)?|б|points?|pts?)\b\.?")
_WHOLE = re.compile(r"\+?[0-9]{1,9}(?:[.,]0*)?|-[1-9][0-9]{0,8}(?:[.,]0*)?")
_TRUTH = {"true": "1/1", "false": "0/1", "истина": "1/1", "ложь": "0/1"}
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+\.\d+|[+-]?\d{1,3}(?:\.\d{3})+,\d+")


def tidy(text: str) -> str:
    """Unify dashes, quotes and spaces; composed letters; no space at the ends or twice in a row."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_SHAPES).split())


def fold_text(text: str) -> str:
    """Return the form in which words are compared: `tidy`, lower case, ё as е, no outer quotes, no end punctuation."""
    out = tidy(text).casefold().replace("ё", "е")
    return out.strip("\"'").rstrip(".,;:!? ").strip("\"' ")


def fold_look(text: str) -> str:
    """Return `fold_text` with look-alike Cyrillic letters brought to Latin, in capitals."""
    return fold_text(text).upper().translate(LOOKALIKES)


def fold_code(text: str) -> str:
    """Return the form in which option codes are compared: capitals, look-alikes in Latin, no brackets or full stop."""
    out = tidy(text).upper().replace("Ё", "Е").translate(LOOKALIKES)
    return out.strip("\"'([{<").rstrip("\"')]}>.:;, ").strip()


@lru_cache(maxsize=1024)
def header_form(text: str) -> str:
    """Return the form in which column names are compared: words joined by single spaces, lower case."""
    return " ".join(re.split(r"[\s_\-./:]+", fold_text(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tidy(text))))).strip()


def read_number(text: str, units: tuple[str, ...] = ()) -> Fraction | None:
    """Read a number exactly: decimal comma or point, thousands apart, a fraction ``1/2``, a unit behind it.

    Returns None when the text is not one number; nothing is guessed: ``"1 5"`` is not 15, but ``"1 1/5"`` is a mixed number.
    """
    out = _VULGAR.sub(lambda sign: " " + unicodedata.normalize("NFKC", sign[0]).replace("⁄", "/"), text)
    out = _LEAD.sub("", tidy(out)).rstrip("; ")
    for unit in units:
        if unit and out.casefold().endswith(tidy(unit).casefold()):
            out = out[: -len(tidy(unit))].rstrip()
    fraction = _FRACTION.fullmatch(out)
    if fraction:
        sign, whole, above, below = fraction[1], *(int(n or 0) for n in fraction.groups()[1:])
        if below == 0 or (fraction[2] and above >= below):
            return None
        return (-1 if sign == "-" else 1) * (whole + Fraction(above, below))
    grouped = _GROUPED.fullmatch(out)
    if grouped:
        out = grouped[1] + re.sub(r"[ ']", "", grouped[2]) + grouped[3]
    if _THOUSANDS.fullmatch(out):
        out = out.replace("," if out.rfind(".") > out.rfind(",") else ".", "")
    out = re.sub(r"^([+-])\s+", r"\1", out).replace(",", ".")
    return Fraction(Decimal(out)) if _NUMBER.fullmatch(out) else None


def read_parts(text: str, form: str, units: tuple[str, ...] = ()) -> tuple[Fraction, Fraction] | None:
    """Read two numbers: value and ``uncertainty`` (``"0,80 ± 0,05"``), or the ends of a ``range`` (``"10–12"``, the lower first).

    Returns None when the text can be parted into two numbers in no way, or in several.
    """
    out = re.sub(r"^(?:от|from)\b", "", _LEAD.sub("", tidy(text)).casefold())
    for unit in filter(out.endswith, (tidy(u).casefold() for u in units if u)):
        out = out.removesuffix(unit)
    out = out.strip("()[]; ")
    cuts = (out[: m.start()] + "\n" + out[m.end() :] for m in re.finditer(_PARTED[form], out))
    pairs = {tuple(read_number(part, units) for part in cut.split("\n")) for cut in cuts}
    read = [(a, b) for a, b in pairs if a is not None and b is not None]
    return None if len(read) != 1 else read[0] if form == "uncertainty" else (min(read[0]), max(read[0]))


def fold_isotope(text: str) -> str:
    """Return the form in which isotopes are compared: ``"уран 234"``, ``"²³⁴U"`` and ``"U-234"`` as name and mass number."""
    plain_text = unicodedata.normalize("NFKC", re.sub("[₀-₉]", "", text))  # the charge stands below, the name says it too
    parts = _ISOTOPE.fullmatch(fold_text(plain_text))
    if parts is None or (parts[1] and parts[3]):
        return fold_look(text)
    return fold_look(parts[2]) + f"-{parts[1] or parts[3]}".rstrip("-")


def read_integer(text: str) -> int | None:
    """Read a whole number (``"3"``, ``"3.0"``, ``"3,0"``); None when the text is anything else."""
    short = text.strip()
    if short.isascii() and short.isdigit() and len(short) < 10:
        return int(short)
    number = read_number(short) if "/" not in short and "=" not in short else None
    return int(number) if number is not None and number.denominator == 1 else None


def read_points(text: str) -> tuple[int, int | None] | None:
    """Read whole points and, where the text tells it, the maximum: ``"3"``, ``"3,0"``, ``"3 / 4"``, ``"3 балла из 4"``."""
    plain_text = tidy(text).casefold()
    out = _UNIT_OF_POINTS.sub("", _TRUTH.get(plain_text, plain_text))
    parts = _OF_MAXIMUM.fullmatch(out)
    numbers = parts.groups() if parts else (out,)
    if not all(map(_WHOLE.fullmatch, numbers)):
        return None
    points, top = (int(re.split("[.,]", n)[0]) for n in (*numbers, "1")[:2])
    return None if top < 1 else (points, top if parts else None)


def points_within(text: str, maximum: int) -> int | None:
    """Return the points of a cell, None unless they can be read as points from 0 to this maximum and no other."""
    read = read_points(text)
    return read[0] if read is not None and 0 <= read[0] <= maximum and read[1] in {None, maximum} else None


def plain(number: Fraction) -> str:
    """Return a number as text: decimal where that is exact, otherwise a fraction."""
    if number.denominator == 1:
        return str(number.numerator)
    exact = Decimal(number.numerator) / Decimal(number.denominator)
    return format(exact.normalize(), "f") if Fraction(exact) == number else f"{number.numerator}/{number.denominator}"
