"""Figures of the study of diagnosis: what is decided, how often wrongly, and whether probabilities and intervals come true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recovery_study.diagnosis_run import Said
from recovery_study.diagnosis_truth import CUT, Floats

Bools = NDArray[np.bool_]
SURE = 0.8
LEAST_ITEMS = 3
BINS = 10
GROUPS = 10  # of replicates, for the Monte-Carlo error
LEVELS = {"leaves": 3, "clusters": 2, "total": 1}
CONFIRMED, INSUFFICIENT = 0, 4


class Figure(NamedTuple):
    """A number and its Monte-Carlo error."""

    value: float
    error: float


def figures(entries: Said) -> Mapping[str, Figure]:
    """Return the figures, their errors by leaving out a tenth of the replicates at a time."""
    group = entries.replicate % GROUPS
    n = int(group.max()) + 1
    left = [_figures(entries.where(group != k)) for k in range(n)] if n > 1 else []
    return {
        name: Figure(x, float(np.sqrt((n - 1) / n * sum((one[name] - x) ** 2 for one in left))) if left else np.nan)
        for name, x in _figures(entries).items()
    }


def _figures(entries: Said) -> dict[str, float]:
    domains = entries.where((entries.level == LEVELS["leaves"]) & (entries.n_items >= LEAST_ITEMS))
    deficit = domains.truth < CUT
    decided, error = _decided(domains.p, deficit)
    separate, separate_error = _decided(domains.separate, deficit)
    confirmed = entries.where(entries.state == CONFIRMED)
    out = {
        "reported": float((domains.state != INSUFFICIENT).mean()),
        "decided": decided,
        "error": error,
        "separate": separate,
        "separate_error": separate_error,
        "at_equal": decided_at(domains.p, deficit, separate_error),
        "confirmed": float((domains.state == CONFIRMED).mean()),
        "false": float((confirmed.truth >= CUT).mean()),
        "stated": float((1 - confirmed.p).mean()),
    }
    out["excess"] = out["false"] - out["stated"]
    for name, level in LEVELS.items():
        own = entries.where(entries.level == level)
        out[f"ece_{name}"] = calibration_error(own.p, own.truth < CUT)
        out[f"coverage_{name}"] = float(((own.low <= own.truth) & (own.truth <= own.high)).mean())
        out[f"bias_{name}"] = float((own.percent - own.truth).mean()) / 100
    return out


def _decided(p: Floats, deficit: Bools) -> tuple[float, float]:
    """Return the share with P(deficit) of at least .8 or at most .2, and the share of these that are wrong."""
    sure = np.maximum(p, 1 - p) >= SURE
    return float(sure.mean()), float(((p > 0.5) != deficit)[sure].mean())


def decided_at(p: Floats, deficit: Bools, error: float) -> float:
    """Return the largest share that can be decided, the surest first, with this share of errors."""
    order = np.argsort(-np.maximum(p, 1 - p), kind="stable")
    wrong = np.cumsum(((p > 0.5) != deficit)[order]) / np.arange(1, len(p) + 1)
    enough = np.flatnonzero(wrong <= error)
    return float(enough.max() + 1) / len(p) if enough.size else 0.0


def calibration_error(p: Floats, deficit: Bools) -> float:
    """Return the mean distance of stated and true frequencies over ten bins of P, weighted by their size (ECE)."""
    of = np.minimum((p * BINS).astype(int), BINS - 1)
    gap = np.bincount(of, p, BINS) - np.bincount(of, deficit, BINS)
    return float(np.abs(gap).sum() / len(p))
