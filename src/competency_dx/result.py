"""The common shape of results: frame, JSON, picture, notebook and terminal form of every value a verb returns."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from competency_dx.display import Chart, draw, notebook
from competency_dx.documents import JsonDocument
from competency_dx.errors import LANGUAGES, ReportError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    DataFrame = pd.DataFrame
else:
    DataFrame = Any  # pandas is loaded when the first table is asked for

MAX_LINES = 12


class Result(JsonDocument):
    """A frozen value with the same five faces as every other: frame, JSON, plot, HTML and text."""

    __slots__ = ()
    pictures: ClassVar[tuple[str, ...]]

    @abstractmethod
    def to_frame(self) -> DataFrame:
        """Return the result as a table with stable columns."""

    def to_table(self, language: str = "en") -> DataFrame:  # noqa: ARG002 - for results that write words into cells
        """Return the table that files hold."""
        return self.to_frame()

    def further_tables(self) -> Mapping[str, DataFrame]:
        """Return what files and pages show beside the table, by the name of its file; ``sheet_`` words of reports say what it is."""
        return {}

    @abstractmethod
    def summary(self, language: str = "en") -> Sequence[str]:
        """Return what the result says in at most twelve lines."""

    @abstractmethod
    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return the data of a picture of one of the kinds, its words in a language."""

    def chart_kinds(self) -> tuple[str, ...]:
        """Return the kinds of picture this result can show, the default first."""
        return self.pictures

    def plot(self, kind: str | None = None, *, language: str = "en") -> Figure:
        """Draw one of `chart_kinds` as a matplotlib figure (the first when `kind` is None), its words in a language."""
        kinds = self.chart_kinds()
        chosen = kinds[0] if kind is None else kind
        if chosen not in kinds:
            raise ReportError("result.picture", given=type(self).__name__, chosen=chosen, kinds=kinds)
        return draw(self.chart(chosen, language), language)

    def _try_out(self) -> None:
        self.to_frame()
        for language in LANGUAGES:
            self.summary(language)
        for kind in self.chart_kinds():
            self.chart(kind)

    def _repr_html_(self) -> str:
        return notebook(self.summary(), self.to_frame())

    def __str__(self) -> str:
        return "\n".join(list(self.summary())[:MAX_LINES])

    def __repr__(self) -> str:
        return str(self)


def frame(**columns: Any) -> DataFrame:  # noqa: ANN401 - whatever pandas takes for a column
    """Return a table of these columns; pandas is loaded when the first table is asked for."""
    import pandas as pd

    return pd.DataFrame(columns)


def crossed(rows: Mapping[str, Any], columns: Mapping[str, Any], cells: Mapping[str, Any]) -> DataFrame:
    """Return a table with a row for each pair of R rows and C columns: what is said of the one, of the other, and arrays (R, C)."""
    R, C = (len(next(iter(of.values()))) for of in (rows, columns))
    of_rows = {name: np.repeat(x if isinstance(x, np.ndarray) else np.array(x, dtype=object), C) for name, x in rows.items()}
    of_columns = {name: list(x) * R for name, x in columns.items()}
    return frame(**of_rows, **of_columns, **{name: np.ravel(x) for name, x in cells.items()})
