"""Running designs: replications in parallel processes, pooled into figures with their Monte-Carlo error."""

from __future__ import annotations

import multiprocessing
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import competency_dx as cdx
from competency_dx.errors import CompetencyDxWarning
from recovery_study.design import Design, Drawn, calibrated
from recovery_study.studies import studies

Floats = NDArray[np.float64]
NORMAL_95 = 1.959963984540054
ABILITY = "θ (EAP)"
CHUNK = 5
FEWEST = 4  # replications for an SD worth its name


class Replicate(NamedTuple):
    """One replication: estimates, standard errors and truths (F,), all NaN where the engine did not converge or refused.

    `ability` is mean error, mean squared error, mean squared SE and coverage of EAP estimates. `status` is "converged",
    "not converged" or "refused".
    """

    status: str
    names: tuple[str, ...]
    estimates: Floats
    errors: Floats
    truths: Floats
    ability: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Figures of one kind of parameter in one design, over its parameters and the converged replications.

    `ratio` is mean SE over the SD of the errors, `coverage` the share of 95 % intervals that hold the truth, each with its
    Monte-Carlo standard error; `relative` the bias over the mean truth.
    """

    design: Design
    kind: str
    parameters: int
    bias: float
    relative: float
    rmse: float
    ratio: tuple[float, float]
    coverage: tuple[float, float]
    unconverged: int
    refused: int
    absent: float


def replicate(design: Design, replication: int) -> Replicate:
    """Draw, calibrate and score once."""
    data = design.draw(design.generator(replication), design.persons)
    names, truth = tuple(data.truth), np.array(list(data.truth.values()))
    nothing = np.full(len(names), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        try:
            found = calibrated(design, data)
        except cdx.CompetencyDxError as error:
            status = "refused" if getattr(error, "state", None) is None else "not converged"
            return Replicate(status, names, nothing, nothing, truth, np.full(4, np.nan))
        ability = _ability(found, data)
    x, se = _matched(found, names)
    return Replicate("converged", names, x, se, truth, ability)


def _matched(found: cdx.Calibration, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Return estimates and standard errors of the named parameters, NaN for all of an item that lacks one."""
    place = {name: f for f, name in enumerate(found.parameter_names)}
    lacking = {_item(name) for name in names if name not in place}
    at = [place.get(name, -1) if _item(name) not in lacking else -1 for name in names]
    known = np.array(at) >= 0
    return np.where(known, found.estimates[at], np.nan), np.where(known, found.standard_errors[at], np.nan)


def _item(name: str) -> str:
    return name.rpartition(".")[0] or name


def _ability(found: cdx.Calibration, data: Drawn) -> Floats:
    """Return figures of EAP estimates, NaN where `score` does not give one for each competency."""
    scores = cdx.score(data.responses, found, method=cdx.EAP(item_uncertainty="all"))
    if scores.theta.shape != data.theta.shape:
        return np.full(4, np.nan)
    off, se = scores.theta - data.theta, np.sqrt(np.diagonal(scores.covariance, axis1=1, axis2=2))
    return np.array([off.mean(), (off**2).mean(), (se**2).mean(), (np.abs(off) < NORMAL_95 * se).mean()])


def pooled(design: Design, done: Sequence[Replicate]) -> list[Row]:
    """Return a row for each kind of parameter, and one for abilities."""
    names = done[0].names
    x, se, truth = (np.array([getattr(r, field) for r in done]) for field in ("estimates", "errors", "truths"))
    kinds = [kind_of(name) for name in names]
    counts = [sum(r.status == status for r in done) for status in ("not converged", "refused")]
    rows = []
    for kind in dict.fromkeys(kinds):
        own = np.array([k == kind for k in kinds])
        rows.append(_row(design, kind, (x - truth)[:, own], se[:, own], truth[:, own], counts))
    ability = np.array([r.ability for r in done])
    return [*rows, _ability_row(design, ability, counts)] if np.isfinite(ability).any() else rows


def kind_of(name: str) -> str:
    """Return the kind of a parameter: the letter of an item's, the first word of the population's."""
    item = re.match(r"i\d+\.(.+?)\d*$", name)
    return item.group(1) if item else name.partition(".")[0]


def _row(design: Design, kind: str, off: Floats, se: Floats, truth: Floats, counts: Sequence[int]) -> Row:
    kept = np.isfinite(off).any(axis=1)
    if kept.sum() < 2:
        nan = float("nan")
        pair = (nan, nan)
        return Row(
            design=design,
            kind=kind,
            parameters=off.shape[1],
            bias=nan,
            relative=nan,
            rmse=nan,
            ratio=pair,
            coverage=pair,
            unconverged=counts[0],
            refused=counts[1],
            absent=nan,
        )
    off, se, truth = off[kept], se[kept], truth[kept]
    inside = np.where(np.isfinite(off), np.abs(off) < NORMAL_95 * se, np.nan)
    return Row(
        design=design,
        kind=kind,
        parameters=off.shape[1],
        bias=float(np.nanmean(off)),
        relative=float(np.nanmean(off) / truth.mean()),
        rmse=float(np.sqrt(np.nanmean(off**2))),
        ratio=_ratio(off, se),
        coverage=_coverage(inside),
        unconverged=counts[0],
        refused=counts[1],
        absent=float(np.isnan(off).mean()),
    )


def _ratio(off: Floats, se: Floats) -> tuple[float, float]:
    """Return mean SE over SD, averaged over parameters, with its jackknife error; 1 / s overstates 1 / σ by 3 / 4(n - 1)."""
    R = len(off)

    def ratio(keep: NDArray[np.bool_]) -> float:
        n = int(keep.sum())
        spread = np.nanstd(off[keep], axis=0, ddof=1)
        mean = np.nanmean(se[keep], axis=0)
        known = np.isfinite(spread) & (spread > 0)
        return float(np.mean(mean[known] / spread[known]) * (1 - 0.75 / (n - 1)))

    if R < FEWEST:
        return float("nan"), float("nan")
    each = np.array([ratio(np.arange(R) != r) for r in range(R)])
    return ratio(np.ones(R, dtype=np.bool_)), float(np.sqrt((R - 1) * each.var()))


def _coverage(inside: Floats) -> tuple[float, float]:
    """Return the share inside and its error: from the spread over replications, not below that of independent intervals."""
    share, each = float(np.nanmean(inside)), np.nanmean(inside, axis=1)
    least = np.sqrt(0.95 * 0.05 / np.isfinite(inside).sum())
    return share, max(_error_of_mean(each), float(least))


def _error_of_mean(x: Floats) -> float:
    return float(x.std(ddof=1) / np.sqrt(len(x)))


def _ability_row(design: Design, ability: Floats, counts: Sequence[int]) -> Row:
    """Return the row of abilities: its ratio is the RMS of SE over the RMSE, pooled over persons."""
    known = ability[np.isfinite(ability[:, 0])]
    each = np.sqrt(known[:, 2] / known[:, 1])
    ratio = float(np.sqrt(known[:, 2].mean() / known[:, 1].mean()))
    return Row(
        design=design,
        kind=ABILITY,
        parameters=design.persons,
        bias=float(known[:, 0].mean()),
        relative=float("nan"),
        rmse=float(np.sqrt(known[:, 1].mean())),
        ratio=(ratio, _error_of_mean(each)),
        coverage=(float(known[:, 3].mean()), _error_of_mean(known[:, 3])),
        unconverged=counts[0],
        refused=counts[1],
        absent=0.0,
    )


Task = tuple[str, int, int, int]


def _chunk(task: Task, divisor: int) -> list[Replicate]:
    """Run some replications of one design, found by its study's name and its place."""
    name, place, start, stop = task
    design = studies(divisor)[name].designs[place]
    return [replicate(design, r) for r in range(start, stop)]


def tasks(names: Sequence[str], divisor: int) -> list[Task]:
    """Return the work in pieces of a few replications."""
    out = []
    for name in names:
        for place, design in enumerate(studies(divisor)[name].designs):
            cuts = range(0, design.replications, CHUNK)
            out += [(name, place, r, min(r + CHUNK, design.replications)) for r in cuts]
    return out


def run(names: Sequence[str], *, divisor: int = 1, workers: int | None = None) -> Iterator[tuple[str, list[Row]]]:
    """Yield the rows of each design in order; the result does not depend on the number of workers.

    Parameters
    ----------
    names : sequence of str
        Studies, by name.
    divisor : int
        Replications are divided by it: 1 for the whole study, 8 for a quick look.
    workers : int, optional
        Processes; None is one a core, 0 stays in this process. Each holds BLAS at one thread.
    """
    work = tasks(names, divisor)
    if workers == 0:
        yield from _collected(work, map(partial(_chunk, divisor=divisor), work), divisor)
        return
    for library in ("OPENBLAS", "OMP", "MKL"):  # workers are started afresh and read it before they import numpy
        os.environ[f"{library}_NUM_THREADS"] = "1"
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=workers or os.cpu_count(), mp_context=fresh) as pool:
        yield from _collected(work, pool.map(partial(_chunk, divisor=divisor), work), divisor)


def _collected(work: Sequence[Task], results: Iterator[list[Replicate]], divisor: int) -> Iterator[tuple[str, list[Row]]]:
    done: list[Replicate] = []
    for (name, place, _, stop), found in zip(work, results, strict=True):
        design = studies(divisor)[name].designs[place]
        done += found
        if stop == design.replications:
            yield name, pooled(design, done)
            done = []
