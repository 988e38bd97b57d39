"""Severity of experts and persons as an expert of mean severity would have marked them; marks as answers for `score` and `diagnose`."""

from collections import defaultdict
from dataclasses import replace
from itertools import compress
from typing import Any, NamedTuple, get_type_hints

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, names
from competency_dx.bank import ItemBank
from competency_dx.engine import Control
from competency_dx.errors import RatersError, checked
from competency_dx.findings import Finding, Template, announce, gathered
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.raters.agreement import apart, joined
from competency_dx.raters.estimates import LOOSE, SURE, effects_of, persons_of, scale_use
from competency_dx.raters.facets import EFFECTS, facet_model, fitted
from competency_dx.raters.rater_calibration import Facets, RaterCalibration
from competency_dx.raters.ratings import BLANK, Ratings
from competency_dx.responses import Reason, Responses
from competency_dx.result import digest_arrays, provenance

DEFAULT = Facets()
Cell = tuple[str, tuple[int, ...]]
"""A task and the experts who marked it."""
FEW_EXPERTS, SEVERE, ERRATIC, WORTH, MOST = 10, 1.0, 1.5, 0.3, 20


@checked(RatersError)
def calibrate_raters(ratings: Ratings, responses: Responses | None = None, *, facets: Facets = DEFAULT) -> RaterCalibration:
    """Estimate how severe experts are, and persons as an expert of mean severity would have marked them.

    Marginal maximum likelihood of the many-facet model with the engine of `calibrate`: normal persons, every mark one answer.
    Raises `RatersError` when there are fewer than two experts, or fixed experts share no works, do not mark every criterion where
    severity is by criterion, do not give every mark where thresholds are by expert, or a criterion has one mark only or more than 20
    points. Raises `ConvergenceError` when the maximum was not reached; `state` is where the estimation stood.

    Parameters
    ----------
    ratings : Ratings
    responses : Answers of the same persons to keyed items, which then place persons too.
    facets : Model, severity by criterion, thresholds by expert, drift over days, fixed or random experts.
    """
    given, (ratings, extreme, counts), R = ratings, _estimable(ratings, facets), len(ratings.experts)
    loose = (*Template("raters.extreme_only").about(extreme), *_checked(ratings, counts, facets, keyed=responses is not None))
    with one_blas_thread():
        fit = fitted(facet_model(ratings, responses, facets), Control())
        effects = effects_of(fit, ratings, facets)
        by_row, persons = persons_of(fit, ratings, effects["parameters"])
        use = scale_use(fit, by_row, R)
    (person, _, expert, _), found = ratings.rows, fit.at
    marks, marked = np.bincount(expert, minlength=R), np.zeros((len(ratings.persons), R), dtype=np.bool_)
    marked[person, expert] = True
    findings = gathered(ratings.findings, loose, _findings(ratings, effects, use, facets))
    announce(findings, known=ratings.findings)
    inputs = {"ratings": digest_arrays(*(x.astype(np.int32) for x in given.rows), given.day)}
    inputs |= {} if responses is None else {"responses": digest_arrays(responses.scores, responses.reasons)}
    random = sum(int((at >= 0).sum()) for at in fit.model.place.values()) * fit.model.random
    return RaterCalibration(
        facets=facets,
        experts=ratings.experts,
        items=ratings.items,
        of_experts=np.column_stack([marks, marked.sum(axis=0), effects.pop("severity"), effects.pop("drift"), use[:, :6]]),
        **effects,
        spread=np.array([fit.spread.get(kind, np.nan) for kind in EFFECTS]),
        persons=fit.model.persons,
        of_persons=persons,
        log_likelihood=found.log_likelihood,
        n_parameters=len(found.phi) - random + len(fit.spread),
        iterations=found.iterations,
        gradient=found.gradient,
        findings=findings,
        provenance=provenance("calibrate_raters", inputs, {name: getattr(facets, name) for name in get_type_hints(Facets)}),
    )


def _set_aside(ratings: Ratings, experts: Bools) -> Ratings:
    """Return the protocol with no marks of these experts (R,) used."""
    return replace(ratings, status=np.where(ratings.used & experts[ratings.expert], BLANK, ratings.status))


def _estimable(ratings: Ratings, facets: Facets) -> tuple[Ratings, list[str], Ints]:
    """Return the protocol less fixed experts who gave only lowest or only highest marks, who they are, and counts of marks (R, I, K).

    Their severity is endless. Where severity is by criterion, one criterion is enough. Lowest and highest are by what was given, so
    that who is left is looked at again.
    """
    (_, item, expert, mark), shape = ratings.rows, (len(ratings.experts), len(ratings.items), int(ratings.max_marks.max()) + 1)
    counts = np.bincount((expert * shape[1] + item) * shape[2] + mark, minlength=np.prod(shape)).reshape(shape)
    k, gone = np.arange(shape[2]), list[int]()
    while facets.experts == "fixed":
        given = np.asarray(counts.any(axis=0))
        ends = given.argmax(axis=1), shape[2] - 1 - given[:, ::-1].argmax(axis=1)
        inside = np.stack([(counts * (k != end[:, None])).sum(axis=2) for end in ends])
        inside = inside if facets.severity == "criterion" else inside.sum(axis=2, keepdims=True)
        endless = ((inside.min(axis=0) == 0) & (counts.sum(axis=2) > 0)).any(axis=1)
        if not endless.any() or (ends[0] == ends[1]).any():
            break
        gone += np.flatnonzero(endless).tolist()
        counts[gone] = 0
        if counts.any(axis=(1, 2)).sum() < 2:
            raise RatersError("raters.extreme_only", experts=[ratings.experts[r] for r in gone])
    return _set_aside(ratings, np.isin(np.arange(shape[0]), gone)) if gone else ratings, [ratings.experts[r] for r in gone], counts


def _checked(ratings: Ratings, counts: Ints, facets: Facets, *, keyed: bool) -> tuple[Finding, ...]:
    """Return what stands against comparing the experts, by counts of marks (R, I, K); raises where it cannot be done."""
    links, blocks = joined(ratings)
    if wide := [f"{name} ({top})" for name, top in zip(ratings.items, ratings.max_marks.tolist(), strict=True) if top > MOST]:
        raise RatersError("raters.levels", wide=wide, most=MOST)
    if facets.drift != "none" and len(np.unique(ratings.day[ratings.used & np.isfinite(ratings.day)])) < 2:
        raise RatersError("raters.no_days")
    (marked, seen, used), fixed = (counts.sum(axis=axis) > 0 for axis in (2, 0, 1)), facets.experts == "fixed"
    absent = [f"{ratings.experts[r]} × {ratings.items[i]}" for r, i in np.argwhere(~marked) if marked[r].any()]
    if absent and fixed and facets.severity == "criterion":
        raise RatersError("raters.not_crossed", cells=absent)
    never = [f"{ratings.experts[r]} ({k})" for r, k in np.argwhere((marked @ seen) & ~used)]
    if never and fixed and facets.thresholds == "expert":
        raise RatersError("raters.endless_thresholds", marks=never)
    if links and not keyed and fixed:
        shown, sizes = [f"{link.person} → {link.second}" for link in links], [(block[0], len(block)) for block in blocks]
        raise RatersError("raters.disconnected", parts=len(blocks), blocks=sizes, works=len(links), links=shown)
    return () if keyed else apart(links, blocks)


def _findings(ratings: Ratings, effects: dict[str, Any], use: Floats, facets: Facets) -> list[Finding]:
    lot = (use[:, 6] < LOOSE) & (use[:, 7] < -SURE) & ~(use[:, 3] < -SURE)  # mean squares of 0/1 marks hardly reach 1.5
    limits = ((effects["severity"], SEVERE), (effects["drift"], WORTH))
    severe, drift = (np.abs(x[:, 0]) > np.maximum(SURE * x[:, 1], least) for x, least in limits)
    named = {
        "raters.severe": severe,
        "raters.misfit": ((use[:, :2] > ERRATIC) & (use[:, 8:] > SURE)).any(axis=1) | lot,
        "raters.central": use[:, 3] < -SURE,
        "raters.halo": use[:, 5] > SURE,
        "raters.drift": drift,
    }
    return [
        *([Template("raters.few_experts").of(experts=len(use))] if facets.experts == "random" and len(use) < FEW_EXPERTS else []),
        *(one for code, who in named.items() for one in Template(code).about(compress(ratings.experts, who))),
    ]


class AdjustedAnswers(NamedTuple):
    """Answers of P persons to tasks, each under the item as its experts mark it, and a bank that has these items too."""

    responses: Responses
    bank: ItemBank


@checked(RatersError)
def adjust_marks(ratings: Ratings, calibration: RaterCalibration, *, bank: ItemBank) -> AdjustedAnswers:
    """Bring marks into `score` and `diagnose`: a task becomes an item for each set of experts, as hard as they are severe.

    An answer counts once, however many experts marked it: its points are the sum over criteria of the mean of their marks, rounded, a
    half upwards. Difficulties of ``task@experts`` are those of the task in the bank plus the mean severity over the slope; their errors
    contain that of the severity, times the root of the number of tasks these experts marked of a work, for it is the same in all of
    them and the parameters of a bank err independently. Percents stay those of the bank's reference set. Returns ``responses`` and
    ``bank`` to diagnose with; `Responses.joined` adds them to answers to keyed items. Raises `RatersError` when the protocol is not
    that of the calibration, or no task is an item of the bank with parameters and as many points.
    """
    if strange := [x for x in (*ratings.experts, *ratings.items) if x not in {*calibration.experts, *calibration.items}]:
        raise RatersError("raters.other_ratings", strange=strange)
    unknown = np.isin(ratings.experts, [*compress(calibration.experts, np.isnan(calibration.severity))])
    unknown &= np.isin(np.arange(len(unknown)), ratings.rows[2])
    ratings = _set_aside(ratings, unknown)
    records, top = {r.item: r for r in bank.parameters}, {i.id: i.max_score for i in bank.items}
    tasks = {task: [i for i, t in enumerate(ratings.tasks) if t == task] for task in dict.fromkeys(ratings.tasks)}
    parts = {task: of for task, of in tasks.items() if task in records and top[task] == ratings.max_marks[of].sum()}
    if not parts:
        raise RatersError("raters.not_in_bank", tasks=list(tasks), bank=bank.id)
    cells, incomplete = _answers(ratings, parts)
    items, parameters = [], []
    order, column = ({name: k for k, name in enumerate(of)} for of in (calibration.experts, calibration.items))
    for (task, team), answers in cells.items():
        at = np.ix_([order[ratings.experts[r]] for r in team], [column[ratings.items[i]] for i in parts[task]])
        weighted = np.einsum("rij,i->rj", calibration.by_item[at], ratings.max_marks[parts[task]] / top[task])
        together = np.mean([sum(p in others for (_, same), others in cells.items() if same == team) for p in answers])
        shift, error = float(weighted[:, 0].mean()), float(np.sqrt((weighted[:, 1] ** 2).sum() * together) / len(team))
        record, name = records[task], "_".join(f"{task}@{'+'.join(ratings.experts[r] for r in team)}".split())
        b, se = np.array(record.b) + shift / record.a, np.hypot([x or 0.0 for x in record.se_b or record.b], error / record.a)
        items.append(bank.item(task).model_copy(update={"id": name, "enemies": (), "family": None}))
        new = {"item": name, "b": tuple(b.tolist()), "se_b": tuple(se.tolist()), "status": "provisional"}
        parameters.append(record.model_copy(update=new))
    ids = tuple(i.id for i in items)
    scores = np.zeros((len(ratings.persons), len(ids)), dtype=np.int8)
    reasons = np.full(scores.shape, Reason.NOT_ADMINISTERED, dtype=np.uint8)
    for j, answers in enumerate(cells.values()):
        scores[list(answers), j], reasons[list(answers), j] = list(answers.values()), Reason.ANSWERED
    findings = Template("raters.incomplete").about(f"{ratings.persons[p]}, {task}" for p, task in incomplete)
    findings += Template("raters.extreme_only").about(compress(ratings.experts, unknown))
    announce(findings)
    inputs = {"calibration": digest_arrays(calibration.by_item), "bank": f"{bank.id} {bank.version} {bank.digest}"}
    inputs |= {"data": digest_arrays(scores, reasons)}
    responses = Responses(
        persons=names(ratings.persons),
        items=ids,
        scores=scores,
        reasons=reasons,
        max_scores=np.array([i.max_score for i in items]),
        findings=findings,
        provenance=provenance("adjust_marks", inputs, {}),
    )
    header = bank.header.model_copy(update={"reference_set": bank.reference_set})
    whole = replace(bank, header=header, items=(*bank.items, *items), parameters=(*bank.parameters, *parameters))
    return AdjustedAnswers(responses, whole)


def _answers(ratings: Ratings, parts: dict[str, list[int]]) -> tuple[dict[Cell, dict[int, int]], list[tuple[int, str]]]:
    """Return the points by task and set of experts who marked all of it, and the answers with a criterion that nobody marked."""
    marks, cells, incomplete = ratings.answers(), defaultdict[Cell, dict[int, int]](dict), []
    for p in range(len(ratings.persons)):
        for task, of in parts.items():
            mine = [marks.get((p, i), {}) for i in of]
            team = tuple(sorted(set(mine[0]).intersection(*mine[1:])))
            if team:
                cells[task, team][p] = int(sum(sum(m[r] for r in team) for m in mine) / len(team) + 0.5)
            elif any(mine):
                incomplete.append((p, task))
    return dict(sorted(cells.items())), incomplete
