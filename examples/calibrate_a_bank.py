"""A researcher calibrates a new bank: five competencies, three booklets, two regions: ``python calibrate_a_bank.py [FOLDER]``.

Answers are simulated, so that every estimate can be held against the truth. With a folder the calibration and the reliability of
the first competency are written there as pages.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import competency_dx as cdx
from competency_dx.models import NormalPopulation

COMPETENCIES = ("planning", "assessment", "inclusion", "digital", "subject")
PER_COMPETENCY = 12
PERSONS = 500  # in each region
SHIFT, SPREAD = 0.3, 1.2  # mean and SD of the second region; the first has 0 and 1


def true_bank(rng: np.random.Generator) -> cdx.ItemParameters:
    """Return twelve items a competency, two of them with up to two points, and competencies that correlate by .6."""
    I, D = PER_COMPETENCY * len(COMPETENCIES), len(COMPETENCIES)
    of = np.repeat(np.arange(D), PER_COMPETENCY)
    categories = np.where(np.arange(I) % PER_COMPETENCY < 2, 3, 2)
    slopes = np.zeros((I, D))
    slopes[np.arange(I), of] = rng.uniform(0.8, 1.8, I)
    d = np.sort(rng.normal(size=(I, 2)))[:, ::-1]
    intercepts = np.stack([np.zeros(I), d[:, 0], np.where(categories == 3, d.sum(axis=1), np.nan)], axis=1)
    return cdx.ItemParameters(
        items=tuple(f"{COMPETENCIES[k][:3].upper()}-{j + 1:02d}" for k in range(D) for j in range(PER_COMPETENCY)),
        families=tuple(np.where(categories == 3, "GPCM", "2PL").tolist()),
        statuses=("calibrated",) * I,
        n_categories=categories,
        slopes=slopes,
        intercepts=intercepts,
        extras=np.zeros((I, 0)),
        covariance=np.zeros((I, D + 2, D + 2)),
        population=NormalPopulation(dimensions=COMPETENCIES, mean=np.zeros(D), covariance=0.6 * np.ones((D, D)) + 0.4 * np.eye(D)),
    )


def answers_of(truth: cdx.ItemParameters, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the table an analyst would have, two of three blocks of items for each person, and the abilities (P, D)."""
    region = np.repeat(["north", "south"], PERSONS)
    south = (region == "south")[:, None]
    draws = rng.multivariate_normal(truth.population.mean, truth.population.covariance, size=2 * PERSONS, method="cholesky")
    theta = np.where(south, SHIFT + SPREAD * draws, draws)
    table = cdx.simulate(truth, theta, rng=rng).to_frame()
    booklet, block = np.arange(len(table)) % 3, np.arange(len(truth.items)) % 3
    table[list(truth.items)] = table[list(truth.items)].mask(booklet[:, None] == block)
    table.insert(1, "region", region)
    return table, theta


def main(folder: Path | None) -> None:
    """Calibrate together, ask girth for a second opinion on each competency, look at reliability and scores."""
    rng = np.random.default_rng(5)
    truth = true_bank(rng)
    table, theta = answers_of(truth, rng)
    responses = cdx.load_responses(table, layout=cdx.Layout(cells="scored"))
    dimensions = {item: COMPETENCIES[k] for item, k in zip(truth.items, truth.dimension_index, strict=True)}
    print(responses)

    regions = cdx.MarginalML(population=cdx.calibration.Population(by="region"))
    calibration = cdx.calibrate(responses, model="GPCM", dimensions=dimensions, method=regions)
    print(f"\n{calibration}\n")
    print(calibration.population_frame().head(15).round(2).to_string(index=False))
    error = calibration.parameters.slope - truth.slope
    print(f"\nslopes: bias {error.mean():+.3f}, RMSE {np.sqrt((error**2).mean()):.3f} against the truth")

    print("\nEach competency alone, in the region of reference, and girth's opinion of it:")
    north = responses.select(persons=responses.persons[:PERSONS])
    for name in COMPETENCIES:
        own = north.select(items=[item for item in truth.items if dimensions[item] == name])
        alone = cdx.calibrate(own, model="GPCM", priors=None)
        check, precision = cdx.quality.cross_check(alone, own), cdx.reliability(alone, responses=own)
        far = np.nanmax(np.abs(check.in_se[check.judged]))
        print(
            f"{name:11} girth {check.verdict}, at most {far:.2f} SE apart; reliability of all twelve items "
            f"{precision.posterior:.2f}, of the eight that each person took {precision.empirical_eap:.2f}"
        )
        if folder is not None and name == COMPETENCIES[0]:
            cdx.report(precision, folder / f"reliability_{name}.html", language="en")

    print("\nTogether the competencies lend one another strength:")
    scores = cdx.score(responses, calibration)
    for k, name in enumerate(COMPETENCIES):
        gap = np.sqrt(np.mean((scores.theta[:, k] - theta[:, k]) ** 2))
        print(f"{name:11} reliability {scores.reliability[k]:.2f}, RMSE of θ {gap:.2f}, mean SE {scores.se[:, k].mean():.2f}")
    if folder is not None:
        print("\nOpen in a browser:", cdx.report(calibration, folder / "calibration.html", language="en"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
