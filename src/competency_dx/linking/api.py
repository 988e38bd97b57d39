"""`link`: the scale of a new calibration put on that of an old one by the items they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.linalg import block_diag

from competency_dx.arrays import Floats, Ints
from competency_dx.bank import ItemBank
from competency_dx.calibration import Calibration
from competency_dx.errors import LinkingError, wrong_type
from competency_dx.findings import Template, announce
from competency_dx.linking.choices import LinkMethod, StockingLord
from competency_dx.linking.scale_link import Link
from competency_dx.models import ItemParameters, bank_parameters, moved
from competency_dx.provenance import provenance

DEFAULT_METHOD = StockingLord()
LEAST_ITEMS = 2
FEW = 5
FAR, WORTH = 2.7, 0.3
"""An item moved when its robust z and its difference from the median, in θ, are beyond these."""
STEP = 0.002  # standard errors by which parameters are moved to see what the constants do


class _Errors(NamedTuple):
    """Covariance (N, N) of parameters in the kernels' form, and item and column (a, e_1 …, shape) of each (N,)."""

    covariance: Floats
    item: Ints
    column: Ints


def link(
    new: ItemBank | Calibration, old: ItemBank | Calibration, *, method: LinkMethod = DEFAULT_METHOD, without: tuple[str, ...] = ()
) -> Link:
    """Put a new scale on an old one: θ on the old scale is A θ on the new one + B.

    Items are matched by id; of the same family they have to be. The error of A and B comes from the covariances of the items'
    parameters in both (delta method; Ogasawara 2001); items of a bank err independently of each other. An item whose difficulty
    moved against the others is named by its robust z and left to the reader: `without` takes it out.

    Parameters
    ----------
    new, old : ItemBank or Calibration
        Of one competency.
    method : StockingLord, Haebara, MeanSigma or MeanMean
    without : tuple of str
        Common items not to link by.

    Returns
    -------
    Link

    Raises
    ------
    LinkingError
        When fewer than two items are common, families differ, or a scale has several competencies.
    """
    known = []
    for name, source in (("new", new), ("old", old)):
        if not isinstance(source, ItemBank | Calibration):
            raise wrong_type(LinkingError, name, source, ItemBank, Calibration)
        known.append(bank_parameters(source) if isinstance(source, ItemBank) else source.parameters)
    if any(len(k.dimensions) > 1 for k in known):
        raise LinkingError("linking.dimensions", dimensions=[d for k in known for d in k.dimensions])
    common = [i for i in known[0].items if i in known[1].items and i not in without]
    if len(common) < LEAST_ITEMS:
        raise LinkingError("linking.common", common=common, least=LEAST_ITEMS)
    rows = [np.array([k.items.index(i) for i in common]) for k in known]
    first, second = (k.take(at) for k, at in zip(known, rows, strict=True))
    if other := [i for i, f, g in zip(common, first.families, second.families, strict=True) if f != g]:
        raise LinkingError("linking.families", other=other)
    A, B = method.constants(first, second)
    if not A > 0 or not np.isfinite(A * B):
        raise LinkingError("linking.no_link", slope=A, intercept=B)
    errors = [_errors(source, k, at) for source, k, at in zip((new, old), known, rows, strict=True)]
    drift = np.nanmean(second.difficulties - (A * first.difficulties + B), axis=1)
    centred = drift - np.median(drift)
    z = centred / max(1.4826 * float(np.median(np.abs(centred))), 1e-9)
    rest = [np.flatnonzero(np.arange(len(common)) != k) for k in range(len(common))]
    alone = [method.constants(first.take(rows), second.take(rows)) for rows in rest]
    effect = np.array([a * first.mean + b for a, b in alone]) - (A * first.mean + B)
    findings = [*Template("linking.drift").about(common[k] for k in np.flatnonzero((np.abs(z) > FAR) & (np.abs(centred) > WORTH)))]
    findings += [Template("linking.few").of(items=len(common))] if len(common) < FEW else []
    announce(findings)
    return Link(
        method=type(method).__name__,
        items=tuple(common),
        slope=A,
        intercept=B,
        covariance=_covariance(method, first, second, errors, np.array([A, B])),
        drift=drift,
        robust_z=z,
        effect=effect,
        parameters=moved(known[0], A, B),
        findings=tuple(findings),
        provenance=provenance(
            "link", {"new": new.digest, "old": old.digest}, {"method": type(method).__name__, "without": ", ".join(without) or "none"}
        ),
    )


def _errors(source: ItemBank | Calibration, known: ItemParameters, rows: Ints) -> _Errors:
    """Return the errors of the parameters of some items: those of a calibration together, else each item's own."""
    if isinstance(source, Calibration) and not source.table.shared.any() and not np.isnan(source.covariance).any():
        own = np.flatnonzero(source.table.of_items & np.isin(source.table.item, rows))
        covariance = source.table.in_kernel_form(source.covariance)[np.ix_(own, own)]
        place = {int(row): k for k, row in enumerate(rows)}
        return _Errors(covariance, np.array([place[i] for i in source.table.item[own].tolist()]), source.table.column[own])
    each = np.nan_to_num(known.covariance[rows])
    item, column = (x.ravel() for x in np.indices(each.shape[:2]))
    return _Errors(block_diag(*each), item, column)


def _covariance(method: LinkMethod, first: ItemParameters, second: ItemParameters, errors: Sequence[_Errors], at: Floats) -> Floats:
    """Return the covariance (2, 2) of A and B by the delta method."""
    out = np.zeros((2, 2))
    for which, (covariance, item, column) in enumerate(errors):
        gradient = np.zeros((2, len(item)))
        for n, size in enumerate(STEP * np.sqrt(np.diag(covariance))):
            if size > 0:
                pair = [first, second]
                pair[which] = _shifted(pair[which], int(item[n]), int(column[n]), float(size))
                gradient[:, n] = (np.array(method.constants(*pair)) - at) / size
        out += gradient @ covariance @ gradient.T
    return out


def _shifted(of: ItemParameters, item: int, column: int, by: float) -> ItemParameters:
    """Return parameters of which one, a column of (a, e_1 …, shape), is moved."""
    slopes, intercepts, extras = of.slopes.copy(), of.intercepts.copy(), of.extras.copy()
    K = intercepts.shape[1]
    table, at = (slopes, column) if column < 1 else (intercepts, column) if column < K else (extras, column - K)
    table[item, at] += by
    return replace(of, slopes=slopes, intercepts=intercepts, extras=extras)
