"""Standards: cuts on the percent scale, the names of the levels between them, and who owns the boundary."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np

from competency_dx.arrays import Floats, value
from competency_dx.bank import Text
from competency_dx.errors import DiagnosisError
from competency_dx.schemas import Finite, held_to

Boundary = Literal["upper", "lower"]


@value
class Level:
    """One level of a scale: stable code, titles, and the route the regulation recommends."""

    code: str
    title: Text
    route: Text


@value
class Standards:
    """Cut points on competency percent with the levels they separate, lowest first.

    Attributes
    ----------
    id : str
        Name of the scale, recorded in every result.
    cuts : tuple of float
        Ascending percents; the first decides deficits, the last decides strengths.
    levels : tuple of Level
        One more than there are cuts.
    boundaries : tuple of {"upper", "lower"}
        For each cut, the level that owns a percent exactly on it.
    source : Text
        The document the cuts come from.

    Raises
    ------
    DiagnosisError
        When cuts are not ascending within 0-100 or the numbers of cuts, levels and boundaries do not fit.
    """

    id: str
    cuts: Annotated[tuple[Finite, ...], held_to("C", exclusiveMinimum=0, exclusiveMaximum=100)]
    levels: Annotated[tuple[Level, ...], held_to("cuts+1")]
    boundaries: Annotated[tuple[Boundary, ...], held_to("cuts")]
    source: Text

    def __post_init__(self) -> None:
        inside = all(0 < c < 100 for c in self.cuts)
        if not self.cuts or not inside or list(self.cuts) != sorted(set(self.cuts)):
            raise DiagnosisError("competencies.cuts", id=self.id, cuts=self.cuts)
        if len(self.levels) != len(self.cuts) + 1 or len(self.boundaries) != len(self.cuts):
            raise DiagnosisError(
                "competencies.levels",
                id=self.id,
                n_cuts=len(self.cuts),
                value=len(self.cuts) + 1,
                n_levels=len(self.levels),
                n_boundaries=len(self.boundaries),
            )

    @property
    def deficit_cut(self) -> float:
        """Return the percent below which a competency counts as a deficit."""
        return self.cuts[0]

    @property
    def strength_cut(self) -> float:
        """Return the percent above which a competency counts as a strength."""
        return self.cuts[-1]

    def level_index(self, percent: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """Return the index of the level of each percent; a percent on a cut belongs to the side that owns it."""
        out = np.zeros(np.shape(percent), dtype=np.int64)
        for cut, owner in zip(self.cuts, self.boundaries, strict=True):
            out += percent >= cut if owner == "upper" else percent > cut
        return out

    def policy(self, language: str) -> str:
        """Return the boundary rule in one sentence."""
        parts: Sequence[str] = [
            f"{cut:g} % → {self.levels[k + (owner == 'upper')].title.text(language)}"
            for k, (cut, owner) in enumerate(zip(self.cuts, self.boundaries, strict=True))
        ]
        head = "Значение ровно на границе: " if language == "ru" else "A value exactly on a boundary: "
        return head + "; ".join(parts)


_ROUTE_PLAN = Text(ru="индивидуальный план (маршрут) профессионального развития", en="individual plan of professional development")
_R201_LEVELS = (
    Level(code="high", title=Text(ru="высокий уровень дефицита", en="high deficit"), route=_ROUTE_PLAN),
    Level(
        code="medium",
        title=Text(ru="средний уровень дефицита", en="medium deficit"),
        route=Text(
            ru="индивидуальный план или программа повышения квалификации по предмету",
            en="individual plan or an in-service programme in the subject",
        ),
    ),
    Level(
        code="minimal",
        title=Text(ru="минимальный уровень или отсутствие дефицита", en="minimal or no deficit"),
        route=Text(ru="неформальное и информальное обучение", en="non-formal and informal learning"),
    ),
)


@lru_cache(maxsize=4)
def R201(*, boundaries: tuple[Boundary, Boundary] = ("upper", "lower")) -> Standards:
    """Return the official scale of the order R-201 of 27.08.2021, table 1: 60 and 80 percent.

    The table reads "below 60", "61-80", "81-100" and leaves 60, 60.5 and 80.5 to no row. The default closes the gap
    as below 60 | 60 to 80 | above 80: a percent of exactly 60 belongs to the level above it ("upper"), exactly 80 to
    the level below it ("lower").
    """
    return Standards(
        id="r201",
        cuts=(60.0, 80.0),
        levels=_R201_LEVELS,
        boundaries=boundaries,
        source=Text(
            ru="Распоряжение Минпросвещения России от 27.08.2021 № Р-201, таблица 1",
            en="Order of the Ministry of Education of Russia of 27.08.2021 No. R-201, table 1",
        ),
    )
