"""Severity of experts beside the package raschpy: rows of the page of benchmarks.

Both start from the same rows, one a mark; raschpy asks for a table of works and experts by criteria, which pandas makes of them.
Both give severities with standard errors, persons and the fit of experts. They estimate in different ways: raschpy by a composite
likelihood of pairs in which the person cancels, here by marginal maximum likelihood.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pandas as pd

from competency_dx.raters import Facets, calibrate_raters, load_ratings

STEPS = np.array([-1.2, 0.0, 1.2])


def protocol(marked: int, works: int = 2000, criteria: int = 5, experts: int = 40) -> tuple[pd.DataFrame, np.ndarray]:
    """Return marks of works that so many experts marked, and the severities."""
    rng = np.random.default_rng(1)
    theta, severity, place = rng.normal(0, 1.2, works), rng.normal(0, 0.6, experts), rng.normal(0, 0.5, criteria)
    expert = np.stack([rng.choice(experts, marked, replace=False) for _ in range(works)])
    odds = theta[:, None, None, None] - place[:, None] - STEPS - severity[expert][:, :, None, None]
    p = np.exp(np.concatenate([np.zeros((*odds.shape[:3], 1)), np.cumsum(odds, axis=3)], axis=3))
    marks = (np.cumsum(p / p.sum(axis=3, keepdims=True), axis=3) < rng.random((*p.shape[:3], 1))).sum(axis=3)
    work, turn, criterion = (x.ravel() for x in np.indices(marks.shape))
    names = {"person": work, "criterion": criterion, "expert": expert[work, turn], "mark": marks.ravel()}
    return pd.DataFrame(names), severity - severity.mean()


def experts_beside_peer(in_turn: Callable[..., list[float]]) -> list[str]:
    """Return rows for 2,000 works × 5 criteria × 40 experts, of which two marked each work, and all of them."""
    from raschpy.mfrm import MFRM

    rows, every = [], pd.MultiIndex.from_product([range(40), range(2000)], names=["Rater", "Person"])
    for marked, name in ((2, "two experts a work"), (40, "all of them")):
        table, severity = protocol(marked)
        found: dict[str, np.ndarray] = {}

        def ours(table: pd.DataFrame = table, found: dict[str, np.ndarray] = found) -> None:
            found["ours"] = calibrate_raters(load_ratings(table), facets=Facets(model="RSM")).severity

        def peer(table: pd.DataFrame = table, found: dict[str, np.ndarray] = found) -> None:
            wide = table.set_index(["expert", "person", "criterion"])["mark"].unstack().reindex(every)
            model = MFRM(wide, max_score=3)
            model.calibrate("global")
            model.std_errors("global")
            model.person_estimates("global")
            model.rater_stats_df("global")
            found["peer"] = np.asarray(model.raters_global)

        a, b = in_turn(ours, peer)
        errors = [f"{np.sqrt(np.mean((found[who] - found[who].mean() - severity) ** 2)):.4f}" for who in ("ours", "peer")]
        rows.append(
            f"| 2,000 works × 5 criteria × 40 experts, {name}, `calibrate_raters` | {a:.2f} s | RMSE of severities {errors[0]}; "
            f"PyPI raschpy {version('raschpy')} {b:.2f} s, {errors[1]}: **{b / a:.1f} times** our time |"
        )
    return rows
