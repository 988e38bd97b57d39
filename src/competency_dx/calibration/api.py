"""The verb of this room: calibrate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.bank import ItemBank
from competency_dx.calibration import screen
from competency_dx.calibration.assembly import assembled, unfinished
from competency_dx.calibration.calibration import Calibration
from competency_dx.calibration.key_check import key_swaps
from competency_dx.calibration.marginal_ml import MarginalML, fit
from competency_dx.calibration.priors import Priors, resolve
from competency_dx.calibration.problem import build, category_counts
from competency_dx.errors import CalibrationError, ConvergenceError, Finding, announce, listed
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.models import FAMILIES, bank_parameters, family_for
from competency_dx.responses import Responses, check_design, load_responses

LEAST_FREE_SLOPES = 3
DEFAULT_METHOD = MarginalML()


def calibrate(
    responses: Any,  # noqa: ANN401 - Responses, or any table that load_responses reads
    *,
    model: str | Mapping[str, str] = "2PL",
    dimensions: None = None,
    bank: ItemBank | None = None,
    anchors: ItemBank | Calibration | None = None,
    priors: Priors | str | None = "weak",
    method: MarginalML = DEFAULT_METHOD,
) -> Calibration:
    """Calibrate items on responses by marginal maximum likelihood.

    Parameters
    ----------
    responses : Responses, data frame, array or path
        Persons by items; whatever `load_responses` reads.
    model : {"Rasch", "2PL", "PCM", "GPCM", "GRM"} or mapping of item to one of them
        GPCM and GRM take dichotomous items too, as 2PL; PCM as Rasch.
    dimensions : None
        One competency for all items; several arrive with a later version.
    bank : ItemBank, optional
        Keys for raw answers, and the score categories of every item.
    anchors : ItemBank or Calibration, optional
        Items whose parameters stay fixed; mean and variance of the population are then estimated.
    priors : "weak", None or Priors
        ``"weak"``: a ~ N(1, 0.75²), d_k ~ N(0, 3²), stated in the result. None: plain maximum likelihood.
    method : MarginalML
        Support points, tolerance, executor, progress.

    Returns
    -------
    Calibration
        Normal population with mean 0 and variance 1 fixed; slope 1 and variance free for Rasch and PCM.

    Raises
    ------
    CalibrationError
        When the data cannot support the model: too few items, constant items without priors, unconnected booklets.
    ConvergenceError
        When the maximum was not reached; `state` carries the unconverged Calibration.
    """
    if dimensions is not None:
        raise CalibrationError(
            "dimensions= is not available yet: calibrate the items of each competency in a call of their own, "
            "or leave dimensions=None for one competency"
        )
    data = responses if isinstance(responses, Responses) else load_responses(responses, bank=bank)
    top = _highest_scores(data, bank)
    codes, observed = data.effective(method.missing)
    stated = resolve(priors)
    kept, families = _families(data, observed, model, top)
    codes, observed, n_categories = codes[:, kept], observed[:, kept], top[kept] + 1
    items = tuple(data.items[i] for i in kept)
    counts = category_counts(codes, observed, int(n_categories.max()))
    _refuse(data, items, counts, families, stated)
    fixed = None
    if anchors is not None:
        fixed, families = _anchored(anchors, items, n_categories, families)
    problem = build(codes, observed, n_categories, families=families, priors=stated, counts=counts, fixed=fixed)
    rest = screen.item_rest(codes, observed, n_categories - 1)
    notes = _left_out(data, kept) + screen.before(items, counts, n_categories, rest, key_swaps(data, kept, rest))
    label = model if isinstance(model, str) else "mixed"
    settings = {
        "model": label,
        "priors": "none (maximum likelihood)" if stated is None else stated.describe(),
        "missing": method.missing.describe("en"),
        "tolerance": f"{method.tolerance:g} SE",
    }
    with one_blas_thread():
        found = fit(problem, method)
        out = assembled((items, families), problem, found, rest, notes, settings | {"points": str(found.points)})
    announce(out.findings)
    if not out.converged:
        raise ConvergenceError(unfinished(out, problem, found), out)
    return out


def _highest_scores(data: Responses, bank: ItemBank | None) -> Ints:
    """Return the highest score of each item (I,): the bank's where it knows the item, otherwise that of the responses."""
    known = {} if bank is None else {item.id: item.max_score for item in bank.items}
    out = np.array(
        [known.get(item, int(m)) for item, m in zip(data.items, data.max_scores, strict=True)], dtype=np.int64
    )
    high = [item for i, item in enumerate(data.items) if data.scores[:, i].max(initial=0) > out[i]]
    if high:
        raise CalibrationError(f"Scores are above the bank's maximum in {listed(high)}; correct the scores or the bank")
    return out


def _families(data: Responses, observed: Bools, model: str | Mapping[str, str], top: Ints) -> tuple[Ints, list[str]]:
    """Return the items with answers and the family of each."""
    kept = np.flatnonzero(observed.any(axis=0))
    if not kept.size:
        raise CalibrationError(f"None of the {len(data.items)} items has a single answer; nothing can be calibrated")
    if not isinstance(model, str):
        bare = [data.items[i] for i in kept if data.items[i] not in model]
        if bare:
            raise CalibrationError(f"model= names no family for {listed(bare)}; give every item one")
    names = [model if isinstance(model, str) else model[data.items[i]] for i in kept]
    return kept, [family_for(name, int(top[i]) + 1, data.items[i]).name for name, i in zip(names, kept, strict=True)]


def _refuse(data: Responses, items: tuple[str, ...], counts: Ints, families: list[str], priors: Priors | None) -> None:
    """Raise where no honest calibration exists."""
    free = sum(FAMILIES[f].free_slope for f in families)
    least = LEAST_FREE_SLOPES if free else 2
    if len(items) < least and priors is None:
        raise CalibrationError(
            f"{len(items)} items do not identify the model without priors; it needs {least}: add items, use Rasch, or "
            'priors="weak"'
        )
    constant = [item for item, row in zip(items, counts, strict=True) if (row > 0).sum() <= 1]
    if constant and priors is None:
        raise CalibrationError(
            f"All answers to {listed(constant)} earned the same score, so maximum likelihood has no estimate for them; "
            'leave them out with responses.select(items=...), or use priors="weak"'
        )
    broken = [f for f in check_design(data) if f.code == "responses.disconnected"]
    if broken:
        raise CalibrationError(broken[0].en)


def _left_out(data: Responses, kept: Ints) -> tuple[Finding, ...]:
    bare = [item for i, item in enumerate(data.items) if i not in set(kept.tolist())]
    if not bare:
        return ()
    return (
        Finding(
            code="calibration.no_answers",
            severity="warning",
            ru=f"На {len(bare)} заданий нет ни одного ответа; они не откалиброваны.",
            en=f"{len(bare)} items have not a single answer and are not calibrated: {listed(bare)}.",
            scope=tuple(bare),
        ),
    )


def _anchored(
    anchors: ItemBank | Calibration, items: tuple[str, ...], n_categories: Ints, families: list[str]
) -> tuple[tuple[Bools, Floats], list[str]]:
    """Return which items are fixed, the values (I, K) of (a, e_1 …) they are fixed at, and families: anchors keep theirs."""
    families = list(families)
    known = anchors.parameters if isinstance(anchors, Calibration) else bank_parameters(anchors)
    position = {item: i for i, item in enumerate(known.items)}
    K = int(n_categories.max())
    mask, values = np.array([item in position for item in items]), np.full((len(items), K), np.nan)
    if not mask.any():
        raise CalibrationError(f"None of the items {listed(items)} is among the anchors {listed(known.items)}")
    for j in np.flatnonzero(mask):
        i, m = position[items[j]], int(n_categories[j])
        if known.n_categories[i] != m:
            raise CalibrationError(
                f"Anchor {items[j]} has {known.n_categories[i]} score categories, the responses have {m}"
            )
        values[j, :m] = known.intercepts[i, :m]
        values[j, 0] = known.slope[i]
        families[j] = known.families[i]
    return (mask, values), families
