"""Rubin's rules: the results of analyses repeated on plausible values become one estimate with an honest error.

Rubin (1987), Multiple Imputation for Nonresponse in Surveys, doi:10.1002/9780470316696, eq. 3.1.2-3.1.10; small samples by
Barnard & Rubin (1999), doi:10.1093/biomet/86.4.948, eq. 3-5.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from competency_dx.arrays import Floats, value
from competency_dx.display import Chart, interval_chart, result_words
from competency_dx.errors import ScoringError, checked
from competency_dx.findings import Finding
from competency_dx.provenance import Provenance, digest_arrays, provenance
from competency_dx.result import DataFrame, Result, frame
from competency_dx.schemas import Count, Ids, held_to

LIMIT = 1e12  # degrees of freedom from which t is normal to the last digit
LEAST = 1e-9
UPPER = 0.975


@value
class Pooled(Result):
    """F estimates pooled over M data sets; every array has the shape (F,).

    Attributes
    ----------
    names : tuple of str
        What is estimated.
    sets : int
        Number of data sets M.
    estimate : ndarray
        Mean of the M estimates.
    within, between, total : ndarray
        Mean sampling variance W, variance B of the estimates, T = W + (1 + 1/M) B.
    df : ndarray
        Degrees of freedom of the t distribution of (estimate - truth) / √T, at most 1e12.
    fmi : ndarray
        Fraction of information missing because θ is not observed, (r + 2/(df + 3)) / (r + 1), r = (1 + 1/M) B / W.
    """

    kind: ClassVar[str] = "pooled"
    pictures: ClassVar[tuple[str, ...]] = ("estimates",)
    names: Ids
    sets: Count
    estimate: Annotated[Floats, held_to("names")]
    within: Annotated[Floats, held_to("names", minimum=0)]
    between: Annotated[Floats, held_to("names", minimum=0)]
    total: Annotated[Floats, held_to("names", minimum=0)]
    df: Annotated[Floats, held_to("names", exclusiveMinimum=0)]
    fmi: Annotated[Floats, held_to("names", minimum=0, maximum=1)]
    findings: tuple[Finding, ...]
    provenance: Provenance

    @property
    def se(self) -> Floats:
        """Return standard errors √T (F,)."""
        return np.asarray(np.sqrt(self.total))

    @property
    def interval(self) -> Floats:
        """Return 95 % intervals (F, 2)."""
        from scipy.special import stdtrit

        half = stdtrit(self.df, UPPER) * self.se
        return np.stack([self.estimate - half, self.estimate + half], axis=1)

    def to_frame(self) -> DataFrame:
        """Return one row per estimate with its error, degrees of freedom, interval and parts of the variance."""
        low, high = self.interval.T
        columns = {"quantity": self.names, "estimate": self.estimate, "se": self.se, "df": self.df}
        parts = {"within": self.within, "between": self.between, "total": self.total, "fmi": self.fmi}
        return frame(**columns, ci_low=low, ci_high=high, **parts)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return the estimates with standard errors and intervals."""
        say = result_words("scoring", language)
        rows = zip(self.names, *(x.tolist() for x in (self.estimate, self.se, *self.interval.T, self.fmi)), strict=True)
        lines = (say("pooled_row", name=n, b=b, se=se, low=lo, high=hi, fmi=f) for n, b, se, lo, hi, f in rows)
        return [say("pooled", n=self.sets), *lines]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the estimates with 95 % intervals."""
        say, at = result_words("scoring", language), (self.estimate, *self.interval.T)
        return interval_chart(self.names, at, title=say("pooled_title"), x_label=say("pooled_axis"))


@checked(ScoringError)
def pool(estimates: ArrayLike, variances: ArrayLike, *, names: Sequence[str] | None = None, df: float = np.inf) -> Pooled:
    """Pool the results of the same analysis on M data sets.

    Raises `ScoringError` when shapes do not fit, there are fewer than two sets, or a variance is negative or not a number.

    Parameters
    ----------
    estimates : array_like, shape (M,) or (M, F)
        Estimates of each data set.
    variances : array_like, shape (M,) or (M, F)
        Their sampling variances (squared standard errors).
    names : sequence of str, optional
        Names of the F estimates.
    df : float
        Degrees of freedom of the analysis of one complete data set, such as the number of persons less the number of
        coefficients; infinite gives Rubin's large-sample rule.

    Examples
    --------
    >>> pool([0.51, 0.47, 0.55], [0.01, 0.01, 0.01]).estimate
    array([0.51])
    """
    try:
        Q, U = (np.asarray(x, dtype=np.float64) for x in (estimates, variances))
    except (TypeError, ValueError, OverflowError):
        raise ScoringError("scoring.pooled_numbers") from None
    Q, U = (x[:, None] if x.ndim == 1 else x for x in (Q, U))
    if Q.shape != U.shape or Q.ndim != 2 or len(Q) < 2:
        raise ScoringError("scoring.pooled_shapes", shape=Q.shape, shape2=U.shape)
    labels = tuple(f"Q{f + 1}" for f in range(Q.shape[1])) if names is None else tuple(map(str, names))
    if len(labels) != Q.shape[1]:
        raise ScoringError("scoring.pooled_names", n_names=len(labels), shape=Q.shape[1])
    if not np.isfinite(Q).all() or not np.isfinite(U).all() or (U < 0).any():
        raise ScoringError("scoring.pooled_numbers")
    if not df > 0:
        raise ScoringError("scoring.degrees_of_freedom", df=df)
    M = len(Q)
    within, between = U.mean(axis=0), Q.var(axis=0, ddof=1)
    extra = (1 + 1 / M) * between
    total = within + extra
    share = np.divide(extra, total, out=np.zeros_like(total), where=total > 0)
    old = (M - 1) / np.maximum(share, LEAST) ** 2  # degrees of freedom of Rubin, then of Barnard & Rubin
    rest = 0.0 if np.isinf(df) else 1 / np.maximum((df + 1) / (df + 3) * df * (1 - share), LEAST)
    nu = np.minimum(1 / (1 / old + rest), LIMIT)
    made = provenance("pool", {"estimates": digest_arrays(Q), "variances": digest_arrays(U)}, {"df": str(df)})
    parts = {"within": within, "between": between, "total": total}
    numbers = {"estimate": Q.mean(axis=0), "df": nu, "fmi": share + (1 - share) * 2 / (nu + 3)}
    return Pooled(names=labels, sets=M, **numbers, **parts, findings=(), provenance=made)
