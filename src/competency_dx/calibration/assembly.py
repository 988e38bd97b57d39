"""Putting a fit together as a Calibration: parameters in slope-step form, covariance, certificate, findings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.calibration import screen
from competency_dx.calibration.calibration import CALIBRATED_FROM, Calibration, Certificate
from competency_dx.calibration.marginal_ml import Fit
from competency_dx.calibration.problem import Problem
from competency_dx.errors import Finding, listed
from competency_dx.models import ItemParameters, NormalPopulation
from competency_dx.provenance import digest_arrays, provenance


def assembled(
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
        statuses=tuple("calibrated" if n >= CALIBRATED_FROM else "pilot" for n in n_answers),
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


def unfinished(out: Calibration, problem: Problem, found: Fit) -> str:
    """Say where the estimation stands and what to do."""
    size = np.abs(np.where(problem.free, found.state.beta, 0.0)).max(axis=1)
    worst = [out.parameters.items[i] for i in np.argsort(-size)[:3]]
    return (
        f"The calibration did not reach a maximum after {found.iterations} E-steps (last step {found.step:.1e} SE, smallest "
        f"eigenvalue {found.information.smallest_eigenvalue:.2g}); the largest parameters are those of {listed(worst)}: "
        'check these items for duplicates or a wrong key, use priors="weak", or raise MarginalML(max_iterations=…). '
        "The last state is in the error's .state"
    )
