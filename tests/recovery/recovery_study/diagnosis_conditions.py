"""The rows of the study of diagnosis and the goals they are held against."""

from __future__ import annotations

from collections.abc import Mapping

from competency_dx.responses import MissingPolicy
from recovery_study.diagnosis_run import Condition, Kind
from recovery_study.diagnosis_truth import as_stated, equal, two_clusters

Bounds = Mapping[str, tuple[float, float]]
INF = float("inf")
COVERED = {f"coverage_{name}": (0.93, 0.97) for name in ("leaves", "clusters", "total")}
CALIBRATED = {f"ece_{name}": (0.0, 0.02) for name in ("leaves", "clusters", "total")}
REPORTED = {"reported": (0.90, 1.0)}
GOALS: Mapping[Kind, Bounds] = {
    "right": {**CALIBRATED, **REPORTED},
    "wrong": {**COVERED, "excess": (-INF, 0.03)},
    "cohort": {**CALIBRATED, **dict.fromkeys(COVERED, (0.93, 1.0))},
    "omissions": {"excess": (-INF, 0.03), **{f"bias_{name}": (-0.02, 0.02) for name in ("leaves", "clusters", "total")}},
    "contrast": {},
}
DECISIONS: Mapping[str, Bounds] = {
    "48 items": {"decided": (0.66, 1.0), "error": (0.0, 0.06), "at_equal": (0.75, 1.0)},
    "form of 32": {"decided": (0.60, 1.0), "error": (0.0, 0.07), "at_equal": (0.75, 1.0)},
    "48 items, calibrated": {"at_equal": (0.80, 1.0)},
    "form of 32, calibrated": {"at_equal": (0.80, 1.0)},
}
CONDITIONS = (
    Condition(label="48 items"),
    Condition(label="form of 32", form="A"),
    Condition(label="48 items, calibrated", items="calibrated"),
    Condition(label="form of 32, calibrated", items="calibrated", form="A"),
    Condition(label="population drawn as the banks state it", correlate=as_stated, mean_se=0.1),
    Condition(label="correlations .5", kind="wrong", correlate=equal(0.5)),
    Condition(label="correlations .95", kind="wrong", correlate=equal(0.95)),
    Condition(label="correlations .5, `Cohort()`", kind="wrong", correlate=equal(0.5), cohort=True),
    Condition(label="correlations .95, `Cohort()`", kind="wrong", correlate=equal(0.95), cohort=True),
    Condition(label="two clusters, .8 and .4", kind="wrong", correlate=two_clusters(0.8, 0.4)),
    Condition(label="slopes lognormal", kind="wrong", slopes="lognormal"),
    Condition(label="guessing .25, items with options", kind="wrong", guessing="options"),
    Condition(label="guessing .25, all dichotomous items", kind="wrong", guessing="all"),
    Condition(label="mean -1, SD 1.5, `Cohort()`", kind="cohort", mean=-1.0, sd=1.5, cohort=True),
    Condition(label="mean -1, SD 1.5, the bank's population", kind="contrast", mean=-1.0, sd=1.5),
    Condition(label="15 % omitted, modelled", kind="omissions", omissions=True, missing=MissingPolicy(omitted="modelled")),
    Condition(label="15 % omitted, wrong", kind="contrast", omissions=True),
    Condition(label="15 % omitted, left out", kind="contrast", omissions=True, missing=MissingPolicy(omitted="ignore")),
)
