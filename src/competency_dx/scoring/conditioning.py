"""What is known of the persons besides their answers: covariates as a design matrix, and the regression on them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, NamedTuple

import numpy as np

from competency_dx.arrays import Floats, value
from competency_dx.errors import ScoringError
from competency_dx.responses import Responses
from competency_dx.schemas import Count, Ids, NotNegative, held_to

PERSON = "person"


class Covariates(NamedTuple):
    """Names of the F columns and the design matrix (P, F), a constant first."""

    names: tuple[str, ...]
    matrix: Floats


@value
class LatentRegression:
    """Regression of the competency on covariates, θ_p ~ N(x_pᵀγ, σ²), estimated in one stage from the answers.

    Attributes
    ----------
    names : tuple of str
        F columns of the design: the constant, numeric covariates, categories against the first in alphabetical order.
    coefficients : ndarray, shape (F,)
        γ in logits.
    residual_variance : float
        σ² in squared logits.
    covariance : ndarray, shape (F + 1, F + 1)
        Covariance of (γ, log σ²), the inverse of the observed information.
    log_likelihood : float
        Marginal, at the estimates; comparable between sets of covariates on the same answers and item parameters.
    iterations : int
        EM and Newton steps taken.
    """

    names: Ids
    coefficients: Annotated[Floats, held_to("names")]
    residual_variance: NotNegative
    covariance: Annotated[Floats, held_to("names+1", "names+1", covariance=True)]
    log_likelihood: float
    iterations: Count

    @property
    def se(self) -> Floats:
        """Return standard errors of the coefficients (F,)."""
        return np.asarray(np.sqrt(np.diagonal(self.covariance)[:-1]))


def design_of(conditioning: Any, data: Responses) -> Covariates:  # noqa: ANN401 - a frame, or names of background columns
    """Return the design matrix of the persons of `data`, in their order.

    Parameters
    ----------
    conditioning : data frame or sequence of str
        A frame with a column `person`, or ids in its index (pandas), one row per person, rows in any order, further
        rows ignored; or names of background columns of the responses.
    data : Responses

    Raises
    ------
    ScoringError
        When persons or columns are absent, or covariates have missing values.
    """
    if isinstance(conditioning, str):
        raise ScoringError("scoring.conditioning_one_text", conditioning=conditioning)
    if isinstance(conditioning, Sequence):
        absent = [name for name in conditioning if name not in data.background]
        if absent:
            raise ScoringError("scoring.conditioning_absent", absent=absent, background=data.background)
        columns = {name: data.background[name].tolist() for name in conditioning}
    else:
        columns = _framed(conditioning, data)
    if not columns:
        raise ScoringError("scoring.conditioning_empty")
    names, parts = ["constant"], [np.ones(len(data.persons))]
    for name, cells in columns.items():
        for label, part in _coded(name, cells, data):
            names.append(label)
            parts.append(part)
    return Covariates(tuple(names), np.column_stack(parts))


def _framed(frame: Any, data: Responses) -> dict[str, list[Any]]:  # noqa: ANN401 - any frame
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        import narwhals.stable.v2 as nw

        try:
            frame = nw.from_native(frame, eager_only=True).to_pandas()
        except TypeError:
            raise ScoringError("scoring.conditioning_type", given=type(frame).__name__) from None
    ids = frame[PERSON] if PERSON in frame.columns else frame.index
    row = {str(person): k for k, person in enumerate(ids)}
    if len(row) < len(frame):
        raise ScoringError("scoring.conditioning_rows")
    absent = [p for p in data.persons if p not in row]
    if absent:
        raise ScoringError("scoring.conditioning_no_row", absent=absent, person=PERSON)
    rows = [row[p] for p in data.persons]
    return {str(n): frame[n].iloc[rows].tolist() for n in frame.columns if n != PERSON}


def _coded(name: str, cells: list[Any], data: Responses) -> list[tuple[str, Floats]]:
    """Return a covariate as columns: numbers as they are, texts as indicators of all categories but the first."""
    missing = [p for p, cell in zip(data.persons, cells, strict=True) if cell is None or cell == "" or cell != cell]  # noqa: PLR0124 - NaN
    if missing:
        raise ScoringError("scoring.covariate_missing", name=name, missing=missing)
    with suppress(ValueError):
        numbers = np.array([float(cell) for cell in cells])
        if np.isfinite(numbers).all():
            return [(name, numbers)]
    texts = np.array([str(cell) for cell in cells], dtype=object)
    return [(f"{name}={level}", (texts == level).astype(float)) for level in sorted(set(texts))[1:]]
