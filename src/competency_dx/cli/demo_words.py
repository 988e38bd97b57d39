"""The tables of the demo in words: heads, rows and their form in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from competency_dx.cli.practice import Comparison, Tally
from competency_dx.display import count, percent

Row = tuple[str, ...]

KEY_HEADS: Mapping[str, Row] = {
    "ru": ("вариант", "выбрали", "% по остальным"),
    "en": ("option", "chosen", "% on the rest"),
}
HEADS: Mapping[str, Row] = {
    "ru": ("уровень", "способ", "n", "флагов", "ложных", "обещано", "найдено", "упущено", "открыто"),
    "en": ("level", "way", "n", "flags", "false", "announced", "found", "missed", "open"),
}
ANNOUNCED = 5
"""Column of `HEADS` that a narrow terminal goes without."""
TEXT_COLUMNS = 2
LEVEL_NAMES: Mapping[str, Mapping[str, str]] = {
    "ru": {"domain": "разделы", "cluster": "кластеры", "category": "весь тест"},
    "en": {"domain": "domains", "cluster": "clusters", "category": "whole test"},
}
WAYS: Mapping[str, tuple[str, str]] = {"ru": ("правило 60 %", "движок"), "en": ("60 % rule", "engine")}
LEGEND: Mapping[str, tuple[str, ...]] = {
    "ru": (
        "n: оценок «участник × блок»; ложных: доля флагов, за которыми дефицита нет",
        "обещано: доля ложных флагов, которую движок предсказал сам",
        "найдено, упущено (объявлено, что дефицита нет), открыто (вывод не сделан): доли истинных дефицитов",
    ),
    "en": (
        "n: judgements person × block; false: share of flags without a deficit behind them",
        "announced: the share of false flags that the engine itself predicted",
        "found, missed (declared to be no deficit), open (nothing concluded): shares of the true deficits",
    ),
}


def comparison_rows(comparisons: Sequence[Comparison], language: str) -> list[Row]:
    """Return two rows for each level: today's practice and the engine."""
    out = []
    for found in comparisons:
        names = (LEVEL_NAMES[language][found.level], "")
        for name, way, tally in zip(names, WAYS[language], (found.practice, found.engine), strict=True):
            out.append((name, way, *_cells(tally, language)))
    return out


def _cells(tally: Tally, language: str) -> Row:
    shares = (tally.false_share, tally.promised_share, tally.found_share, tally.missed_share, tally.open_share)
    cells = (percent(100 * s, language) for s in shares)
    return (count(tally.judged, language), count(tally.flags, language), *cells)


def narrow(rows: Sequence[Row]) -> list[Row]:
    """Return the rows without the column that a narrow terminal goes without."""
    return [row[:ANNOUNCED] + row[ANNOUNCED + 1 :] for row in rows]


def table_lines(heads: Row, rows: Sequence[Row], texts: int = 0) -> list[str]:
    """Return a table as lines: the first `texts` columns flush left, the others flush right."""
    widths = [max(len(row[k]) for row in (heads, *rows)) for k in range(len(heads))]

    def line(row: Row) -> str:
        cells = (c.ljust(w) if k < texts else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True)))
        return "  ".join(cells).rstrip()

    return [line(heads), *(line(row) for row in rows)]
