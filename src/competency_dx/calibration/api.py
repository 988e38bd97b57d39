"""The verb of this room: calibrate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.bank import ItemBank
from competency_dx.calibration import screen
from competency_dx.calibration.calibration import Calibration, Certificate
from competency_dx.calibration.key_check import key_swaps
from competency_dx.calibration.marginal_ml import Fit, MarginalML, fit
from competency_dx.calibration.priors import Priors, resolve
from competency_dx.calibration.problem import Problem, build, category_counts
from competency_dx.errors import CalibrationError, ConvergenceError, Finding, announce, listed
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.models import FAMILIES, ItemParameters, NormalPopulation, bank_parameters, family_for
from competency_dx.provenance import digest_arrays, provenance
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
    codes, observed = data.effective(method.missing)
    stated = resolve(priors)
    kept, families = _families(data, observed, model)
    codes, observed, n_categories = codes[:, kept], observed[:, kept], data.max_scores[kept] + 1
    items = tuple(data.items[i] for i in kept)
    counts = category_counts(codes, observed, int(n_categories.max()))
    _refuse(data, items, counts, families, stated)
    fixed = None if anchors is None else _anchored(anchors, items, n_categories)
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
        out = _result((items, families), problem, found, rest, notes, settings | {"points": str(found.points)})
    announce(out.findings)
    if not out.converged:
        raise ConvergenceError(_unfinished(out, problem, found), out)
    return out


def _families(data: Responses, observed: Bools, model: str | Mapping[str, str]) -> tuple[Ints, list[str]]:
    """Return the items with answers and the family of each."""
    kept = np.flatnonzero(observed.any(axis=0))
    if not kept.size:
        raise CalibrationError(f"None of the {len(data.items)} items has a single answer; nothing can be calibrated")
    if not isinstance(model, str):
        bare = [data.items[i] for i in kept if data.items[i] not in model]
        if bare:
            raise CalibrationError(f"model= names no family for {listed(bare)}; give every item one")
    names = [model if isinstance(model, str) else model[data.items[i]] for i in kept]
    return kept, [
        family_for(name, int(data.max_scores[i]) + 1, data.items[i]).name for name, i in zip(names, kept, strict=True)
    ]


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


def _anchored(anchors: ItemBank | Calibration, items: tuple[str, ...], n_categories: Ints) -> tuple[Bools, Floats]:
    """Return which items are fixed and the values (I, K) of (a, e_1 …) they are fixed at."""
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
    return mask, values


def _result(
    named: tuple[tuple[str, ...], list[str]],
    problem: Problem,
    found: Fit,
    rest: Floats,
    notes: tuple[Finding, ...],
    settings: Mapping[str, str],
) -> Calibration:
    """Put the pieces of a fit together; `named` are item ids and families."""
    answers = problem.answers
    mask = np.ones(answers.codes.shape, dtype=bool) if answers.observed is None else answers.observed
    n_answers, label = mask.sum(axis=0), settings["model"]
    parameters, names, covariance = _parameters(*named, problem, found, n_answers)
    state, info = found.state, found.information
    return Calibration(
        model=label,
        parameters=parameters,
        population=NormalPopulation(
            dimensions=("theta",), mean=np.array([state.mean]), covariance=np.array([[state.variance]])
        ),
        parameter_names=names,
        covariance=covariance,
        log_likelihood=found.log_likelihood,
        converged=found.converged,
        iterations=found.iterations,
        n_persons=int(mask.any(axis=1).sum()),
        n_answers=n_answers,
        item_rest=rest,
        certificate=Certificate(
            gradient=found.gradient,
            last_step=found.step,
            smallest_eigenvalue=info.smallest_eigenvalue,
            points=found.points,
            spacing=found.spacing,
            narrowest=found.narrowest,
        ),
        findings=notes + screen.after(parameters, label, n_answers, problem.free[:, 0]) + _grid_note(found),
        provenance=provenance("calibrate", {"responses": digest_arrays(answers.codes, np.packbits(mask))}, settings),
    )


def _parameters(
    items: tuple[str, ...], families: list[str], problem: Problem, found: Fit, n_answers: Ints
) -> tuple[ItemParameters, tuple[str, ...], Floats]:
    """Return the parameters, names and covariance (F, F) in slope-step form."""
    I, K = problem.free.shape
    beta = found.state.beta
    e = np.where(problem.allowed, beta, np.nan)
    e[:, 0] = np.where(problem.allowed[:, 0], 0.0, np.nan)
    full = found.information.covariance
    F = len(found.information.matrix)
    full = np.full((F, F), np.nan) if full is None else full
    place = np.cumsum(problem.free.ravel()).reshape(I, K) - 1
    own = np.zeros((I, K, K))
    for i in range(I):
        at = place[i][problem.free[i]]
        own[np.ix_([i], problem.free[i], problem.free[i])] = full[np.ix_(at, at)]
    T = _to_steps(problem, place, F)
    names = [
        f"{items[i]}.{'a' if k == 0 else 'd' if problem.n_categories[i] == 2 else f'd{k}'}"
        for i, k in zip(*np.nonzero(problem.free), strict=True)
    ]
    names += [n for n, free in (("mean", problem.free_mean), ("variance", problem.free_variance)) if free]
    parameters = ItemParameters(
        items=items,
        families=tuple(families),
        statuses=tuple("calibrated" if n >= 200 else "pilot" for n in n_answers),
        n_categories=problem.n_categories,
        slope=beta[:, 0],
        intercepts=e,
        covariance=own,
        mean=found.state.mean,
        variance=found.state.variance,
    )
    return parameters, tuple(names), T @ full @ T.T


def _to_steps(problem: Problem, place: Ints, F: int) -> Floats:
    """Return the matrix (F, F) that turns category intercepts e_k into steps d_k = e_k - e_{k-1}."""
    T = np.eye(F)
    for i, k in zip(*np.nonzero(problem.free), strict=True):
        if k >= 2 and problem.adjacent[i] and problem.free[i, k - 1]:
            T[place[i, k], place[i, k - 1]] = -1.0
    return T


def _grid_note(found: Fit) -> tuple[Finding, ...]:
    if found.spacing <= found.narrowest:
        return ()
    return (
        Finding(
            code="calibration.coarse_grid",
            severity="error",
            ru=f"Сетка интегрирования ({found.points} точек) реже, чем уже́ апостериорное распределение "
            f"({found.spacing:.3f} против {found.narrowest:.3f}); увеличьте MarginalML(points=…).",
            en=f"The support grid ({found.points} points) is coarser than the narrowest posterior "
            f"({found.spacing:.3f} against {found.narrowest:.3f}); raise MarginalML(points=…).",
        ),
    )


def _unfinished(out: Calibration, problem: Problem, found: Fit) -> str:
    """Say where the estimation stands and what to do."""
    size = np.abs(np.where(problem.free, found.state.beta, 0.0)).max(axis=1)
    worst = [out.parameters.items[i] for i in np.argsort(-size)[:3]]
    return (
        f"The calibration did not reach a maximum after {found.iterations} E-steps (last step {found.step:.1e} SE, smallest "
        f"eigenvalue {found.information.smallest_eigenvalue:.2g}); the largest parameters are those of {listed(worst)}: "
        'check these items for duplicates or a wrong key, use priors="weak", or raise MarginalML(max_iterations=…). '
        "The last state is in the error's .state"
    )
