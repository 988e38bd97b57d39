"""`check_fit`: whether items, the model and persons hold, and what it does to conclusions where they do not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from competency_dx.arrays import Floats, Ints
from competency_dx.bank import ItemBank
from competency_dx.calibration import Calibration, digest_answers, near_duplicates
from competency_dx.errors import FitError, checked
from competency_dx.findings import Finding, Template, announce, gathered, in_results_only
from competency_dx.fit.model_fit import ORDER, Fit
from competency_dx.fit.residuals import Part, changed_states, free_columns, item_statistics, person_statistics
from competency_dx.fit.whole_model import Left, asked_by_ability, left_over, limited, of_sums, pairs_of
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.kernels.residual_fit import adjusted, detect, tied_sets
from competency_dx.models import ItemParameters
from competency_dx.persons import Matched, as_calibration, as_responses, by_population, match, parameters_of
from competency_dx.quality import ItemAnalysis, Verdict, check_items
from competency_dx.responses import LEAST_ANSWERS, MissingPolicy
from competency_dx.result import provenance

LEAST_PERSONS, LEAST_ITEMS, TRIED = 30, 3, 12
SUMS, LIMITED = ("s_x2", "s_df", "s_p"), ("m2", "c2")
TROUBLE = ("repair", "drop", "look")
LEVEL, LEAST_OF_SETS = 0.05, 6  # items, of which sets go together beyond what factors of so few items take up
FAR = 0.10  # RMSD from which an item is to be repaired
NOISE, DEPENDENT = 0.15, 0.10  # infit beside 1 and Q3 above the middle pair that are worth a look
SEEN, WORTH = 1.64, 0.02  # residual z of items of one stimulus, mean Q3 above the middle pair of any set, that make a testlet
TAKEN = 2.0  # times the middle slope, from which a repeated item has taken the scale over
FOLLOWS: dict[str, Verdict] = {"fit.item_far": "repair", "fit.item_sound": "keep", "fit.item_copy": "drop"}
FOLLOWS |= dict.fromkeys(("fit.item_few", "fit.item_alike", "fit.item_unclear"), "undecided")  # "look" from others
Source = ItemBank | Calibration
Clusters = Mapping[str, str] | None


@checked(FitError)
def check_fit(
    responses: object, parameters: Source, *, clusters: Clusters = None, tried: int = TRIED, missing: MissingPolicy | None = None
) -> Fit:
    """Check whether answers follow the model: each item, the model as a whole, each person.

    Items and persons are compared with what the person's other answers let expect. Where the answers are those of the calibration,
    what they gave to the parameters is taken into account; parameters from elsewhere come with their standard errors.
    Raises `ScoringError` or `FitError` when answers and parameters do not fit together, or there are fewer than 30 persons or 3 items.

    Parameters
    ----------
    responses : Responses, data frame, array or path
    parameters : ItemBank or Calibration
    clusters : For DETECT; without it the leaves of a bank, or the competencies of a calibration. Unknown items are refused.
    tried, missing : int, MissingPolicy. For how many items, those with the most trouble, it is worked out which conclusions change
        without them; as in `calibrate`.
    """
    policy = missing or MissingPolicy()
    policy.check_scored()
    data, calibration = as_responses(responses, parameters), as_calibration(parameters)
    known = parameters_of(parameters)
    if stray := [item for item in clusters or () if item not in {*known.items, *data.items}]:
        raise FitError("fit.no_item", item=stray, items=known.items)
    if tried < 0:
        raise FitError("fit.tried", tried=tried)
    matched = match(data, known, policy)
    digest = digest_answers(matched.codes, matched.observed)
    own = calibration if calibration is not None and calibration.provenance.inputs.get("responses") == digest else None
    asked, there = (np.flatnonzero(matched.observed.any(axis=axis)) for axis in (0, 1))
    if len(there) < LEAST_PERSONS or len(asked) < LEAST_ITEMS:
        raise FitError("fit.too_few", persons=len(there), items=len(asked), least=LEAST_PERSONS, least_items=LEAST_ITEMS)
    some = data.select(persons=list(matched.persons[there]))
    matched = matched._replace(data=some, codes=matched.codes[:, asked], observed=matched.observed[:, asked]).rows(there)
    populations = [(there if who is None else who, of.take(asked)) for who, of in by_population(data, parameters)]
    apart = [(np.flatnonzero(np.isin(there, who)), of) for who, of in populations]
    with one_blas_thread(), in_results_only():
        parts = [Part.of(rows, matched.rows(rows), of) for rows, of in apart if len(rows)]
        before = check_items(data, parameters if isinstance(parameters, ItemBank) else None, missing=policy)
        out = _checked(parameters, own, parts, matched, before, clusters)
        inputs = {"responses": digest, "parameters": parameters.digest}
        made = provenance("check_fit", inputs, {"missing": policy.describe("en"), "tried": str(tried)})
        worst, changed = [i for i in out.by_trouble if out.verdicts[i] in TROUBLE][:tried], out.states_changed.copy()
        changed[worst] = [*changed_states(parameters, data, parts, [out.items[i] for i in worst])]
    out = replace(out, states_changed=changed, findings=gathered(data.findings, matched.findings, out.findings), provenance=made)
    announce(out.findings, known=data.findings)
    return out


def _checked(
    source: Source, own: Calibration | None, parts: list[Part], matched: Matched, before: ItemAnalysis, clusters: Clusters
) -> Fit:
    """Return the fit without what it does to conclusions."""
    known, I, bank = parts[0].known, len(parts[0].known.items), source if isinstance(source, ItemBank) else None
    free = free_columns(own, known) if own is not None else None
    columns, groups, prob = item_statistics(parts, free)
    columns["p_adjusted"] = adjusted(columns["p"])
    left = left_over(parts)
    whole: dict[str, Any] = dict.fromkeys(SUMS, np.full(I, np.nan)) | dict.fromkeys(LIMITED, np.full(6, np.nan))
    complete, about = bool(matched.observed.all()), list[Finding]()
    simple = len(parts) == 1 and complete and not any(known.options)
    if own is not None and free is not None and len(parts) == 1 and not any(known.options) and "coefficient" not in own.table.kind:
        whole |= dict(zip(SUMS, of_sums(parts[0], [len(at) for at in free]), strict=True)) if complete else {}
        moments, unlike = pairs_of(known.items, matched.observed), asked_by_ability(parts[0])
        about += Template("fit.by_ability").about(known.items[i] for i in unlike)
        n, every = len(moments[0]), I * (I - 1) // 2
        if n and not len(unlike):
            whole |= dict(zip(LIMITED, limited(own, parts[0], moments), strict=True))
            about += [Template("fit.some_pairs").of(pairs=n, of=every)] if n < every else []
    single = {item.id for item in bank.items if item.type == "single"} if bank is not None else set()
    lz_star, infit, flags, pairs = person_statistics(parts, matched, prob, np.array([i in single for i in matched.data.items]))
    ties = Ties.of(left, matched, known, [bank.item(item).stimulus if bank is not None else None for item in known.items])
    verdicts, reasons = judged(known.items, columns, ties, before)
    named = dict(zip(known.items, (known.dimensions[d] for d in known.dimension_index), strict=True))
    of = clusters if clusters is not None else named if bank is None else bank.leaves
    names = tuple(of.get(item, "") for item in known.items)
    apart = detect(matched.codes, np.unique(names, return_inverse=True)[1]) if simple and len(set(names)) > 1 else [np.nan] * 3
    testlets = tuple(tuple(known.items[i] for i in s) for s in ties.sets)
    findings = [*before.findings, *about, *Template("fit.testlets").about((item for s in testlets for item in s), sets=testlets)]
    met = [(str(matched.persons[p]), str(matched.persons[q])) for p, q in pairs]
    findings += Template("fit.alike").about((person for pair in met for person in pair), pairs=met)
    others = {p: ", ".join(str(matched.persons[sum(pair) - p]) for pair in pairs if p in pair) for pair in pairs for p in pair}
    return Fit(
        items=known.items,
        verdicts=tuple(verdicts),
        reasons=tuple(reasons),
        n=matched.observed.sum(axis=0),
        **columns,
        **{name: getattr(left, name) for name in left._fields[:-1]},
        **whole,
        groups=groups,
        states_changed=np.full(I, np.nan),
        testlets=testlets,
        clusters=names,
        detect=np.array(apart),
        persons=matched.persons,
        lz_star=lz_star,
        person_infit=infit,
        flags=tuple(", ".join(name for name, who in flags.items() if who[p]) for p in range(len(lz_star))),
        alike_with=tuple(others.get(p, "") for p in range(len(lz_star))),
        findings=(*findings, *([Template("fit.other_sample").of()] if own is None and bank is None else [])),
        provenance=before.provenance,
    )


class Ties(NamedTuple):
    """Answers to items (I,), pairs that go together, sets suggested as testlets, the item one repeats; if repeats are the scale."""

    answers: Ints
    pairs: list[tuple[int, int]]
    sets: list[tuple[int, ...]]
    repeats: Mapping[int, int]
    taken: bool

    @classmethod
    def of(cls, left: Left, matched: Matched, known: ItemParameters, stimuli: Sequence[object]) -> "Ties":
        """Return what hangs together; where an item and its repeat have become the scale, ties of others say nothing."""
        n = matched.observed.sum(axis=0)
        twins = near_duplicates(known.items, matched.codes, matched.observed)
        of = [tuple(known.items.index(item) for item in pair) for pair in (twins[0].facts["pairs"] if twins else ())]
        repeats, slope = {j: i for i, j in reversed(of)}, known.slopes.max(axis=1)
        if of and slope[np.ravel(of)].max() > TAKEN * np.median(slope):
            sets = [(i, *(j for j in repeats if repeats[j] == i)) for i in {*repeats.values()} - {*repeats}]
            return cls(n, [(i, j) for i, j in of], sets, repeats, taken=True)
        middle = float(np.nanmedian(left.q3[np.triu_indices(len(left.q3), 1)]))
        far = (left.q3 - middle > DEPENDENT) & (left.q3_z > left.q3_bound)
        pairs = [(i, j) for i, j in np.argwhere(np.triu(far, 1)).tolist()]
        return cls(n, pairs, tied_items(left, stimuli, middle), repeats, taken=False)


def tied_items(left: Left, stimuli: Sequence[object], middle: float) -> list[tuple[int, ...]]:
    """Return sets of items that jointly hang together beyond chance, then those of one stimulus whose residuals go together."""
    z = np.nan_to_num(left.q3_z) * ~np.eye(len(stimuli), dtype=np.bool_)
    found = tied_sets(z, left.chance) if len(z) >= LEAST_OF_SETS else []
    sets = [s for s in found if np.nanmean(left.q3[np.ix_(s, s)][np.triu_indices(len(s), 1)]) - middle > WORTH]
    for stimulus in dict.fromkeys(s for s in stimuli if s is not None):
        at = np.setdiff1d([i for i, s in enumerate(stimuli) if s == stimulus], np.concatenate([*sets, []])).astype(np.int64)
        while len(at) > 1 and (rest := z[np.ix_(at, at)].sum(axis=1) / np.sqrt(len(at) - 1)).min() <= SEEN:
            at = np.delete(at, rest.argmin())
        sets += [at] * (len(at) > 1)
    return [tuple(s.tolist()) for s in sets]


def judged(
    items: tuple[str, ...], columns: Mapping[str, Floats], ties: Ties, before: ItemAnalysis
) -> tuple[list[Verdict], list[Finding]]:
    """Return the gravest verdict on each item, of the model and of the analysis before, and all reasons but those that say nothing."""
    q, bound, verdicts, reasons = columns["p_adjusted"], float(ndtri(1 - LEVEL / (2 * len(items)))), list[Verdict](), list[Finding]()
    known, copies = dict(zip(before.items, before.verdicts, strict=True)), ties.repeats
    for i, item in enumerate(items):
        p, rmsd, infit, z = (float(columns[name][i]) for name in ("p", "rmsd", "infit", "infit_z"))
        partners = [items[j] for j in sorted({j for tied in (*ties.pairs, *ties.sets) if i in tied for j in tied} - {i})]
        few = "fit.item_few" if ties.answers[i] < LEAST_ANSWERS else "fit.item_alike"
        told = [] if np.isfinite(p) else [Template(few).of([item], least=LEAST_ANSWERS)]
        far, off = "fit.item_far" if rmsd >= FAR else "fit.item_misfit", "fit.item_noisy" if infit > 1 else "fit.item_sharp"
        if q[i] < LEVEL:
            told.append(Template(far).of([item], p=float(q[i]), rmsd=rmsd))
        if abs(z) > bound and abs(infit - 1) > NOISE:
            told.append(Template(off).of([item], infit=infit))
        if ties.taken and told and np.isfinite(p):
            told = [] if partners else [Template("fit.item_unclear").of([item], partners=[items[j] for j in copies])]
        told += Template("fit.item_dependent").about([item] if partners and i not in copies else [], partners=partners)
        told += [Template("fit.item_copy").of([item], partner=items[copies[i]])] if i in copies else []
        classical = [r for r in before.reasons if item in r.scope and r.code != "quality.item_sound"]
        if not told and not classical:
            told.append(Template("fit.item_sound").of([item], rmsd=rmsd))
        verdicts.append(min([known.get(item, "keep"), *(FOLLOWS.get(r.code, "look") for r in told)], key=ORDER.index))
        reasons += [*told, *classical]
    return verdicts, reasons
