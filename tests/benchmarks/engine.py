"""Rows about calibration at depth: families beside a peer, several competencies, sparse and large data, attribute profiles."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from memory import measured
from numpy.typing import NDArray
from scipy.special import expit

import competency_dx as cdx
from competency_dx.fit.residuals import Part, free_columns
from competency_dx.fit.whole_model import of_sums
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.persons import match
from competency_dx.responses import MissingPolicy

Codes = NDArray[np.int8]
InTurn = Callable[..., list[float]]


def graded_data(P: int = 5_000, I: int = 30, K: int = 5) -> Codes:
    """Return simulated graded answers (P, I) in K categories."""
    rng = np.random.default_rng(4)
    a, b = rng.lognormal(0.2, 0.3, I), np.sort(rng.normal(0, 1.2, (I, K - 1)), axis=1)
    star = expit(a[:, None] * (rng.normal(size=(P, 1, 1)) - b))
    return np.asarray((rng.random((P, I, 1)) < star).sum(axis=2), dtype=np.int8)


def guessing_data(P: int = 5_000, I: int = 40) -> Codes:
    """Return simulated 3PL answers (P, I), c around .2."""
    rng = np.random.default_rng(5)
    a, b, c = rng.lognormal(0.2, 0.3, I), rng.normal(size=I), rng.uniform(0.1, 0.3, I)
    prob = c + (1 - c) * expit(a * (rng.normal(size=(P, 1)) - b))
    return (rng.random((P, I)) < prob).astype(np.int8)


def competency_data(P: int, D: int, per: int, correlation: float = 0.6) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return simulated 2PL answers to `per` items of each of D competencies, and the competency of each item."""
    rng = np.random.default_rng(6)
    sigma = np.full((D, D), correlation) + (1 - correlation) * np.eye(D)
    theta, at = rng.multivariate_normal(np.zeros(D), sigma, P, method="cholesky"), np.repeat(np.arange(D), per)
    a, d = rng.lognormal(0.1, 0.3, D * per), rng.normal(size=D * per)
    codes = (rng.random((P, D * per)) < expit(a * theta[:, at] + d)).astype(np.int8)
    names = [f"q{k}" for k in range(D * per)]
    return pd.DataFrame(codes, columns=names), {name: f"c{k}" for name, k in zip(names, at, strict=True)}


def families(in_turn: InTurn) -> list[str]:
    """Return rows for GRM and 3PL beside PyPI mirt."""
    return [_beside("GRM", graded_data(), None, in_turn), _beside("3PL", guessing_data(), "weak", in_turn)]


def _beside(model: Literal["GRM", "3PL"], data: Codes, priors: str | None, in_turn: InTurn) -> str:
    import mirt

    kept: dict[str, float] = {}

    def ours() -> None:
        kept["ours"] = cdx.calibrate(data, model=model, priors=priors).log_likelihood

    def peer() -> None:
        found = mirt.fit_mirt(data.astype(np.int64), model=model, compute_standard_errors=True)
        kept["peer"] = found.log_likelihood

    a, b = in_turn(ours, peer, runs=5)
    shape = " × ".join(f"{n:,}" for n in data.shape)
    how = "maximum likelihood" if priors is None else "weak priors"
    return (
        f"| {model} {shape} with SE, {how} | {a:.2f} s | log-likelihood {kept['ours']:.1f}; PyPI mirt {version('mirt')} "
        f"{b:.2f} s, {kept['peer']:.1f}: **{b / a:.1f} times** our time |"
    )


def em_beside_products(data: Codes, in_turn: InTurn) -> list[str]:
    """Return the row comparing EM with the bare matrix products of its E-steps."""
    from competency_dx.kernels.blocks import one_blas_thread

    Z = data.astype(np.float64)
    log_prob, theta = np.random.default_rng(1).normal(size=(Z.shape[1], 61)), np.zeros(61)
    steps = 0

    def count(iteration: int, log_likelihood: float, change: float) -> None:
        nonlocal steps
        steps = iteration

    def ours() -> None:
        cdx.calibrate(data, model="2PL", priors=None, method=cdx.MarginalML(progress=count))

    def products() -> None:
        with one_blas_thread():
            for _ in range(steps):
                joint = Z @ log_prob + theta
                Z.T @ joint

    a, b = in_turn(ours, products, runs=3)
    return [
        f"| 2PL 20,000 × 60, everything, beside the bare products of its {steps} E-steps | {a:.2f} s | "
        f"{a / b:.1f} times Z @ log P and Zᵀ @ W in double precision on 61 points ({b:.2f} s) |"
    ]


def competencies(in_turn: InTurn, reference: Path) -> list[str]:
    """Return rows for correlated competencies by expectation propagation."""
    data, of = competency_data(2_000, 8, 8)
    kept: dict[str, Any] = {}

    def eight() -> None:
        kept["eight"] = cdx.calibrate(data, model="2PL", dimensions=of, priors=None)

    (taken,) = in_turn(eight, runs=3)
    r = kept["eight"].population.covariance[np.triu_indices(8, 1)]
    rows = [
        f"| eight competencies, 2,000 × 64, with SE | {taken:.2f} s | mean correlation {r.mean():.3f} (true .6); "
        "R mirt 1.47 on like data: 67 s QMCEM, 107 s MHRM |"
    ]
    if (reference / "between6.json").exists():
        rows.append(_six(in_turn, reference))
    if (reference / "data" / "timss07_g8_rus").is_dir():
        rows.append(_timss_competencies(in_turn, reference / "data" / "timss07_g8_rus"))
    return rows


def _six(in_turn: InTurn, reference: Path) -> str:
    items = pd.DataFrame(json.loads((reference / "between6.json").read_text(encoding="utf-8"))["items"])
    table = pd.read_csv(reference / "data" / "between6.csv.gz")[list(items["item"])]
    of = dict(zip(items["item"], items["dimension"].astype(str), strict=True))
    kept: dict[str, Any] = {}

    def six() -> None:
        kept["six"] = cdx.calibrate(table, model="2PL", dimensions=of, priors=None)

    (taken,) = in_turn(six, runs=3)
    rms = float(np.sqrt(np.mean((kept["six"].parameters.slope - items["a_qmcem"]) ** 2)))
    return (
        f"| between6: six competencies, 3,000 × 60, with SE | {taken:.2f} s | log-likelihood "
        f"{kept['six'].log_likelihood:.1f}, slopes {rms:.4f} RMS from R mirt 1.47 QMCEM (67.5 s, -102185.0); PyPI mirt 336 s |"
    )


def _timss_competencies(in_turn: InTurn, folder: Path) -> str:
    items = pd.read_csv(folder / "items.csv").set_index("item")
    table = pd.read_csv(folder / "responses_scored.csv.gz", index_col="idstud")
    table = table.loc[:, (table.nunique() > 1) & table.columns.isin(items.index)]
    of = {item: str(items.loc[item, "content"]) for item in table.columns}
    kept: dict[str, Any] = {}

    def eight() -> None:
        kept["found"] = cdx.calibrate(table, model="GPCM", dimensions=of)

    (taken,) = in_turn(eight, runs=3)
    r = kept["found"].population.covariance[np.triu_indices(len(set(of.values())), 1)]
    return (
        f"| TIMSS 2007 grade 8 Russia: {len(set(of.values()))} competencies, {table.shape[0]} × {table.shape[1]}, with SE | "
        f"{taken:.2f} s | correlations {r.min():.2f} to {r.max():.2f} |"
    )


SPARSE_PROGRAM = """
from memory import peak
import json, time, warnings
import numpy as np
from scipy.special import expit
warnings.simplefilter("ignore")
import competency_dx as cdx
import competency_dx.calibration
rng = np.random.default_rng(7)
P, I, form = 20_000, 500, 30
a, d = rng.lognormal(0, 0.3, I), rng.normal(size=I)
theta = rng.normal(size=P)
X = np.full((P, I), np.nan)
for p in range(P):
    chosen = rng.choice(I, form, replace=False)
    X[p, chosen] = rng.random(form) < expit(a[chosen] * theta[p] + d[chosen])
responses = cdx.load_responses(X)
del X
cdx.calibrate(responses.select(persons=responses.persons[:500]))
before = peak()
start = time.perf_counter()
found = cdx.calibrate(responses)
taken = time.perf_counter() - start
highest = peak()
ratio = float((found.parameters.slope / a).mean())
print(json.dumps({"taken": taken, "beyond": highest - before, "peak": highest, "ratio": ratio}))
"""

LARGE_PROGRAM = """
from memory import peak
import json, sys, time, warnings
import numpy as np
from scipy.special import expit
warnings.simplefilter("ignore")
import competency_dx as cdx
import competency_dx.calibration
P, I = int(sys.argv[1]), 60
rng = np.random.default_rng(8)
a, b = rng.lognormal(0, 0.3, I), rng.normal(size=I)
X = np.empty((P, I), dtype=np.int8)
for start in range(0, P, 50_000):
    n = min(50_000, P - start)
    theta = rng.normal(size=n)[:, None]
    X[start:start + n] = rng.random((n, I), dtype=np.float32) < expit(a * (theta - b))
start = time.perf_counter()
found = cdx.calibrate(X, priors=None)
taken = time.perf_counter() - start
highest = peak()
print(json.dumps({"taken": taken, "peak": highest, "ratio": float((found.parameters.slope / a).mean())}))
"""


def sizes() -> list[str]:
    """Return rows for sparse and for large data."""
    sparse = measured(SPARSE_PROGRAM)
    small, large = measured(LARGE_PROGRAM, "100000"), measured(LARGE_PROGRAM, "1000000")
    return [
        f"| 20,000 × 500, 6 % observed, 2PL with SE | {sparse['taken']:.2f} s | peak {sparse['peak']:.0f} MB, "
        f"{sparse['beyond']:.0f} MB beyond the responses; mean ratio of slopes to the truth {sparse['ratio']:.3f}; "
        "PyPI mirt 1.2.0 6.3 s on like data |",
        f"| 2PL 100,000 × 60 with SE | {small['taken']:.2f} s | peak {small['peak']:.0f} MB with the input |",
        f"| 2PL 1,000,000 × 60 with SE | {large['taken']:.1f} s | {large['taken'] / small['taken']:.1f} times the time of a "
        f"tenth, peak {large['peak']:.0f} MB with the input |",
    ]


def differences() -> list[str]:
    """Return the row of items that differ between two groups, by all tests."""
    rng = np.random.default_rng(9)
    a, b, group = rng.lognormal(0.1, 0.3, 60), rng.normal(size=60), np.repeat([0, 1], 1_000)
    harder = 0.64 / a * np.isin(np.arange(60), (3, 23, 43)) * group[:, None]
    answers = (rng.random((2_000, 60)) < expit(a * (rng.normal(size=(2_000, 1)) - 0.5 * group[:, None] - b - harder))).astype(np.int8)
    taken = []
    for _ in range(3):
        before = time.process_time()
        found = cdx.check_dif(answers, group.tolist(), model="2PL")
        taken.append(time.process_time() - before)
    named = [item for item, letters in zip(found.items, found.ets, strict=True) if (letters > "A").any()]
    head = "`check_dif`, 2 × 1,000 persons, 60 items, by four tests, CPU"
    return [f"| {head} | {np.median(taken):.1f} s | three items differ; named {', '.join(named)} |"]


def profiles(in_turn: InTurn, reference: Path) -> list[str]:
    """Return rows for diagnostic classification models."""
    rows = []
    if (reference / "data" / "ecpe.csv").exists():
        table, q = pd.read_csv(reference / "data" / "ecpe.csv"), pd.read_csv(reference / "data" / "ecpe_q.csv")
        q.index = table.columns
        (taken,) = in_turn(lambda: cdx.calibrate(table, model="GDINA", dimensions=q))
        rows.append(f"| G-DINA, ECPE 2,922 × 28, 3 attributes, with SE | {taken:.2f} s | |")
    for model, A, I in (("DINA", 8, 40), ("GDINA", 10, 50)):
        data, frame = profile_data(model, A, I)
        (taken,) = in_turn(lambda model=model, data=data, frame=frame: cdx.calibrate(data, model=model, dimensions=frame), runs=3)
        note = "; R GDINA 2.11.0 11.3 s on like data" if model == "GDINA" else ""
        rows.append(f"| {model} 1,000 × {I}, {A} attributes, with SE | {taken:.2f} s | {2**A} profiles{note} |")
    return rows


def profile_data(model: str, A: int, I: int, P: int = 1_000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return simulated answers and the Q-matrix: every attribute alone first, then pairs at random."""
    rng = np.random.default_rng(9)
    q = np.zeros((I, A), dtype=int)
    q[np.arange(I), np.arange(I) % A] = 1
    q[np.arange(2 * A, I), rng.integers(0, A, I - 2 * A)] = 1
    mastery = (rng.normal(size=(P, 1)) * 0.7 + rng.normal(size=(P, A)) * 0.7 > 0).astype(int)
    share = (mastery @ q.T) / q.sum(axis=1)
    share = (share == 1).astype(float) if model == "DINA" else share
    names = [f"q{k}" for k in range(I)]
    answers = (rng.random((P, I)) < 0.15 + 0.7 * share).astype(int)
    return pd.DataFrame(answers, columns=names), pd.DataFrame(q, index=names, columns=[f"A{k + 1}" for k in range(A)])


def one_person_forty(in_turn: InTurn) -> list[str]:
    """Return the row for one person with 40 items in a warm process."""
    rng = np.random.default_rng(10)
    data = pd.DataFrame((rng.random((800, 40)) < expit(rng.normal(size=(800, 1)))).astype(int), columns=[f"q{k}" for k in range(40)])
    calibration, responses = cdx.calibrate(data), cdx.load_responses(data)
    one = responses.select(persons=[responses.persons[7]])
    asked = {name: int(x) for name, x in data.iloc[7].items()}
    a, b = in_turn(lambda: cdx.score(one, calibration), lambda: cdx.score(asked, calibration), runs=201)
    return [f"| one person, 40 items, `score` in a warm process | {a * 1e3:.2f} ms | {b * 1e3:.2f} ms from a dictionary of points |"]


def links(in_turn: InTurn) -> list[str]:
    """Return the rows for a link of two calibrations and for a table of equivalent points."""
    rng = np.random.default_rng(11)
    a, b = rng.uniform(0.7, 1.8, 60), rng.normal(size=60)
    forms = [slice(0, 50), slice(10, 60)]
    ids = [[f"q{k}" for k in range(60)[form]] for form in forms]
    answers = [
        (rng.random((2_000, 50)) < expit(a[f] * (rng.normal(m, 1, (2_000, 1)) - b[f]))).astype(int)
        for f, m in zip(forms, (0, 0.5), strict=True)
    ]
    old, new = (cdx.calibrate(pd.DataFrame(x, columns=names)) for x, names in zip(answers, ids, strict=True))
    curves, means, table = in_turn(
        lambda: cdx.link(new, old),
        lambda: cdx.link(new, old, method=cdx.linking.MeanSigma()),
        lambda: cdx.linking.equate(new, old, scores="observed"),
    )
    error = cdx.link(new, old).error
    return [
        f"| link of two calibrations, 40 common items, errors and effects of items | {curves:.2f} s | by mean and sigma {means:.2f} s; "
        f"error of the mean {error:.3f} |",
        f"| equivalent points of two forms of 50 items by observed scores, with errors | {table:.2f} s | |",
    ]


def fit() -> list[str]:
    """Return a row for S-X² of 60 items and 5,000 persons, in seconds of CPU, and for the whole check beside it."""
    rng = np.random.default_rng(1)
    a, b, theta = rng.lognormal(0, 0.3, 60), rng.normal(size=60), rng.normal(size=5_000)
    x = (rng.random((5_000, 60)) < 1 / (1 + np.exp(-a * (theta[:, None] - b)))).astype(np.int8)
    responses = cdx.load_responses(x)
    calibration = cdx.calibrate(responses)
    known = calibration.parameters
    part = Part.of(np.arange(5_000), match(responses, known, MissingPolicy()), known)
    free = [len(columns) for columns in free_columns(calibration, known)]

    def cpu(action: Callable[[], object]) -> float:
        start = time.process_time()
        action()
        return time.process_time() - start

    with one_blas_thread():
        sums = statistics.median(cpu(lambda: of_sums(part, free)) for _ in range(3))
    whole = statistics.median(cpu(lambda: cdx.check_fit(responses, calibration, tried=0)) for _ in range(3))
    return [f"| S-X² of 60 items, 5,000 persons | {sums:.2f} s CPU | all of `check_fit` {whole:.1f} s, with every pair of persons |"]
