"""Bringing answers and parameters together by item id, in the order of the parameters, whatever the order of columns.

A table goes through every question that `load_responses` has for it; a service scoring one person after the other asks none of
them: numbers under the ids of calibrated items, of one person or of many with plain ids, are points that need no reading. What is
taken so is what those questions leave alone, so the digits are the same either way.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Codes, Ints, Names, names
from competency_dx.bank import ItemBank, ledger_of, refuse_self_report
from competency_dx.errors import ScoringError
from competency_dx.findings import Finding, Template, announce
from competency_dx.models import ItemParameters, bank_parameters
from competency_dx.responses import Layout, MissingPolicy, Reason, Reasons, Responses, chosen_options, load_responses

if TYPE_CHECKING:
    import pandas as pd

    from competency_dx.calibration import Calibration
    from competency_dx.classification import ClassCalibration

PERSON = "person"
PLAIN_ID = re.compile(r"[A-Za-z]{0,4}[-_]?\d{1,9}")  # no name, telephone, document or label of totals looks like this
KEPT = 64


class Matched(NamedTuple):
    """Persons (P,), scores (P, I) and observed mask (P, I) in the order of the parameters, with what did not match."""

    data: Responses
    persons: Names
    codes: Codes
    observed: Bools
    findings: tuple[Finding, ...]

    def rows(self, persons: Ints) -> "Matched":
        """Return some of the persons."""
        return self._replace(persons=self.persons[persons], codes=self.codes[persons], observed=self.observed[persons])


def parameters_of(source: "ItemBank | Calibration") -> ItemParameters:
    """Return the item parameters of a bank or a calibration, of its reference group where they differ between groups."""
    return bank_parameters(source) if isinstance(source, ItemBank) else source.parameters.in_group()


def as_calibration(source: object) -> "Calibration | None":
    """Return a calibration as it is, None for anything else; a process that knows banks only never loads that room."""
    if isinstance(source, ItemBank):
        return None
    from competency_dx.calibration import Calibration

    return source if isinstance(source, Calibration) else None


def check_one_dimension(parameters: "ItemBank | Calibration", verb: str) -> None:
    """Refuse several competencies where a verb is about one, by a `ScoringError`."""
    calibration = as_calibration(parameters)
    if calibration is not None and len(calibration.population.dimensions) > 1:
        raise ScoringError("persons.one_competency", verb=verb, dimensions=calibration.population.dimensions)


def as_responses(source: Any, parameters: "ItemBank | Calibration | ClassCalibration") -> Responses:  # noqa: ANN401 - any table
    """Return responses as they are, or load a table, with the bank's keys when a bank is given.

    A mapping is one person. Plain numbers under the ids of calibrated items are points and need no reading; everything
    else goes the way of every table, to the same digits.
    """
    for given in (parameters, source):
        refuse_self_report(given)
    if isinstance(source, Responses):
        scored = source.provenance.inputs.get("keys")
        if not scored or not isinstance(parameters, ItemBank) or scored == ledger_of(parameters).digest("key"):
            return source
        of = " ".join(source.provenance.inputs.get("bank", "").split()[:2])
        found = Template("persons.other_keys").of(scored=of, bank=f"{parameters.id} {parameters.version}")
        announce([found])
        return replace(source, findings=(*source.findings, found))
    if (calibration := as_calibration(parameters)) is not None:
        points = plain_points(source, frozenset(calibration.parameters.items))
        if points is not None:
            return points
    if isinstance(source, Mapping) and all(np.ndim(v) == 0 for v in source.values()):
        source = [dict(source)]
    return load_responses(source, bank=parameters if isinstance(parameters, ItemBank) else None)


def plain_points(source: Any, items: frozenset[str]) -> Responses | None:  # noqa: ANN401 - any table
    """Return a mapping or a pandas frame of numbers as responses; None when it has to be read as any other table."""
    if isinstance(source, Mapping):
        if not source or not source.keys() <= items or not all(isinstance(x, int | float | np.number | None) for x in source.values()):
            return None
        row = [np.nan if x is None else x for x in source.values()]
        return load_responses(np.array([row], dtype=np.float64), layout=Layout(items=tuple(source)))
    import pandas as pd

    return _frame(source, items) if isinstance(source, pd.DataFrame) else None


def _frame(frame: "pd.DataFrame", items: frozenset[str]) -> Responses | None:
    named = PERSON in frame.columns and PERSON not in items
    points = frame.drop(columns=PERSON) if named else frame
    plain = points.size and points.columns.is_unique and items.issuperset(points.columns)
    if not plain or not all(dtype.kind in "biuf" for dtype in points.dtypes):
        return None
    index = frame.index if frame.index.nlevels == 1 and frame.index.name in {None, PERSON} else frame.index[:0]
    ids = (frame[PERSON] if named else index).tolist()
    texts = [str(i) for i in ids if isinstance(i, str | int) and not isinstance(i, bool)]
    if not texts or not len(texts) == len(ids) == len(set(texts)) or not all(map(PLAIN_ID.fullmatch, texts)):
        return None
    out = load_responses(points.to_numpy(dtype=np.float64, na_value=np.nan), layout=Layout(items=tuple(points.columns)))
    return replace(out, persons=names(texts))


def match(data: Responses, parameters: ItemParameters, policy: MissingPolicy) -> Matched:
    """Match by item id, naming items without parameters; raises `ScoringError` when none matches or a score is beyond them."""
    codes, observed = data.effective(policy)
    if any(parameters.options) and data.answers is not None:
        codes, observed = _options(data, parameters, codes, observed)
    if data.items == parameters.items:
        _check_range(data, codes, observed, parameters)
        return Matched(data, data.persons, codes, observed, ())
    column = {item: j for j, item in enumerate(data.items)}
    if not (pairs := [(i, column[item]) for i, item in enumerate(parameters.items) if item in column]):
        raise ScoringError("persons.no_common_items", items=data.items, items2=parameters.items)
    to, of = (np.array(side) for side in zip(*pairs, strict=True))
    out = np.zeros((len(codes), len(parameters.items)), dtype=np.int8)
    mask = np.zeros(out.shape, dtype=np.bool_)
    out[:, to], mask[:, to] = codes[:, of], observed[:, of] & policy.counted(data.reasons[:, of])
    _check_range(data, out, mask, parameters)
    known = set(parameters.items)
    unknown = Template("persons.no_parameters").about(item for item in data.items if item not in known)
    return Matched(data, data.persons, out, mask, unknown)


def reasons_of(data: Responses, items: tuple[str, ...]) -> Reasons:
    """Return the reasons (P, I) in the order of items; those without a column were not administered."""
    column = {item: j for j, item in enumerate(data.items)}
    at = np.array([column.get(item, -1) for item in items])
    return np.where(at >= 0, data.reasons[:, at], np.uint8(Reason.NOT_ADMINISTERED))


def _options(data: Responses, parameters: ItemParameters, codes: Codes, observed: Bools) -> tuple[Codes, Bools]:
    """Return the answers with chosen options in place of points where items are modelled by option."""
    codes, observed = codes.copy(), observed.copy()
    column = {item: j for j, item in enumerate(data.items)}
    for item, labels in zip(parameters.items, parameters.options, strict=True):
        j = column.get(item)
        if labels and j is not None:
            found = chosen_options(data, j, labels)
            codes[:, j], observed[:, j] = found.codes, found.chosen
    return codes, observed


def _check_range(data: Responses, codes: Codes, observed: Bools, parameters: ItemParameters) -> None:
    if not len(codes):
        raise ScoringError("persons.no_persons")
    top = codes.max(axis=0)
    unseen = ~parameters.allowed & (np.arange(parameters.intercepts.shape[1]) < parameters.n_categories[:, None])
    for i, k in zip(*np.nonzero(unseen), strict=True):
        if (who := np.flatnonzero((codes[:, i] == k) & observed[:, i])).size:
            raise ScoringError("persons.score_unseen", items=parameters.items[i], k=k, persons=data.persons[who[0]])
    for i in np.flatnonzero(top >= parameters.n_categories):
        if (who := np.flatnonzero((codes[:, i] == top[i]) & observed[:, i])).size:
            item, most, first = parameters.items[i], parameters.n_categories[i] - 1, data.persons[who[0]]
            raise ScoringError("persons.score_above", items=item, top=top[i], persons=first, value=most)


def by_population(data: Responses, parameters: "ItemBank | Calibration") -> Iterator[tuple[Ints | None, ItemParameters]]:
    """Yield persons (None: all) with the items and population they are scored with: the reference group's where theirs is unknown."""
    calibration = as_calibration(parameters)
    if calibration is None or len(calibration.groups) == 1:
        yield None, parameters_of(parameters)
        return
    labels = data.background.get(calibration.grouping) if calibration.grouping is not None else None
    if labels is None:
        yield None, parameters_of_group(calibration, 0)
        return
    place = {name: g for g, name in enumerate(calibration.groups)}
    group = np.array([place.get(str(x), 0) for x in labels], dtype=np.int64)
    for g in np.unique(group):
        yield np.flatnonzero(group == g), parameters_of_group(calibration, int(g))


@lru_cache(maxsize=KEPT)
def parameters_of_group(calibration: "Calibration", group: int) -> ItemParameters:
    """Return the item parameters that hold in a group, under the items' own ids, with the group's population."""
    return replace(calibration.parameters.in_group(calibration.groups[group]), population=calibration.populations[group])
