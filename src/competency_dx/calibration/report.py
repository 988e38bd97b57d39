"""Putting a fit together as a Calibration: parameters in slope-step form, covariance, certificate; what is to be said of it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from competency_dx.arrays import Bools, Codes, Floats
from competency_dx.bank import ItemBank
from competency_dx.calibration.calibration import Calibration, Certificate
from competency_dx.calibration.choices import Sample
from competency_dx.calibration.item_setup import Anchors, statuses_of
from competency_dx.engine import Items, Known, Marginal, Maximised, Priors, beta_of, parameters_of_items, table_of
from competency_dx.errors import phrase
from competency_dx.findings import Finding, Severity, Template
from competency_dx.models import FAMILIES, ItemParameters
from competency_dx.responses import FALSE_ALARM, SuspectedKey
from competency_dx.result import digest_arrays

THIN_RASCH, THIN_2PL = 100, 300
LARGEST_SLOPE, SMALLEST_SLOPE, FARTHEST = 4.0, 0.2, 6.0
ALIKE, LEAST_COMMON, PERSONS = 0.95, 30, 4_000  # correlation of repeated items among those who answered both, of so many persons
COARSE = 2.0  # spacing in units of the narrowest posterior up to which a grid of several dimensions is near enough


class Request(NamedTuple):
    """What the caller of `calibrate` asked for."""

    model: str | Mapping[str, str]
    dimensions: Any
    bank: ItemBank | None
    anchors: ItemBank | Calibration | None
    priors: Priors | None

    @property
    def model_name(self) -> str:
        """Return the model of all items, or "mixed"."""
        return self.model if isinstance(self.model, str) else "mixed"

    @property
    def testlets(self) -> bool:
        """Return whether sets of items, given or of one stimulus each, are to be testlets."""
        return isinstance(self.dimensions, tuple | list) or (isinstance(self.dimensions, str) and self.dimensions == "testlets")


class Scene(NamedTuple):
    """What a likelihood is made of besides answers: items, competencies, persons, priors, items held, links that are weak."""

    known: Known
    dimensions: tuple[str, ...]
    sample: Sample
    priors: Priors | None
    anchors: Anchors | None
    exploring: bool
    weak_links: tuple[Finding, ...] = ()


def assembled(
    scene: Scene,
    likelihood: Marginal,
    found: Maximised,
    covariance: Floats | None,
    **stated: Any,  # noqa: ANN401 - fields of a Calibration
) -> Calibration:
    """Put the pieces of a fit together; `covariance` (F, F) is that of φ, `stated` what the fit says nothing of."""
    answers, known, held, items = likelihood.answers, scene.known, scene.anchors, likelihood.items
    mask = np.ones(answers.codes.shape, dtype=bool) if answers.observed is None else answers.observed
    n_answers, F = mask.sum(axis=0), len(found.phi)
    full = np.full((F, F), np.nan) if covariance is None else covariance
    populations = tuple(p.named(scene.dimensions) for p in likelihood.populations(found.phi))
    table = table_of([*parameters_of_items(items, known), *likelihood.population.parameters])
    T = table.to_reported
    parameters = ItemParameters(
        items=known.ids,
        families=tuple(known.families),
        statuses=statuses_of(n_answers, held),
        n_categories=known.n_categories,
        **_arrays(items, known, found.phi, full, held),
        population=populations[0],
        options=known.options,
        item_groups=tuple("" if g < 0 else known.group_names[g] for g in known.groups),
    )
    how = likelihood.integral.accuracy(found.at)
    ends = {"gradient": found.gradient, "last_step": found.step, "smallest_eigenvalue": found.information.smallest_eigenvalue}
    said: dict[str, Any] = {"points": found.points, "spacing": found.at.spacing, "narrowest": found.at.narrowest} | ends
    said |= {"integration": how.integration, "log_likelihood_error": how.log_likelihood, "theta_error": how.theta}
    return Calibration(
        parameters=parameters,
        population=populations[0],
        populations=populations,
        groups=scene.sample.groups,
        table=table,
        estimates=T @ found.phi,
        covariance=T @ full @ T.T,
        log_likelihood=found.log_likelihood + how.correction,
        converged=found.converged,
        iterations=found.iterations,
        n_persons=int(mask.any(axis=1).sum()),
        n_answers=n_answers,
        share=mean_shares(known),
        certificate=Certificate(**said),
        **stated,
    )


def remarks(out: Calibration, items: Items) -> tuple[Finding, ...]:
    """Return what the estimates and their certificate say of the items."""
    parameters, n_answers, c = out.parameters, out.n_answers, out.certificate
    free = np.asarray(items.free[:, : items.n_slopes].any(axis=1))  # whose slopes are estimated
    a, b, ids = parameters.slope, parameters.difficulties, np.array(parameters.items, dtype=object)
    variances = np.diagonal(parameters.covariance, axis1=1, axis2=2)
    se = np.sqrt(np.take_along_axis(variances, parameters.dimension_index[:, None], axis=1)[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        negative = free & (a < 0) & ~(ndtr(a / se) > FALSE_ALARM / max(1, int(free.sum())))
    far = np.nanmax(np.abs(np.where(np.isfinite(b), b, 0.0)), axis=1) > FARTHEST
    least = THIN_2PL if free.any() else THIN_RASCH
    few = n_answers < least
    if free.any():
        thin = Template("calibration.thin_sample").about(ids[few], least=least, model=out.model)
    else:
        within = np.median(1.96 * np.sqrt(variances[few, parameters.slopes.shape[1]])) if few.any() else 0.0
        thin = Template("calibration.imprecise_difficulties").about(ids[few], least=least, within=float(within))
    severity: Severity = "error" if len(parameters.dimensions) == 1 or c.spacing > COARSE * c.narrowest else "warning"
    coarse = Template("calibration.coarse_grid").of(severity=severity, points=c.points, spacing=c.spacing, narrowest=c.narrowest)
    return (
        *Template("calibration.negative_slope").about(ids[negative]),
        *Template("calibration.steep_slope").about(ids[free & (a > LARGEST_SLOPE)], limit=LARGEST_SLOPE),
        *Template("calibration.flat_slope").about(ids[free & (a < SMALLEST_SLOPE) & ~negative], limit=SMALLEST_SLOPE),
        *Template("calibration.far_difficulty").about(ids[far], limit=FARTHEST),
        *thin,
        *(() if c.grid_suits else (coarse,)),
    )


def before(known: Known, rest: Floats, suspected: Sequence[SuspectedKey]) -> tuple[Finding, ...]:
    """Return what the counts of categories and the correlations with the rest of the test (I,) say of the items."""
    constant = (known.counts > 0).sum(axis=1) <= 1
    unused = (np.arange(known.counts.shape[1]) < known.n_categories[:, None]) & (known.counts == 0)
    gaps, rest = unused.any(axis=1) & ~constant, np.nan_to_num(rest, nan=1.0)
    wrong, other = [s.item for s in suspected], {s.item: s.suggestion for s in suspected if s.suggestion}
    weak, ids = (rest < 0) & ~np.isin(known.ids, wrong), np.array(known.ids, dtype=object)
    return (
        *Template("calibration.constant_item").about(ids[constant]),
        *Template("calibration.empty_category").about(ids[gaps]),
        *Template("calibration.probable_wrong_key").about(wrong),
        *Template("calibration.other_key").about(other, where=[f"{i}: {answer}" for i, answer in other.items()], answers=other),
        *Template("calibration.low_item_rest").about(ids[weak]),
    )


def near_duplicates(items: tuple[str, ...], codes: Codes, observed: Bools) -> tuple[Finding, ...]:
    """Return a warning about pairs of items whose answers correlate above .95 among at least 30 of 4,000 persons."""
    some = slice(None, None, max(1, len(codes) // PERSONS))
    seen = observed[some].astype(np.float32)
    x, n = codes[some] * seen, seen.T @ seen
    total = x.T @ seen
    with np.errstate(invalid="ignore", divide="ignore"):
        var = (x**2).T @ seen - total**2 / n
        r = (x.T @ x - total * total.T / n) / np.sqrt(var * var.T)
    pairs = np.argwhere(np.triu((n >= LEAST_COMMON) & (np.nan_to_num(r) > ALIKE), 1))
    twins = [(items[i], items[j]) for i, j in pairs]
    return Template("calibration.near_duplicate").about([items[k] for k in np.unique(pairs)], pairs=twins, limit=ALIKE)


def mean_shares(known: Known) -> Floats:
    """Return the mean points of the answers as a share of the maximum (I,), NaN without answers; of options the key counts."""
    points = np.arange(known.counts.shape[1]) / np.maximum(known.n_categories - 1, 1)[:, None]
    if known.options:
        points = np.where(np.array([bool(o) for o in known.options])[:, None], points == 1, points)
    n = known.counts.sum(axis=1)
    return np.asarray(np.where(n > 0, (known.counts * points).sum(axis=1) / np.maximum(n, 1), np.nan))


def _arrays(items: Items, known: Known, phi: Floats, full: Floats, held: Anchors | None) -> dict[str, Floats]:
    """Return slopes (I, D), intercepts (I, K), extras (I, E) and the covariance within items (I, D + K - 1 + E, same)."""
    I, K, D, n = len(known.ids), items.allowed.shape[1], known.loads.shape[1], items.n_slopes
    width = D + (beta := beta_of(items, phi)).shape[1] - n
    column = np.tile(np.arange(width) - (D - n), (I, 1))
    if n < D:  # one slope a row, which belongs to the dimension of the item
        column[:, :D] = np.where(known.loads, 0, -1)
    shifted = np.where(column >= 0, np.take_along_axis(beta, np.maximum(column, 0), axis=1), 0.0)
    place = np.where(column >= 0, np.take_along_axis(items.place, np.maximum(column, 0), axis=1), -1)
    e = np.where(items.allowed, np.concatenate([np.zeros((I, 1)), shifted[:, D : D + K - 1]], axis=1), np.nan)
    e[:, 0] = np.where(items.allowed[:, 0], 0.0, np.nan)
    within = np.zeros((I, width, width)) if held is None else held.covariance.copy()
    free = (place >= 0)[:, :, None] & (place >= 0)[:, None, :]
    within[free] = full[place[:, :, None], place[:, None, :]][free]
    extras = shifted[:, D + K - 1 :].copy()
    for i, (name, m) in enumerate(zip(known.families, known.n_categories, strict=True)):
        extras[i, len(FAMILIES[name].extras(int(m))) :] = np.nan
    extras[~np.isfinite(extras)] = np.nan
    return {"slopes": shifted[:, :D], "intercepts": e, "extras": extras, "covariance": within}


def unfinished(out: Calibration, likelihood: Marginal, found: Maximised, *, priors: bool, most: int) -> dict[str, Any]:
    """Return where the estimation stands and what may be the matter, the facts of the error; what was done is not advised."""
    beta = np.where(likelihood.items.free, beta_of(likelihood.items, found.phi), 0.0)
    twins = next((f.scope for f in out.findings if f.code == "calibration.near_duplicate"), ())
    pairs = "; ".join(", ".join(f.scope) for f in out.findings if f.code == "engine.inseparable")
    return {
        "iterations": found.iterations,
        "step": found.step,
        "smallest": found.information.smallest_eigenvalue,
        "twins": phrase("calibration.repeating_items", twins=twins) if twins else "",
        "pairs": phrase("calibration.inseparable", pairs=pairs) if pairs else "",
        "without": "" if priors else phrase("calibration.without_priors"),
        "short": phrase("calibration.short") if found.iterations >= most else "",
        "worst": [out.parameters.items[i] for i in sorted(np.argsort(-np.abs(beta).max(axis=1))[:3])],
    }


def digest_answers(codes: Codes, observed: Bools) -> str:
    """Return the digest of answers (P, I) of persons in whatever order; who answered nothing does not count."""
    rows = np.where(observed, codes.astype(np.int16) + 1, 0).astype(np.uint8)
    rows = np.ascontiguousarray(rows[rows.any(axis=1)])
    return digest_arrays(np.sort(rows.view(f"V{rows.shape[1]}").ravel()).view(np.uint8), np.array(rows.shape))
