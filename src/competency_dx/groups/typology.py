"""`compare_types`: how often each type of persons occurs in groups, a type being a profile of attributes mastered.

Types are the profiles of a calibrated classification. Their shares in a group are not counts of the most probable type, which err as
persons are misclassified: with c the class of person p, P(c | x_p) ∝ P(x_p | c) π_gc and π_g ~ Dirichlet(m π), the shares among the
persons of a group are drawn by data augmentation (Tanner & Wong 1987, doi:10.1080/01621459.1987.10478458), π being those of the
calibration.
"""

from collections.abc import Sequence

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.classification import ClassCalibration, profile_posteriors
from competency_dx.errors import GroupError, checked
from competency_dx.kernels.suppression import SMALLEST, shown_groups
from competency_dx.persons import as_responses
from competency_dx.result import DataFrame, crossed

BURN_IN, DRAWS, SEED = 100, 400, 20261130
PRIOR_PERSONS, RARE = 10.0, 0.1  # what the shares of the calibration weigh in each group, as so many persons would


@checked(GroupError)
def compare_types(
    responses: object, calibration: ClassCalibration, by: str, *, smallest: int = SMALLEST, beside: Sequence[str] = ()
) -> DataFrame:
    """Return the share of each type of persons in each group, with what classification errors do to it.

    One row per group ("*" for all) and type: group, n (persons with answers), type (the attributes mastered, "—" for none of them),
    share with its 95 % interval (0-1), and `accuracy`, P(the type is right | it is a person's most probable), NaN where it is
    nobody's: types below about .7 are not told apart by the test. Groups of fewer than `smallest` persons, and those of whom
    so few would be told by the others and the tables by the columns `beside`, have no numbers. In alphabetic order.
    Raises `GroupError` when there is no such column or nobody has answered; `ScoringError` when items are not of the calibration.
    """
    data = as_responses(responses, calibration)
    if absent := {by, *beside} - data.background.keys():
        raise GroupError("groups.no_column", absent=sorted(absent), columns=sorted(data.background))
    posterior, told = profile_posteriors(data, calibration), data.observed.any(axis=1)
    if not told.any():
        raise GroupError("groups.nothing", by=[by], n=0)
    posterior, columns = posterior[told], {name: data.background[name][told].astype(str) for name in {by, *beside}}
    common = np.abs(posterior.mean(axis=0) - 0.5) < 0.5 - RARE  # that nobody is of a rare type says little
    names, code, shown = shown_groups(columns, by, smallest, values=100 * posterior[:, common])
    n = np.bincount(code)
    drawn = _shares(posterior / np.maximum(calibration.profile_probabilities, 1e-12), code, calibration.profile_probabilities)
    found = np.concatenate([np.einsum("g,dgc->dc", n / n.sum(), drawn)[:, None], drawn], axis=1)
    closed, size = np.append(n.sum() < smallest, ~shown), np.append(n.sum(), n)
    found[:, closed], size[closed] = np.nan, 0
    types = [" + ".join(a for a, has in zip(calibration.attributes, row, strict=True) if has) or "—" for row in calibration.profiles]
    best, C = posterior.argmax(axis=1), len(types)
    right = np.bincount(best, weights=posterior.max(axis=1), minlength=C) / np.maximum(np.bincount(best, minlength=C), 1)
    low, high = np.quantile(found, [0.025, 0.975], axis=0)
    accuracy = np.tile(np.where(np.bincount(best, minlength=C) > 0, right, np.nan), (len(size), 1))
    cells = {"share": found.mean(axis=0), "share_low": low, "share_high": high, "accuracy": accuracy}
    return crossed({"group": ["*", *names], "n": size}, {"type": types}, cells)


def _shares(likelihood: Floats, code: Ints, prior: Floats) -> Floats:
    """Return draws (DRAWS, G, C) of the shares of types among the persons of each group, from P(x | c) (P, C)."""
    rng, G, C = np.random.default_rng(SEED), int(code.max()) + 1, likelihood.shape[1]
    share, out = np.tile(prior, (G, 1)), np.zeros((DRAWS, G, C))
    for step in range(BURN_IN + DRAWS):
        steps = np.cumsum(likelihood * share[code], axis=1)
        chosen = (steps < rng.random((len(code), 1)) * steps[:, -1:]).sum(axis=1)
        counts = np.bincount(code * C + chosen, minlength=G * C).reshape(G, C)
        share = rng.standard_gamma(PRIOR_PERSONS * prior + counts)
        share /= share.sum(axis=1, keepdims=True)
        if step >= BURN_IN:
            out[step - BURN_IN] = counts / counts.sum(axis=1, keepdims=True)
    return out
