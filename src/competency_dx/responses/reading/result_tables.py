"""Tables that this program wrote about persons and items: recognised by their headings and refused as answers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from competency_dx.display import column_title, toml_content
from competency_dx.errors import LANGUAGES, ResponsesError, phrase
from competency_dx.responses.normalise import header_form


@cache
def _headings() -> tuple[tuple[str, frozenset[str]], ...]:
    """Return the headings of each table in the form in which they are compared."""
    return tuple(
        (kind, frozenset(header_form(column_title(column, language)) for column in columns))
        for kind, tables in toml_content("responses.reading", "words")["results"].items()
        for columns in tables
        for language in LANGUAGES
    )


def refuse_results(names: Iterable[str], origin: str) -> None:
    """Raise when these are the headings of a table of results, in English or in Russian."""
    heads = {header_form(name) for name in names}
    for kind, columns in _headings():
        if columns <= heads:
            raise ResponsesError("responses.result_table", origin=origin, what=phrase(f"responses.is_{kind}"))
