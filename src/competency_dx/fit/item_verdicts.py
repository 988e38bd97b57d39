"""What to do with each item after calibration: reasons by stated rules, joined with those of the analysis before any model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import ndtri

from competency_dx.arrays import Floats, FrozenDict
from competency_dx.findings import Finding, Template
from competency_dx.fit.whole_model import Left
from competency_dx.quality import VERDICTS, ItemAnalysis, Verdict
from competency_dx.responses import LEAST_ANSWERS

LEVEL = 0.05
FAR = 0.10  # RMSD from which an item is to be repaired
NOISE, DEPENDENT = 0.15, 0.10  # infit beside 1 and Q3 above the middle pair that are worth a look
SEEN = 1.64  # residual z from which items of one stimulus are a testlet
ORDER: tuple[Verdict, ...] = tuple(VERDICTS)
_LOOK: tuple[str, ...] = ("fit.item_misfit", "fit.item_noisy", "fit.item_sharp", "fit.item_dependent")
_GRAVE: dict[str, Verdict] = {"fit.item_far": "repair", "fit.item_sound": "keep", "fit.item_few": "undecided"}
_FOLLOWS: Mapping[str, Verdict] = FrozenDict(dict.fromkeys(_LOOK, ORDER[2]) | _GRAVE)


def dependent(left: Left) -> list[tuple[int, int]]:
    """Return the pairs of items whose residuals are correlated beyond chance and worth a look."""
    far = left.q3 - np.nanmedian(left.q3[np.triu_indices(len(left.q3), 1)]) > DEPENDENT
    return [(i, j) for i, j in np.argwhere(np.triu(far & (left.q3_z > left.q3_bound), 1)).tolist()]


def tied_items(left: Left, stimuli: Sequence[object]) -> list[tuple[int, ...]]:
    """Return sets of items of which every two are dependent, or have one stimulus and residuals that go together, the closest first."""
    shown = [
        (i, j) for i, j in np.argwhere(np.triu(left.q3_z > SEEN, 1)).tolist() if stimuli[i] is not None and stimuli[i] == stimuli[j]
    ]
    pairs = {*dependent(left), *shown}
    sets = [{i} for i in range(len(stimuli))]
    for pair in sorted(pairs, key=lambda pair: -left.q3_z[pair]):
        one, other = (next(s for s in sets if i in s) for i in pair)
        if one is not other and all((min(i, j), max(i, j)) in pairs for i in one for j in other):
            sets = [s for s in sets if s is not other]
            one |= other
    return [tuple(sorted(s)) for s in sets if len(s) > 1]


def judged(
    items: tuple[str, ...], columns: Mapping[str, Floats], left: Left, before: ItemAnalysis
) -> tuple[list[Verdict], list[Finding]]:
    """Return the gravest verdict on each item, of the model and of the analysis before, and all reasons but those that say nothing.

    Misfit: the adjusted p is below .05, and an RMSD of .10 or more asks for repair. Noise and its contrary: infit differs from 1 by
    .15 and by more standard errors than one of the items does in 20 tests. Dependence: see `dependent`.
    """
    q, bound, verdicts, reasons = columns["p_adjusted"], float(ndtri(1 - LEVEL / (2 * len(items)))), list[Verdict](), list[Finding]()
    pairs, known = dependent(left), dict(zip(before.items, before.verdicts, strict=True))
    for i, item in enumerate(items):
        p, rmsd, infit, z = (float(columns[name][i]) for name in ("p", "rmsd", "infit", "infit_z"))
        partners = [items[sum(pair) - i] for pair in pairs if i in pair]
        told = [] if np.isfinite(p) else [Template("fit.item_few").of([item], least=LEAST_ANSWERS)]
        if q[i] < LEVEL:
            told.append(Template(f"fit.item_{'far' if rmsd >= FAR else 'misfit'}").of([item], p=float(q[i]), rmsd=rmsd))
        if abs(z) > bound and abs(infit - 1) > NOISE:
            told.append(Template(f"fit.item_{'noisy' if infit > 1 else 'sharp'}").of([item], infit=infit))
        told += Template("fit.item_dependent").about([item] if partners else [], partners=partners)
        classical = [r for r in before.reasons if item in r.scope and r.code != "quality.item_sound"]
        if not told and not classical:
            told.append(Template("fit.item_sound").of([item], rmsd=rmsd))
        verdicts.append(min([known.get(item, "keep"), *(_FOLLOWS[r.code] for r in told)], key=ORDER.index))
        reasons += [*told, *classical]
    return verdicts, reasons
