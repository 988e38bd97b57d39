"""Tables that this program wrote about persons and items: recognised by their headings and refused as answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from competency_dx.display import column_title
from competency_dx.errors import ResponsesError, phrase
from competency_dx.responses.normalise import header_form

_COLUMNS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "scores": (("person", "dimension", "theta", "se"), ("dimension", "status", "persons")),
    "draws": (("person", "set", "dimension", "value"), ("quantity", "estimate", "se")),
    "profiles": (
        ("person", "competency", "p_deficit"),
        ("competency", "confirmed", "likely", "not_found"),
        ("участник", "вывод", "вероятность дефицита"),
        ("person", "conclusion", "P(deficit)"),
    ),
    "parameters": (
        ("item", "model", "a", "status"),
        ("item", "family", "dimension"),
        ("item", "family", "parameter", "girth"),
        ("item", "communality"),
        ("dimension", "theta", "information"),
        ("item", "original", "suggested"),
    ),
    "analysis": (("item", "verdict", "item_rest"), ("задание", "что делать", "почему"), ("item", "what to do", "why")),
    "next_items": (("person", "place", "item", "expected_loss"),),
    "misconceptions": (("person", "misconception", "probability"),),
}
"""Columns that together are those of a table of results, by what they tell of."""


@cache
def _headings() -> tuple[tuple[str, frozenset[str]], ...]:
    """Return the headings of each table in the form in which they are compared."""
    tables = [(kind, columns, lang) for kind, every in _COLUMNS.items() for columns in every for lang in ("en", "ru")]
    return tuple(
        (kind, frozenset(header_form(column_title(c, lang)) for c in columns)) for kind, columns, lang in tables
    )


def refuse_results(names: Iterable[str], origin: str) -> None:
    """Raise when these are the headings of a table of results, in English or in Russian."""
    heads = {header_form(name) for name in names}
    for kind, columns in _headings():
        if columns <= heads:
            raise ResponsesError("responses.result_table", origin=origin, what=phrase(f"responses.is_{kind}"))
