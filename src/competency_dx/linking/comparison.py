"""`compare_links`: one link by several methods, by concurrent and by fixed-parameter calibration, as one table."""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Floats
from competency_dx.calibration import Calibration, MarginalML, Population, calibrate
from competency_dx.linking.api import link
from competency_dx.linking.choices import Haebara, LinkMethod, MeanMean, MeanSigma, StockingLord, tied
from competency_dx.models import NormalPopulation
from competency_dx.responses import Layout, Responses, load_responses
from competency_dx.result import DataFrame, frame

METHODS: tuple[LinkMethod, ...] = (StockingLord(), Haebara(), MeanSigma(), MeanMean())
REACH = np.array([-2.0, 2.0])  # population SDs


def compare_links(
    new: Calibration, old: Calibration, *, responses: tuple[Responses, Responses] | None = None, without: tuple[str, ...] = ()
) -> DataFrame:
    """Link by the four methods and, given the answers, by calibrating both samples together and the new one with old parameters.

    Parameters
    ----------
    new, old : Calibration
        Of one competency.
    responses : pair of Responses, optional
        The answers that `new` and `old` were calibrated on.
    without : tuple of str
        Common items not to link by.

    Returns
    -------
    pandas.DataFrame
        One row per method: method, slope, intercept and mean, the linked mean of the new population, each with se_, and apart: how
        far it is from the first method, at most, within two SDs of the new population. The errors of ``fixed`` take the old
        parameters for certain.
    """
    links = [link(new, old, method=m, without=without) for m in METHODS]
    rows = {x.method: (np.array([x.slope, x.intercept]), x.covariance) for x in links}
    if responses is not None:
        rows |= _calibrated(new, old, responses, without)
    constants, covariance = (np.stack(column) for column in zip(*rows.values(), strict=True))
    at = np.array([new.parameters.mean, 1.0])
    ends = constants @ np.stack([at[0] + REACH * np.sqrt(new.parameters.variance), np.ones(2)])
    errors = np.sqrt(np.einsum("mkk->mk", covariance))
    return frame(
        method=list(rows), slope=constants[:, 0], se_slope=errors[:, 0], intercept=constants[:, 1], se_intercept=errors[:, 1],
        mean=constants @ at, se_mean=np.sqrt(at @ covariance @ at), apart=np.abs(ends - ends[0]).max(axis=1),
    )  # fmt: skip


def _calibrated(
    new: Calibration, old: Calibration, responses: tuple[Responses, Responses], without: tuple[str, ...]
) -> dict[str, tuple[Floats, Floats]]:
    """Return the constants and their covariance by concurrent and by fixed-parameter calibration.

    The new population has mean and SD on both scales: these tell the constants. Items that are not to link get a second name.
    """
    import pandas as pd

    apart = {i: f"{i} *" for i in without}
    model = {apart.get(i, i): f for i, f in zip(new.parameters.items, new.parameters.families, strict=True)}
    model |= dict(zip(old.parameters.items, old.parameters.families, strict=True))
    tables = [r.to_table().rename(columns=names) for r, names in zip(responses, (apart, {}), strict=True)]
    wave = [w for w, table in zip(("new", "old"), tables, strict=True) for _ in table.index]
    table = pd.concat(tables).assign(person=lambda t: [f"{w} {p}" for w, p in zip(wave, t["person"], strict=True)])
    layout = Layout(person="person", items=tuple(model), cells="scored", missing_tokens={"": "not_administered"})
    data = load_responses(table, layout=layout)
    both = MarginalML(population=Population(by=wave, reference="old"))
    alone = data.select([apart.get(i, i) for i in responses[0].items], data.persons[: wave.count("new")])
    priors = "weak" if new.penalised else None
    concurrent = calibrate(data, model=model, priors=priors, method=both)
    fixed = calibrate(alone, model={i: model[i] for i in alone.items}, priors=priors, anchors=old)
    return {"concurrent": _constants(new, concurrent, 1, old.population), "fixed": _constants(new, fixed, 0, fixed.population)}


def _constants(new: Calibration, found: Calibration, group: int, reference: NormalPopulation) -> tuple[Floats, Floats]:
    """Return A and B from the new population in another calibration, whose own one is `reference` on the old scale."""
    start, there = found.population, found.populations[group]
    here, fixed = new.parameters, tied(new.parameters)
    unit = 1.0 if fixed else float(np.sqrt(reference.covariance[0, 0] / start.covariance[0, 0]))
    V = float(there.covariance[0, 0])
    A = 1.0 if fixed else unit * float(np.sqrt(V / here.variance))
    table = found.table
    own = [np.flatnonzero(table.is_kind(kind) & np.isin(table.group, (group, -1)))[0] for kind in ("mean", "variance")]
    change = np.array([[0.0, 0.0 if fixed else A / (2 * V)], [unit, 0.0]])
    change[1] -= here.mean * change[0]
    mean = float(reference.mean[0] + unit * (there.mean[0] - start.mean[0]))
    return np.array([A, mean - A * here.mean]), change @ found.covariance[np.ix_(own, own)] @ change.T
