"""Item analysis before any model: classical numbers of each item, reasons by stated rules, and what follows from the gravest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain, compress
from typing import TYPE_CHECKING, Any

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.bank import ItemBank
from competency_dx.display import result_words, toml_content
from competency_dx.errors import LANGUAGES, CalibrationError, ResponsesError, checked
from competency_dx.findings import Finding, Template, announce, gathered
from competency_dx.provenance import digest_arrays, provenance
from competency_dx.quality import classical
from competency_dx.quality.item_analysis import ORDER, WEAK, ItemAnalysis, Verdict
from competency_dx.responses import LEAST_ANSWERS, MissingPolicy, RestScores, answers_to_tests, suspected_keys, tail_findings

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration

UNRELATED, RELATED = 0.10, 0.30
EASY, HARD = 0.95, 0.05
MOST_LEFT_OUT = 0.15
END = 0.15  # share of persons at the highest or lowest sum of points (McHorney & Tarlov 1995)
ENOUGH = 100  # answers from which a correlation is known to ±.2
_FOLLOWS: Mapping[str, Verdict] = toml_content("quality", "verdicts")["by_reason"]


@checked(CalibrationError)
def check_items(
    responses: Any,  # noqa: ANN401 - Responses, or any table that load_responses reads
    bank: ItemBank | None = None,
    *,
    missing: MissingPolicy | None = None,
) -> ItemAnalysis:
    """Analyse items before any model: how hard, how related, who chose what, and what to do with each.

    Booklets are analysed by what each person got; see the attributes of `ItemAnalysis` for how.
    Raises `ResponsesError` when the table cannot be read without guessing, or holds no persons or no items.

    Parameters
    ----------
    responses : Responses, data frame, array or path
        Persons by items; raw answers with a bank or as `load_responses` kept them, otherwise points.
    bank : ItemBank, optional
        Keys for raw answers, the highest points of every item, the options with their words.
    missing : MissingPolicy, optional
        Which missing answers count as wrong, as in `calibrate`.

    Examples
    --------
    >>> import numpy as np
    >>> right = np.random.default_rng(1).random((200, 8)) < np.linspace(0.2, 0.9, 200)[:, None]
    >>> set(check_items(right.astype(int)).verdicts)
    {'keep'}
    """
    data = answers_to_tests(responses, bank)
    if not data.scores.size:
        raise ResponsesError("quality.no_table", persons=len(data.persons), items=len(data.items))
    policy = missing or MissingPolicy()
    policy.check_scored()
    codes, observed = data.effective(policy)
    others = RestScores.of(codes, observed, data.max_scores)
    highest, n, r = others.highest, observed.sum(axis=0), others.correlations()
    answered, left_out = observed.any(axis=1), classical.left_out(data, codes, observed)
    moments = classical.PairMoments.of(codes[answered], observed[answered])
    mean, variance = moments.mean, np.diag(moments.covariance) * (n - 1) / np.maximum(n, 1)
    by_third, options = classical.traced(data, others, bank)
    suspected = {s.item: s.suggestion for s in suspected_keys(data, policy=missing, rest=r)}
    inputs = {"responses": digest_arrays(codes, np.packbits(observed))} | ({"bank": bank.digest} if bank else {})
    persons = int(answered.sum())
    out = _judged(
        (n > 0) & (variance <= 0),
        suspected,
        classical.rivals(options),
        items=data.items,
        n=n,
        max_scores=data.max_scores,
        share=mean / highest,
        **classical.mean_limits(mean, variance, highest, n),
        item_rest=r,
        **classical.alphas(moments, persons, left_out["n_given"]),
        **left_out,
        thirds=by_third,
        options=options,
        n_persons=persons,
        missing=policy,
        findings=gathered(data.findings, _of_the_test(others, suspected, left_out["in_tail"], data.items)),
        provenance=provenance("check_items", inputs, {"missing": policy.describe("en")}),
    )
    announce(out.findings, known=data.findings)
    return out


def _judged(
    constant: Bools,
    suspected: Mapping[str, str],
    rivals: Mapping[str, classical.OptionTrace],
    **facts: Any,  # noqa: ANN401 - the other fields
) -> ItemAnalysis:
    """Return the analysis of these facts, with reasons and the verdict on each item."""
    facts |= {"mean": facts["share"] * np.maximum(facts["max_scores"], 1)}
    facts |= classical.correlation_limits(facts["item_rest"], facts["n"])
    out = ItemAnalysis(verdicts=(), reasons=(), suspected_keys=tuple(suspected), **facts)
    reasons = [_reasons(out, i, rivals.get(item), suspected.get(item), constant[i]) for i, item in enumerate(out.items)]
    verdicts = tuple(min((_FOLLOWS.get(r.code, "look") for r in of_item), key=ORDER.index) for of_item in reasons)
    return replace(out, verdicts=verdicts, reasons=tuple(chain.from_iterable(reasons)))


def _reasons(a: ItemAnalysis, i: int, rival: classical.OptionTrace | None, key: str | None, constant: bool) -> list[Finding]:  # noqa: FBT001
    """Return the reasons of the verdict on the item at place i, at least one; `key` is what the screening of keys suggests."""
    item, r, n = a.items[i], float(a.item_rest[i]), int(a.n[i])
    low, high, share = float(a.item_rest_low[i]), float(a.item_rest_high[i]), float(a.share[i])
    if n < LEAST_ANSWERS:
        return [Template("quality.item_few_answers").of([item], answers=n, least=LEAST_ANSWERS)]
    if constant:
        return [Template("quality.item_constant").of([item], points=f"{100 * share:.0f} %")]
    if key is not None:
        other = Template("quality.item_other_key").about([item] * bool(key), r=r, answer=key)
        return [*(other or Template("quality.item_wrong_key").about([item], r=r))]
    if not np.isfinite(r):
        return [Template("quality.item_alone").of([item])]
    out: list[Finding] = []
    if high < 0:
        out.append(Template("quality.item_negative").of([item], r=r, low=low, high=high))
    elif high < UNRELATED:
        out.append(Template("quality.item_unrelated").of([item], r=r, high=high))
    elif r < WEAK and high < RELATED:
        out.append(Template("quality.item_weak").of([item], r=r, low=low, high=high))
    if rival is not None:
        out.append(Template("quality.item_rival").of([item], answer=rival.option, r=rival.r, share=100 * rival.share))
    shares = {
        "quality.item_easy": (a.share_low[i] > EASY, share),
        "quality.item_hard": (a.share_high[i] < HARD, share),
        "quality.item_omitted": (a.omitted[i] > MOST_LEFT_OUT, float(a.omitted[i])),
        "quality.item_not_reached": (a.not_reached[i] > MOST_LEFT_OUT, float(a.not_reached[i])),
        "quality.item_zero_tail": (a.in_tail[i] > MOST_LEFT_OUT, float(a.in_tail[i])),
    }
    out += [Template(code).of([item], share=100 * much) for code, (holds, much) in shares.items() if holds]
    return out or [Template("quality.item_sound").of([item], share=100 * share, r=r)]


def _of_the_test(others: RestScores, suspected: Mapping[str, str], tails: Floats, items: tuple[str, ...]) -> tuple[Finding, ...]:
    """Return what is to be said of the test: keys, few answers, zeros at the end, ceiling and floor by the sums of persons."""
    n, given = others.observed.sum(axis=0), others.possible > 0
    answers = tuple(f"{item} — {answer}" for item, answer in suspected.items() if answer)
    words = {lang: result_words("quality", lang)("key_answers", answers=answers) if answers else "" for lang in LANGUAGES}
    ends = {"quality.ceiling": others.earned == others.possible, "quality.floor": others.earned == 0}
    shares = {code: float((given & at).sum() / max(given.sum(), 1)) for code, at in ends.items()}
    many = given.sum() >= LEAST_ANSWERS
    return (
        *Template("quality.probable_wrong_key").about(suspected, answers=words),
        *tail_findings(items, tails),
        *(Template(code).of(share=100 * share) for code, share in shares.items() if many and share > END),
        *Template("quality.few_answers").about(compress(items, n < LEAST_ANSWERS), least=LEAST_ANSWERS),
        *Template("quality.rough").about(compress(items, (n >= LEAST_ANSWERS) & (n < ENOUGH)), enough=ENOUGH),
    )


def items_of(calibration: Calibration) -> ItemAnalysis:
    """Return the item analysis that a calibration carries: answers, shares of points, correlations with the rest, doubtful keys.

    What only the answers say is NaN or empty: alpha, thirds, options, what was left out. Items with parameters of their own in
    groups have a row in each.
    """
    p, n = calibration.parameters, calibration.n_answers
    items, unknown, highest = p.labels, np.full(len(n), np.nan), (p.n_categories - 1).astype(np.float64)
    share = calibration.share if calibration.share.size else unknown
    flat, doubted = set[str](), dict[str, str]()
    for finding in calibration.findings:
        if finding.code == "calibration.constant_item":
            flat |= set(finding.scope)
        elif finding.code == "calibration.probable_wrong_key":
            doubted |= dict.fromkeys(finding.scope, "")
        elif finding.code == "calibration.other_key":
            doubted |= finding.facts["answers"]
    return _judged(
        np.array([item in flat for item in p.items], dtype=np.bool_),
        {label: doubted[item] for label, item in zip(items, p.items, strict=True) if item in doubted},
        {},
        items=items,
        n=n,
        max_scores=p.n_categories - 1,
        share=share,
        **classical.mean_limits(share * highest, share * (1 - share) * highest**2, highest, n),
        item_rest=calibration.item_rest,
        **dict.fromkeys(("alpha", "alpha_low", "alpha_high", "alpha_given", "n_given"), np.nan),
        **dict.fromkeys(("alpha_without", "omitted", "not_reached", "in_tail"), unknown),
        thirds=np.full((len(n), 3), np.nan),
        options=(),
        n_persons=calibration.n_persons,
        missing=MissingPolicy(),
        findings=(),
        provenance=calibration.provenance,
    )
