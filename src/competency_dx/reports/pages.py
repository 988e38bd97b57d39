"""The page templates, compiled once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from competency_dx.display import FONT, symbol
from competency_dx.errors import require
from competency_dx.reports.strings import Language, strings

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment() -> Environment:
    """Return the environment: everything is escaped, a name the page does not know is an error."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise require("jinja2", "report", "report()") from None
    return Environment(
        loader=PackageLoader("competency_dx.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def render(template: str, language: Language, values: Mapping[str, object]) -> str:
    """Return a page; `t` holds the sentences of the language."""
    shared = {"t": strings(language), "language": language, "font": FONT, "symbol": symbol}
    return environment().get_template(template).render(shared | dict(values))
