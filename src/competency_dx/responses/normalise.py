"""Text as people type it, brought to one form: spaces, dashes, quotes, case, ё, look-alike letters, numbers, codes of options."""

import html
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from competency_dx.arrays import value
from competency_dx.wording import LOOKALIKES, toml_content

WORDS = toml_content("responses.reading", "words")
LIKE: Mapping[str, re.Pattern[str]] = {name: re.compile(text) for name, text in WORDS["patterns"].items()}
"""What the room knows of the words and signs that people and programs write, and what answers and headings are like."""
_SHAPES = str.maketrans({sign: one for one, signs in WORDS["shapes"].items() for sign in signs})
_UNSEEN = {sign: shape for sign, shape in _SHAPES.items() if shape == ""}
MONTHS, DIGITS = 12, 9
KEPT = 1024  # texts that were last looked at: the same few answers stand in many columns
LONGEST = 2000  # a raw answer longer than this is not a list of codes
NOTHING = ("_", "*", "?")  # signs people put where an element of a sequence is left out
_LINKS = r"[\s\-=:)>→.?!\"']*"


def visible(text: str) -> str:
    """Return a text of composed letters without signs that nobody sees: of no width, of direction, spaces at the ends."""
    return text.strip() if text.isascii() else unicodedata.normalize("NFC", text.translate(_UNSEEN)).strip()


def unwrapped(text: str) -> str:
    """Return the text inside what programs write around answers: tags and entities of HTML, a reply in JSON that is one text."""
    if (reply := LIKE["reply"].fullmatch(text)) is not None:
        text = str(json.loads(reply[1]))
    if any(f"<{name}" in text for name in {*LIKE["closed"].findall(text)}):  # pairs: "a<b>c" and "</p>" are answers
        text = LIKE["tag"].sub(" ", text)
    return visible(LIKE["entity"].sub(lambda sign: html.unescape(sign[0]), text))


@lru_cache(maxsize=KEPT)
def tidy(text: str) -> str:
    """Unify dashes, quotes and spaces; composed letters; no space at the ends or twice in a row."""
    return " ".join((text.replace("`", "'") if text.isascii() else unicodedata.normalize("NFC", text).translate(_SHAPES)).split())


def fold_text(text: str) -> str:
    """Return the form in which words are compared: `tidy`, lower case, ё as е, no outer quotes, no end punctuation."""
    return tidy(text).casefold().replace("ё", "е").strip("\"'").rstrip(".,;:!? ").strip("\"' ")


def fold_look(text: str) -> str:
    """Return `fold_text` with look-alike Cyrillic letters brought to Latin, in capitals."""
    return fold_text(text).upper().translate(LOOKALIKES)


@lru_cache(maxsize=KEPT)
def fold_code(text: str) -> str:
    """Return the form in which option codes are compared: capitals, look-alikes in Latin, no brackets or full stop."""
    return tidy(text).upper().replace("Ё", "Е").translate(LOOKALIKES).strip("\"'([{<№").rstrip("\"')]}>.:;, ").strip()


@lru_cache(maxsize=1024)
def header_form(text: str) -> str:
    """Return the form in which column names are compared: words joined by single spaces, lower case."""
    return " ".join(re.split(r"[\s_\-./:]+", fold_text(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tidy(text))))).strip()


@lru_cache(maxsize=KEPT)
def read_number(text: str, units: tuple[str, ...] = ()) -> Fraction | None:
    """Read one number exactly, or None: decimal comma or point, thousands apart, ``1/2`` or ``1 1/5`` (not ``1 5``), a unit."""
    if not units and text.isascii() and text.isdigit() and len(text) <= DIGITS:
        return Fraction(int(text))
    out = LIKE["vulgar"].sub(lambda sign: " " + unicodedata.normalize("NFKC", sign[0]).replace("⁄", "/"), text)
    out = LIKE["lead"].sub("", tidy(out)).rstrip("; ")
    for unit in units:
        if unit and out.casefold().endswith(tidy(unit).casefold()):
            out = out[: -len(tidy(unit))].rstrip()
    if fraction := LIKE["fraction"].fullmatch(out):
        sign, whole, above, below = fraction[1], *(int(n or 0) for n in fraction.groups()[1:])
        if below == 0 or (fraction[2] and above >= below):
            return None
        return (-1 if sign == "-" else 1) * (whole + Fraction(above, below))
    if LIKE["thousands"].fullmatch(out):
        out = out.replace(next(filter(" ',.".__contains__, out)), "")
    out = re.sub(r"^([+-])\s+", r"\1", out).replace(",", ".")
    return Fraction(Decimal(out)) if LIKE["number"].fullmatch(out) else None


def moments(texts: Sequence[str], *, counts: bool) -> list[float] | None:
    """Return dates, or `counts` too, as numbers in their order; None where one is neither, or days may be months: 3/4/2025."""
    import pandas as pd

    numbers = [read_number(text) for text in texts]
    if counts and None not in numbers:
        return [float(number or 0) for number in numbers]
    said = [LIKE["month"].sub(lambda m: WORDS["months"][m[1]], LIKE["zone"].sub("", tidy(text).casefold())) for text in texts]
    first, second = (max((int(m[k]) for text in said if (m := LIKE["slashed"].match(text))), default=0) for k in (1, 2))
    if 0 < max(first, second) <= MONTHS or not all(map(LIKE["dated"].search, said)):
        return None
    order = r"20\3-\1-\2" if second > MONTHS else r"20\3-\2-\1"
    said = [LIKE["year last"].sub(order, LIKE["year first"].sub(r"\1-\2-\3", text)) for text in said]
    read = pd.to_datetime(pd.Series(said), format="mixed", utc=True, errors="coerce")
    return None if read.isna().any() else [moment.timestamp() for moment in read]


def read_parts(text: str, form: str, units: tuple[str, ...] = ()) -> tuple[Fraction, Fraction] | None:
    """Read value and ``uncertainty`` (``"0,80 ± 0,05"``) or the ends of a ``range``, the lower first; None when it is not one way."""
    out = re.sub(r"^(?:от|from)\b", "", LIKE["lead"].sub("", tidy(text)).casefold())
    for unit in filter(out.endswith, (tidy(u).casefold() for u in units if u)):
        out = out.removesuffix(unit)
    out = out.strip("()[]; ")
    cuts = (out[: m.start()] + "\n" + out[m.end() :] for m in LIKE[form].finditer(out))
    pairs = {tuple(read_number(part, units) for part in cut.split("\n")) for cut in cuts}
    read = [(a, b) for a, b in pairs if a is not None and b is not None]
    return None if len(read) != 1 else read[0] if form == "uncertainty" else (min(read[0]), max(read[0]))


def fold_isotope(text: str) -> str:
    """Return the form in which isotopes are compared: ``"уран 234"``, ``"²³⁴U"`` and ``"U-234"`` as name and mass number."""
    plain_text = unicodedata.normalize("NFKC", re.sub("[₀-₉]", "", text))  # the charge stands below, the name says it too
    parts = LIKE["isotope"].fullmatch(fold_text(plain_text))
    if parts is None or (parts[1] and parts[3]):
        return fold_look(text)
    return fold_look(parts[2]) + f"-{parts[1] or parts[3]}".rstrip("-")


@lru_cache(maxsize=KEPT)
def read_points(text: str) -> tuple[int, int | None] | None:
    """Read whole points and, where the text tells it, the maximum: ``"3"``, ``"3,0"``, ``"3 / 4"``, ``"3 балла из 4"``."""
    if text.isascii() and text.isdigit() and len(text) <= DIGITS:
        return int(text), None
    plain_text = tidy(text).casefold()
    out = LIKE["unit of points"].sub("", WORDS["truth"]["points"].get(plain_text, plain_text))
    parts = LIKE["of maximum"].fullmatch(out)
    numbers = parts.groups() if parts else (out,)
    if not all(map(LIKE["whole"].fullmatch, numbers)):
        return None
    points, top = (int(re.split("[.,]", n)[0]) for n in (*numbers, "1")[:2])
    return None if top < 1 else (points, top if parts else None)


def points_within(text: str, maximum: int) -> int | None:
    """Return the points of a cell, None unless they can be read as points from 0 to this maximum and no other."""
    read = read_points(text)
    return read[0] if read is not None and 0 <= read[0] <= maximum and read[1] in {None, maximum} else None


def plain(number: Fraction) -> str:
    """Return a number as text: decimal where that is exact, otherwise a fraction."""
    exact = Decimal(number.numerator) / Decimal(number.denominator)
    decimal = number.denominator != 1 and Fraction(exact) == number
    return format(exact.normalize(), "f") if decimal else str(number)


@value
class CodeBook:
    """The codes of an item; `index` leads from forms of `fold_code` that one code has to codes, `texts` from the words of options.

    `looks` leads from `fold_look` of the words, and from the forms of the codes; `ends` from words with a mark behind them.
    """

    codes: tuple[str, ...]
    index: Mapping[str, str]
    texts: Mapping[str, str]
    looks: Mapping[str, str]
    ends: Mapping[str, str]

    def find(self, raw: str) -> str | None:
        """Return the one code that was meant: the code itself, ``"B)"``, the words of the option, or both; a code wins."""
        if (folded := self._code(raw) or self.texts.get(fold_text(raw)) or self._lettered(raw)) is not None:
            return folded
        for mark in re.finditer(r"[)\].=:]|\s-?", raw[:LONGEST]):
            code = self.index.get(fold_code(raw[: mark.start()]))
            if code is not None and self.texts.get(fold_text(raw[mark.end() :])) == code:
                return code
        return None

    def _lettered(self, raw: str) -> str | None:
        """Return the code of "A3", "03", "вариант 3" where codes are numbers: so survey programs and people call the third option."""
        bare, named = LIKE["called"].subn("", tidy(raw))
        return self.index.get(fold_code(bare)) if named and "0" not in self.index and all(map(str.isdigit, self.index)) else None

    def _code(self, raw: str) -> str | None:
        return raw if raw in self.codes else self.index.get(fold_code(raw))

    def split(self, raw: str, *, order: str = "free") -> tuple[str | None, ...] | None:
        """Cut an answer into codes or words of options, None where it cannot be; in an order "kept" dashes separate, too."""
        if len(raw) > LONGEST:
            return None
        code, kept = self._code(raw), order == "kept"
        out: list[str | None] = [] if code is None else [code]
        joined = raw if "И" in self.index else LIKE["and"].sub(" ", raw)
        for token in () if out else filter(None, LIKE["order separators" if kept else "separators"].split(joined)):
            form = fold_code(self._lettered(token) or token)
            pieces = (form,) if form in self.index else segment(form, [*self.index, *(NOTHING if kept else ())])
            if pieces is None:
                if (whole := self.find(raw)) is not None:
                    return (whole,)
                bare = LIKE["next"].sub("; ", LIKE["label"].sub(r"\1", raw))
                texts = (LIKE["quotes"].sub("", fold_text(text)) + ", " for text in (raw, bare))
                return tuple(map(self.ends.get, next(filter(None, (segment(text, [*self.ends]) for text in texts)), ()))) or None
            out += map(self.index.get, pieces)
        return tuple(out) or None


def code_book(codes: Iterable[str], words: Mapping[str, str] | None = None) -> CodeBook:
    """Make the book of an item's codes and, where they are known, the words of its options."""
    every, folded = tuple(codes), ((fold_text(text), code) for code, text in (words or {}).items())
    index, texts = _unambiguous((fold_code(c), c) for c in every), _unambiguous(pair for pair in folded if pair[0])
    looks = {**{fold_look(text): code for text, code in texts.items()}, **index}
    ends = {LIKE["quotes"].sub("", text) + mark: code for text, code in texts.items() for mark in WORDS["marks"]}
    return CodeBook(codes=every, index=index, texts=texts, looks=looks, ends=ends)


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    every = list(pairs)
    counts = Counter(form for form, _ in every)
    return {form: code for form, code in every if counts[form] == 1}


def segment(text: str, pieces: Sequence[str]) -> tuple[str, ...] | None:
    """Return the only way to cut `text` into `pieces`; None when there is none, or more than one."""
    if len(text) > LONGEST or not text:
        return None
    if len({*pieces}) == len(pieces) and max(map(len, pieces), default=0) == 1:
        return tuple(text) if {*text} <= {*pieces} else None
    ways: list[list[tuple[str, ...]]] = [[()], *([] for _ in text)]  # two at most to each place
    for start, before in enumerate(ways[:-1]):
        for piece in pieces if before else ():
            if piece and text.startswith(piece, start):
                after = ways[start + len(piece)]
                after += [(*way, piece) for way in before][: 2 - len(after)]
    return ways[-1][0] if len(ways[-1]) == 1 else None


def unnumbered(raw: str, codes: Sequence[str] = ()) -> str:
    """Return the answers of a numbered list, "1) 4, 2) 2" as "4 2"; "" of "1-4, 2-2" where both may be `codes`, else the text."""
    text = tidy(raw) if raw[1:2] in WORDS["after label"] and len(raw) < LONGEST else ""
    found = LIKE["listed"].findall(text) if LIKE["listed"].sub("", text) == "" else ()
    labels = "".join(label for label, _, _ in found).upper()
    words = codes and not {answer.upper() for *_, answer in found} <= {*codes}
    if len(found) < 2 or words or not any(of.startswith(labels) for of in WORDS["labels"]):
        return raw
    doubtful = labels[0] in codes and (labels.isalpha() or any(mark == "-" for _, mark, _ in found))
    return "" if doubtful else " ".join(answer for *_, answer in found)


def read_pairs(raw: str, left: CodeBook, options: CodeBook) -> tuple[str | None, ...] | None:
    """Read one option (or None) per left entry from ``"31"``, ``"3;1"``, ``"А3Б1"``, ``"А-3; Б-1"`` or words, None where none is."""
    for text in dict.fromkeys((raw, LIKE["label"].sub(r"\1", raw))):
        if (paired := _explicit_pairs(text, left, options)) is not None:
            return tuple(paired.get(code) for code in left.codes)
    row = options.split(raw, order="kept")
    return None if row is None or len(row) > len(left.codes) else row + (None,) * (len(left.codes) - len(row))


def _explicit_pairs(raw: str, left: CodeBook, options: CodeBook) -> dict[str, str] | None:
    text = fold_look(raw)
    if len(text) > LONGEST or not (re.search(r"[-=:)>→]", text) or set(left.index).isdisjoint(options.index)):
        return None
    pair, row = _pair_patterns(tuple(left.looks), tuple(options.looks))
    if not left.looks or not options.looks or not row.fullmatch(text):
        return None
    found: dict[str, str] = {}
    for match in pair.finditer(text):
        code, option = left.looks[match[1]], options.looks[match[2]]
        if found.setdefault(code, option) != option:
            return None
    return found


@lru_cache(maxsize=1024)
def _pair_patterns(left: tuple[str, ...], options: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of one pair of such texts and of a row of pairs."""
    first, second = ("|".join(map(re.escape, sorted(of, key=len, reverse=True))) for of in (left, options))
    pair = rf"(?>({first}){_LINKS}({second})[\s;,.|/()?!\"']*)"
    return re.compile(pair), re.compile(rf"(?>{pair})+")
