"""TIMSS 2007: partial credit against R TAM, three domains that the data do not tell apart; eight at once is an example."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import log_expit, logsumexp, softmax

import competency_dx as cdx
from competency_dx.errors import ConvergenceError

SharedFile = Callable[[str], Path]
Results = Callable[[str], dict[str, Any]]
Table = Callable[[str], pd.DataFrame]
Quiet = Callable[[], AbstractContextManager[None]]
Floats = NDArray[np.float64]
MATHEMATICS = ("Number", "Algebra", "Geometry", "Data and Chance")


class Russia(NamedTuple):
    """Scores of 4472 pupils of grade 8 on the items with more than one score, and each item's content domain."""

    scores: pd.DataFrame
    domain: dict[str, str]


@pytest.fixture(scope="module")
def russia(shared: SharedFile) -> Russia:
    folder = shared("data/timss07_g8_rus")
    items = pd.read_csv(folder / "items.csv").set_index("item")["content"]
    table = pd.read_csv(folder / "responses_scored.csv.gz")
    scores = table[list(items.index)].set_axis(table["idstud"].astype(str), axis=0)
    varied = scores.loc[:, scores.nunique() > 1]
    return Russia(varied, {str(i): str(items[i]) for i in varied.columns})


# ---------------------------------------------------------------- mathematics, partial credit, R TAM


@pytest.fixture(scope="module")
def mathematics(russia: Russia) -> pd.DataFrame:
    return russia.scores[[item for item, domain in russia.domain.items() if domain in MATHEMATICS]]


@pytest.fixture(scope="module")
def partial_credit(mathematics: pd.DataFrame) -> cdx.Calibration:
    return cdx.calibrate(mathematics, model="PCM", priors=None)


class Steps(NamedTuple):
    """Step difficulties and their standard errors beside TAM's, (236,)."""

    ours: Floats
    se: Floats
    theirs: Floats
    their_se: Floats


@pytest.fixture(scope="module")
def steps(partial_credit: cdx.Calibration, results: Results) -> Steps:
    """TAM's xsi is named item_Catk: the difficulty of the step from k - 1 to k points."""
    frame = partial_credit.to_frame().set_index("item")
    found = results("timss07_g8_rus_math")["tam_PCM"]["xsi"]
    ours, se = [], []
    for name in found["par"]:
        item, k = name.rsplit("_Cat", 1)
        column = "b" if np.isfinite(frame.loc[item, "b"]) else f"b{k}"
        ours.append(frame.loc[item, column])
        se.append(frame.loc[item, f"se_{column}"])
    return Steps(*(np.array(x, dtype=float) for x in (ours, se, found["xsi"], found["se"])))


def test_step_difficulties_agree_with_tam(steps: Steps, partial_credit: cdx.Calibration) -> None:
    """All 236 within 1e-3 and .006 SE; TAM (4.4-2, 21 nodes) lies 2e-4 lower on the whole."""
    assert len(steps.ours) == 236 == partial_credit.n_parameters - 1
    off = steps.ours - steps.theirs
    assert np.abs(off).max() < 1e-3
    assert np.abs(off / steps.se).max() < 6e-3


def test_partial_credit_and_its_scores_agree_with_tam(
    mathematics: pd.DataFrame, partial_credit: cdx.Calibration, results: Results
) -> None:
    """TAM integrates on 21 nodes; its log-likelihood is 0.09 off for that, its WLE 5e-4."""
    tam = results("timss07_g8_rus_math")["tam_PCM"]
    assert partial_credit.log_likelihood == pytest.approx(tam["loglik"], abs=0.12)
    assert partial_credit.population.covariance[0, 0] == pytest.approx(tam["variance"], abs=1e-3)
    expected = tam["WLE"]
    scores = cdx.score(mathematics, partial_credit, method=cdx.WLE())
    frame = scores.to_frame().set_index("person").loc[[str(i) for i in expected["idstud"]]]
    np.testing.assert_allclose(frame["theta"], expected["theta"], atol=1e-3)
    np.testing.assert_allclose(frame["se"], expected["se"], atol=3e-5)
    assert scores.reliability[0] == pytest.approx(tam["WLE_rel"], abs=1e-5)


class Cut(NamedTuple):
    """A partial credit model on a grid: log-likelihood, and information of each step were θ observed, (236,)."""

    log_likelihood: float
    complete: Floats


def on_grid(answers: pd.DataFrame, tam: dict[str, Any], theta: Floats) -> Cut:
    """Integrate TAM's solution over points θ, weights scaled to a sum of 1, by the plainest means."""
    weight = np.exp(-0.5 * theta**2 / tam["variance"])
    step = dict(zip(tam["xsi"]["par"], tam["xsi"]["xsi"], strict=True))
    own = {i: [step[n] for n in (f"{i}_Cat1", f"{i}_Cat2") if n in step] for i in answers.columns}
    prob: dict[str, Floats] = {}
    joint = np.zeros((len(answers), len(theta)))
    for item, difficulties in own.items():
        z = np.cumsum([np.zeros(len(theta)), *(theta - b for b in difficulties)], axis=0)
        prob[item] = softmax(z, axis=0)
        x = answers[item].to_numpy(float)
        seen = ~np.isnan(x)
        joint[seen] += np.log(prob[item])[x[seen].astype(int)]
    person = logsumexp(joint + np.log(weight / weight.sum()), axis=1)
    posterior = np.exp(joint + np.log(weight / weight.sum()) - person[:, None])
    complete = {}
    for item, table in prob.items():
        nodes = posterior[answers[item].notna().to_numpy()].sum(axis=0)
        for k in range(1, len(table)):
            reached = table[k:].sum(axis=0)
            complete[f"{item}_Cat{k}"] = nodes @ (reached * (1 - reached))
    return Cut(float(person.sum()), np.array([complete[n] for n in tam["xsi"]["par"]]))


def test_tams_log_likelihood_is_that_of_its_21_nodes(mathematics: pd.DataFrame, results: Results) -> None:
    """Its nodes on ±6 lie 0.6 logits apart, wider than most posteriors of a booklet are: 0.092 too high."""
    tam = results("timss07_g8_rus_math")["tam_PCM"]
    assert on_grid(mathematics, tam, np.linspace(-6, 6, 21)).log_likelihood == pytest.approx(tam["loglik"], abs=1e-3)


def test_partial_credit_is_likelier_than_tams_on_an_ample_grid(
    mathematics: pd.DataFrame, partial_credit: cdx.Calibration, results: Results
) -> None:
    theirs = on_grid(mathematics, results("timss07_g8_rus_math")["tam_PCM"], np.linspace(-8, 8, 161)).log_likelihood
    assert 0 < partial_credit.log_likelihood - theirs < 1e-3


def test_tam_leaves_missing_information_out_of_standard_errors(mathematics: pd.DataFrame, steps: Steps, results: Results) -> None:
    """TAM's are 1 / √(Σ_p E[R (1 - R)]), R the probability to reach the step, as if θ and all other steps were known.

    Ours are larger throughout, typically by 6 %.
    """
    complete = on_grid(mathematics, results("timss07_g8_rus_math")["tam_PCM"], np.linspace(-6, 6, 61)).complete
    np.testing.assert_allclose(1 / np.sqrt(complete), steps.their_se, rtol=5e-4)
    assert (steps.se > steps.their_se).all()
    assert np.median(steps.se / steps.their_se) == pytest.approx(1.06, abs=0.01)


# ---------------------------------------------------------------- grade 4: a boundary case, R TAM


class Domains(NamedTuple):
    """Answers of 698 pupils to 25 items of Number, Geometry and Data, and TAM's fit of three domains."""

    answers: pd.DataFrame
    domain: dict[str, str]
    tam: dict[str, Any]

    def calibrated(
        self, priors: str | None, *, domain: dict[str, str] | None = None, method: cdx.MarginalML | None = None
    ) -> cdx.Calibration:
        return cdx.calibrate(
            self.answers, model="2PL", priors=priors, dimensions=domain or self.domain, method=method or cdx.MarginalML()
        )


@pytest.fixture(scope="module")
def domains(table: Table, results: Results) -> Domains:
    found = results("timss07_g4_domains")
    domain = dict(zip(found["domain_of_item"]["item"], found["domain_of_item"]["domain"], strict=True))
    return Domains(table("timss07_g4")[list(domain)], domain, found["between"])


@pytest.fixture(scope="module")
def unheld(domains: Domains) -> cdx.Calibration:
    with pytest.warns(cdx.CompetencyDxWarning, match="inseparable"):  # the finding is announced as a warning too
        return domains.calibrated(None)


class Point(NamedTuple):
    """Slopes and intercepts (I,) and correlations of N, G, D."""

    a: Floats
    d: Floats
    correlation: Floats


def tams_point(domains: Domains) -> Point:
    slopes = np.array([domains.tam["slopes"][f"Dim0{k}"] for k in (1, 2, 3)], dtype=float).sum(axis=0)
    return Point(slopes, -np.array(domains.tam["intercepts"]["xsi"]), np.array(domains.tam["variance"], dtype=float))


def point_of(found: cdx.Calibration) -> Point:
    order = [found.population.dimensions.index(k) for k in "NGD"]
    frame = found.to_frame()
    return Point(frame["a"].to_numpy(), frame["d"].to_numpy(), found.population.covariance[np.ix_(order, order)])


def likelihood(domains: Domains, at: Point, name: str, theta: Floats) -> Floats:
    """Return each person's likelihood of one domain (P, Q) at points of it (Q,)."""
    chosen = np.array([k == name for k in domains.domain.values()])
    x, eta = domains.answers.to_numpy(float)[:, chosen], np.outer(at.a[chosen], theta) + at.d[chosen, None]
    return np.asarray(np.exp((x == 1).astype(float) @ log_expit(eta) + (x == 0).astype(float) @ log_expit(-eta)))


def exact_log_likelihood(domains: Domains, at: Point) -> float:
    """Integrate over N, then D given N, then G given both: the grid narrows with the correlation, unlike a product grid."""
    z = np.linspace(-5.5, 5.5, 31)
    w = np.exp(-0.5 * z**2) / np.exp(-0.5 * z**2).sum()
    order = np.ix_([0, 2, 1], [0, 2, 1])
    L = np.linalg.cholesky(at.correlation[order])
    number, total = likelihood(domains, at, "N", z), np.zeros(len(domains.answers))
    for q, first in enumerate(z):
        data = likelihood(domains, at, "D", L[1, 0] * first + L[1, 1] * z)
        points = L[2, 0] * first + L[2, 1] * z[:, None] + L[2, 2] * z
        geometry = likelihood(domains, at, "G", points.ravel()).reshape(-1, len(z), len(z))
        total += w[q] * number[:, q] * ((geometry @ w) * data @ w)
    return float(np.log(total).sum())


def on_product_grid(domains: Domains, at: Point, reach: float, points: int) -> float:
    """Return the log-likelihood on a product grid whose weights are scaled to a sum of 1."""
    theta = np.linspace(-reach, reach, points)
    each = [likelihood(domains, at, name, theta) for name in "NGD"]
    nodes = np.stack(np.meshgrid(theta, theta, theta, indexing="ij"), axis=-1)
    weight = np.exp(-0.5 * np.einsum("abci,ij,abcj->abc", nodes, np.linalg.inv(at.correlation), nodes))
    inner = np.tensordot(each[2], weight / weight.sum(), axes=(1, 2))
    return float(np.log(np.einsum("pab,pa,pb->p", inner, each[0], each[1])).sum())


def test_domains_that_cannot_be_told_apart_are_named(unheld: cdx.Calibration) -> None:
    """Number and Data correlate at .992 (R TAM stops at .951): the result says so and what to do."""
    finding = next(f for f in unheld.findings if f.code == "engine.inseparable")
    assert set(finding.scope) == {"N", "D"}
    assert finding.severity == "warning"
    assert finding.facts["pairs"][0][:2] == ("N", "D")
    assert finding.facts["pairs"][0][2] == pytest.approx(0.992, abs=0.002)
    assert "Merge them" in finding.en
    assert 'priors="weak"' in finding.en
    assert "N + D (0,99" in finding.ru
    assert "Объедините" in finding.ru


def test_tams_point_is_not_the_maximum(domains: Domains, unheld: cdx.Calibration) -> None:
    """Integrated exactly, TAM's point is at -6418.81 and ours at -6417.20."""
    theirs, ours = exact_log_likelihood(domains, tams_point(domains)), exact_log_likelihood(domains, point_of(unheld))
    assert theirs == pytest.approx(-6418.814, abs=0.005)
    assert ours > theirs + 1.5


def test_tams_log_likelihood_is_that_of_its_coarse_grid(domains: Domains) -> None:
    """21 nodes on ±6 (the file says ±5) lie 0.6 apart, wider than posteriors are: -6418.34, half a unit too high."""
    coarse = on_product_grid(domains, tams_point(domains), 6.0, 21)
    assert coarse == pytest.approx(domains.tam["loglik"], abs=0.03)
    assert coarse > exact_log_likelihood(domains, tams_point(domains)) + 0.4


def test_one_competency_for_both_is_no_worse(domains: Domains, unheld: cdx.Calibration, quiet: Quiet) -> None:
    """Number and Data as one competency, two parameters less: -6417.14. Telling them apart gains nothing."""
    merged = {item: "G" if name == "G" else "N+D" for item, name in domains.domain.items()}
    with quiet():
        found = domains.calibrated(None, domain=merged, method=cdx.MarginalML(integration="quadrature", points=31))
    assert found.n_parameters == unheld.n_parameters - 2
    assert found.log_likelihood > exact_log_likelihood(domains, point_of(unheld))


def test_reported_log_likelihood_is_the_exact_one(domains: Domains, unheld: cdx.Calibration) -> None:
    """Expectation propagation reports a marginal log-likelihood that compares with other methods': within 0.05 here."""
    assert unheld.log_likelihood == pytest.approx(exact_log_likelihood(domains, point_of(unheld)), abs=0.05)


@pytest.fixture(scope="module")
def held(domains: Domains, quiet: Quiet) -> cdx.Calibration:
    with quiet():
        return domains.calibrated("weak")


def test_weak_priors_keep_the_domains_apart(held: cdx.Calibration) -> None:
    assert held.converged
    assert np.linalg.eigvalsh(held.population.covariance).min() > 0.01
    assert point_of(held).correlation[0, 2] < 0.99  # without priors it runs on from .992
    assert np.isfinite(held.standard_errors).all()


def test_weak_priors_on_a_product_grid(domains: Domains, held: cdx.Calibration, quiet: Quiet) -> None:
    """The product grid turns with the correlations: at .974 its log-likelihood is exact where TAM's is half a unit off."""
    with quiet():
        found = domains.calibrated("weak", method=cdx.MarginalML(integration="quadrature", points=21))
    assert found.converged
    assert "engine.inseparable" in {f.code for f in found.findings}
    assert found.log_likelihood == pytest.approx(exact_log_likelihood(domains, point_of(found)), abs=1e-4)
    assert point_of(found).correlation[0, 2] == pytest.approx(point_of(held).correlation[0, 2], abs=0.01)


@pytest.mark.recovery  # half a minute: EM creeps along the boundary
def test_a_product_grid_without_priors_does_not_pretend(domains: Domains, quiet: Quiet) -> None:
    """The correlation creeps to .9998: an error, whose state names the pair and holds a log-likelihood above TAM's."""
    with quiet(), pytest.raises(ConvergenceError) as caught:
        domains.calibrated(None, method=cdx.MarginalML(integration="quadrature", points=21))
    state = caught.value.state
    assert isinstance(state, cdx.Calibration)
    finding = next(f for f in state.findings if f.code == "engine.inseparable")
    assert set(finding.scope) == {"N", "D"}
    assert state.log_likelihood > exact_log_likelihood(domains, tams_point(domains)) + 1.5
