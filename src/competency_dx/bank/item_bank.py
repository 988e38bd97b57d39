"""The item bank: items, forms, framework and parameters as one frozen, versioned value."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date as date_of
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, NotRequired, Self, TypedDict

import numpy as np

from competency_dx.arrays import Z95, FrozenDict, held_to, value
from competency_dx.bank import parameter_record
from competency_dx.bank.bank_file import BankDocument, Form, compiled, compiled_path, inconsistencies, write_yaml
from competency_dx.bank.document import Text, parse
from competency_dx.bank.framework import CompetencyFramework, is_shipped
from competency_dx.bank.item import Item
from competency_dx.bank.parameter_record import BankPopulation, LeafPopulation, ParameterRecord, Scaled, number_columns, parameter_row
from competency_dx.display import Chart, code_word, interval_chart, result_words
from competency_dx.errors import BankError, DocumentError, ModelError, checked, repeated
from competency_dx.findings import Finding, Template, announce
from competency_dx.result import SELF_REPORT, DataFrame, Provenance, Result, digest_document, encode, encode_fields, provenance
from competency_dx.storage import whole_folder

FARTHEST, STEEPEST = 10.0, 6.0
"""Difficulties beyond so many logits are mistakes."""
DOCUMENTS = ("bank", "items", "framework")
OF_SLOPE_1 = frozenset({"Rasch", "1PL", "PCM", "RSM"})
BANK_FILES = frozenset({"parameters.csv", *(name + end for name in DOCUMENTS for end in (".yaml", ".compiled.json"))})


class BankRecord(TypedDict):
    """A whole bank with the digest of its content."""

    header: BankDocument
    items: Annotated[tuple[Item, ...], held_to(key="id")]
    framework: CompetencyFramework
    parameters: Annotated[tuple[ParameterRecord, ...], held_to(key="item")]
    digest: str
    provenance: NotRequired[Provenance]


@value
class ItemBank(Result):
    """A bank: load one with `load_bank`, or build one from items; every change makes a new value.

    `header` has id, titles, version, framework reference, reference set, population, forms and misconceptions; `items` are in the order
    of the file, their codes belong to the tree `framework`; `parameters` are at most one per item, and an item without one cannot be
    scored on the scale.
    Raises `BankError` when ids repeat, a code is not in the framework, an option names an undeclared misconception, a form or the
    reference set names an unknown item, or parameters do not fit the maximum score or are beyond what a model carries.
    """

    pictures: ClassVar[tuple[str, ...]] = ("difficulty",)
    header: BankDocument
    items: tuple[Item, ...]
    framework: CompetencyFramework
    parameters: tuple[ParameterRecord, ...] = ()

    def __post_init__(self) -> None:
        if faults := tuple(inconsistencies(self)):
            raise BankError("bank.in_bank", state=faults, id=self.header.id, fault=faults[0])

    @property
    def id(self) -> str:
        """Return the id of the bank."""
        return self.header.id

    @property
    def version(self) -> str:
        """Return the version of the bank."""
        return self.header.version

    @property
    def title(self) -> Text:
        """Return the titles of the bank."""
        return self.header.title

    @property
    def forms(self) -> tuple[Form, ...]:
        """Return the forms."""
        return self.header.forms

    @property
    @lru_cache(maxsize=256)  # noqa: B019 - so many banks are kept, and no more
    def digest(self) -> str:
        """Return the SHA-256 of the whole content: items, keys, forms, framework, parameters."""
        return digest_document(encode_fields(self))

    @property
    @lru_cache(maxsize=256)  # noqa: B019 - as above
    def epoch(self) -> str:
        """Return the name of the scale of θ: the digest of its first parameters; a calibration that holds no items begins another."""
        numbers = [r.model_dump(include={"item", "model", "a", "b", "c", "u"}) for r in self.parameters]
        return self.header.epoch or digest_document(numbers).removeprefix("sha256:")[:12]

    @property
    def provenance(self) -> Provenance:
        """Return which bank this is: id, version and digest of the content."""
        return provenance("load_bank", {"bank": f"{self.id} {self.version} {self.digest}"}, {})

    @property
    def reference_set(self) -> tuple[str, ...]:
        """Return the ids of the frozen items that competency percent is defined on."""
        chosen = self.header.reference_set
        return tuple(i.id for i in self.items) if chosen == "all" else chosen

    @property
    @lru_cache(maxsize=256)  # noqa: B019 - as above
    def leaves(self) -> Mapping[str, str]:
        """Return the leaf that each item counts for: the deepest node but a topic above its competency of greatest weight.

        An item that carries a topic with nothing above it is left out. It is what ``calibrate(dimensions=…)`` takes.
        """
        above = {i.id: self.framework.lineage(max(i.competencies, key=i.competencies.__getitem__)) for i in self.items}
        leaves = {item: next((node.code for node in lineage if node.kind != "topic"), "") for item, lineage in above.items()}
        return FrozenDict({item: leaf for item, leaf in leaves.items() if leaf})

    @property
    def coverage(self) -> Mapping[str, tuple[Item, ...]]:
        """Return the items of each node of the framework but topics, each with its leaf and all above it."""
        of, within, nodes = self.leaves, self.framework.within, [node.code for node in self.framework.nodes if node.kind != "topic"]
        found = {code: tuple(i for i in self.items if i.id in of and within(of[i.id], code)) for code in nodes}
        return FrozenDict({code: items for code, items in found.items() if items})

    @property
    def misconceptions(self) -> Mapping[str, Text]:
        """Return the declared misconceptions, code to titles."""
        return self.header.misconceptions

    def misconception_options(self, code: str) -> tuple[tuple[str, str], ...]:
        """Return item id and code of the wrong options that tell of a misconception; raises `BankError` when it is not declared."""
        if code not in self.misconceptions:
            raise BankError("bank.no_misconception", id=self.id, name=code, misconceptions=self.misconceptions)
        return tuple((item.id, option) for item in self.items for option, own in item.misconception_codes.items() if own == code)

    def item(self, item_id: str) -> Item:
        """Return the item with this id."""
        if (found := next((item for item in self.items if item.id == item_id), None)) is None:
            raise BankError("bank.no_item", id=self.id, item_id=item_id)
        return found

    def form(self, form_id: str) -> Form:
        """Return the form with this id."""
        if (found := next((form for form in self.forms if form.id == form_id), None)) is None:
            raise BankError("bank.no_form", id=self.id, form_id=form_id, forms=[f.id for f in self.forms])
        return found

    def with_calibration(
        self, calibration: Scaled, *, date: str | None = None, group: str | None = None, source: str | None = None
    ) -> Self:
        """Return a new version of the bank that carries the calibrated parameters; this one stays as it is.

        Of several competencies, which must be the leaves of the items, the population comes with them: means, SDs and
        correlations with standard errors. One competency brings mean and variance, and correlations stay as they were. Where it
        stands for items of several leaves on the scale of the bank, its variance is that of what they share and not theirs: means,
        SDs and all else that the population says of leaves stay, which is told, and mean and variance are for `score` alone.
        Parameters that the calibration left as they were, those of anchors, keep their record: status, standard errors, number
        of answers, date; and so do the items by which a `Link` to this bank puts a new calibration on its scale. Items of another
        subject keep their parameters and their population. New records and population get a date: the one given, or today's.
        `group` and `source` say whose population it is and where from; the bank's stay, a source as long as its correlations do.
        Raises `BankError` when the calibration has other items or competencies than the bank, or would leave parameters of two
        scales in it.
        """
        if not hasattr(calibration, "bank_records"):
            raise BankError("bank.not_a_calibration", given=type(calibration).__name__)
        day = date_of.today().isoformat() if date is None else date
        fresh = {r.item: r.model_copy(update={"date": r.date or day}) for r in calibration.bank_records()}
        if unknown := [i for i in fresh if i not in {item.id for item in self.items}]:
            raise BankError("bank.calibration_unknown_items", id=self.id, unknown=unknown)
        if stray := [i for i, code in calibration.bank_dimensions().items() if self.leaves.get(i) != code]:
            raise BankError("bank.calibration_other_leaves", id=self.id, stray=stray)
        kept = {r.item: r for r in self.parameters}
        links = getattr(calibration, "linked_by", {}).get(self.digest, ())
        held = {i: kept[i] for i, record in fresh.items() if i in kept and (i in links or kept[i].has_numbers_of(record))}
        others = [i for i in kept if i not in fresh]
        if not held and {self._subject(i) for i in others} & {self._subject(i) for i in fresh}:
            raise BankError("bank.calibration_misses_items", id=self.id, others=others)
        now = kept | fresh | held
        records = tuple(now[i.id] for i in self.items if i.id in now)
        brought = calibration.bank_population()
        population = self._joined(brought.model_copy(update={"date": brought.date or day}), fresh, others, same_scale=bool(held))
        said = {name: text for name, text in (("group", group), ("source", source)) if text is not None}
        new = {"version": self._next_version, "population": population.model_copy(update=said), "epoch": self.epoch if held else ""}
        header = self.header.model_copy(update={"schema_version": max(2, self.header.schema_version)} | new)
        return replace(self, header=header, parameters=records)

    def _joined(self, new: BankPopulation, fresh: Collection[str], others: Collection[str], *, same_scale: bool) -> BankPopulation:
        """Return a new population with what it does not say of leaves, from the one before."""
        before = self.header.population
        new = new.model_copy(update={"group": new.group or before.group})
        if new.leaves:
            return new
        general = same_scale and len({self.leaves.get(i) for i in fresh}) > 1
        as_before = LeafPopulation(mean=before.mean, sd=float(before.variance) ** 0.5)
        kept = self.leaves.values() if general else [self.leaves[i] for i in others if i in self.leaves]
        leaves = {leaf: before.leaves.get(leaf, as_before) for leaf in kept}
        if not general:
            return new.model_copy(update={"correlations": before.correlations, "source": before.source, "leaves": leaves})
        announce([Template("bank.general_population").of(leaves)])
        error = max(before.mean_se, new.mean_se)  # that of a link is in the new one
        return before.model_copy(update={"mean": new.mean, "variance": new.variance, "mean_se": error, "leaves": leaves})

    def without(self, items: Collection[str]) -> Self:
        """Return a new version in which items keep their content and lose their parameters; raises `BankError` for unknown ones."""
        gone = {self.item(item).id for item in items}
        header = self.header.model_copy(update={"version": self._next_version, "epoch": self.epoch})  # what is left has its scale
        return replace(self, header=header, parameters=tuple(r for r in self.parameters if r.item not in gone))

    @property
    def _next_version(self) -> str:
        head, _, last = self.version.rpartition(".")
        return f"{head}.{int(last) + 1}" if head and last.isdigit() else f"{self.version}.1"

    def _subject(self, item: str) -> str:
        """Return the topmost node above the competencies of an item: subjects may have scales of their own."""
        return [n.code for n in self.framework.lineage(next(iter(self.item(item).competencies)))][-1]

    def findings(self) -> tuple[Finding, ...]:
        """Return what a careful reader of the bank would remark: provisional parameters, thin competencies."""
        return _findings(self)

    def to_frame(self) -> DataFrame:
        """Return one row per item: item, type, competencies, max_score, model, status and the parameters with se_."""
        import pandas as pd

        parameters, names = {r.item: parameter_row(r) for r in self.parameters}, ["item", "type", "competencies", "max_score"]
        facts = [(i.id, i.type, ", ".join(i.competencies), i.max_score) for i in self.items]
        frame = pd.DataFrame([{"status": None} | dict(zip(names, row, strict=True)) | parameters.get(row[0], {}) for row in facts])
        return frame.reindex(columns=[*names, "model", "status", *number_columns(self.parameters), "calibration", "n", "date"])

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return id, size, coverage and the standing of the parameters."""
        say, states = result_words("bank", language), Counter(r.status for r in self.parameters)
        types = [f"{code_word('type', t, language)} {n}" for t, n in Counter(i.type for i in self.items).items()]
        return [
            say("head", id=self.id, version=self.version, title=self.title.text(language)),
            say("items", n=len(self.items), types=", ".join(types)),
            say("forms", forms=tuple(f"{f.id} ({len(f.items)})" for f in self.forms)),
            say("framework", id=self.framework.id, version=self.framework.version),
            say("parameters", states=tuple(f"{code_word('status', s, language)} {n}" for s, n in states.items())),
            self.digest[:23] + "…",
        ]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return difficulties, of several steps their mean, with 95 % intervals, hardest item on top."""
        say, rows = result_words("bank", language), sorted(self.parameters, key=lambda r: sum(r.b) / len(r.b))
        centre = np.array([sum(r.b) / len(r.b) for r in rows])
        half = np.array([Z95 * math.hypot(*(s or 0.0 for s in r.se_b)) / len(r.b) for r in rows])  # of the mean of the steps
        title, x_label = say("difficulty"), say("difficulty_axis")
        return interval_chart([r.item for r in rows], (centre, centre - half, centre + half), title=title, x_label=x_label)

    @classmethod
    def _document_type(cls) -> type:
        return BankRecord

    def _document(self) -> dict[str, Any]:
        return encode_fields(self) | {"digest": self.digest, "provenance": encode(self.provenance)}

    @classmethod
    def _from_document(cls, document: Mapping[str, Any]) -> Self:
        out = cls(
            header=parse(BankDocument, document["header"], "header"),
            items=tuple(parse(Item, d, f"items[{k}]") for k, d in enumerate(document["items"])),
            framework=parse(CompetencyFramework, document["framework"], "framework"),
            parameters=tuple(parse(ParameterRecord, d, f"parameters[{k}]") for k, d in enumerate(document["parameters"])),
        )
        if out.digest != document["digest"]:
            raise DocumentError("bank.digest", where=f"{cls.kind}.digest", out=out.id)
        return out


def _odd_number(record: ParameterRecord) -> str:
    """Return the number of a record that no working item has, an empty text where there is none."""
    if not 0 < record.a <= STEEPEST or (record.model in {"Rasch", "PCM", "RSM"} and abs(record.a - 1) > 1e-9):
        return f"a = {record.a:g}"
    return next((f"b = {b:g}" for b in record.b if abs(b) > FARTHEST), "")


@lru_cache(maxsize=256)
def _findings(bank: ItemBank) -> tuple[Finding, ...]:
    loose, scored = [r.item for r in bank.parameters if r.status == "provisional"], {r.item for r in bank.parameters}
    errors = {r.item: (*(r.se_b or (None,)), 0.0 if r.model in OF_SLOPE_1 else r.se_a) for r in bank.parameters}
    certain = [item for item in loose if None in errors[item]]
    odd, subject = {r.item: fault for r in bank.parameters if (fault := _odd_number(r))}, bank.header.subject
    used = (subject, *(code for item in bank.items for code in item.competencies))
    old = {code: new[0] for code in used if (new := bank.framework.replacements(code))}
    strange = [i.id for i in bank.items if not any(bank.framework.within(code, subject) for code in i.competencies)]
    words = {i.id: repeated(" ".join(text.split()) for text in i.options.values() if text.strip()) for i in bank.items}
    same = {item: twice[0] for item, twice in words.items() if twice}
    return (
        *Template("bank.provisional").about(loose, items=len(bank.items)),
        *Template("bank.no_errors").about(certain),
        *Template("bank.no_parameters").about(i.id for i in bank.items if i.id not in scored),
        *Template("bank.odd_parameters").about(odd, where=[f"{item} ({fault})" for item, fault in odd.items()]),
        *Template("bank.same_words").about(same, where=[f"{item} ({text})" for item, text in same.items()]),
        *Template("bank.retired_codes").about(old, where=[f"{code} → {new}" for code, new in old.items()]),
        *Template("bank.other_subject").about(strange, subject=subject),
    )


@checked(BankError)
def save_bank(bank: ItemBank, folder: str | Path) -> Path:
    """Write bank.yaml, items.yaml, parameters.csv and, for a framework of the user's own, framework.yaml.

    Beside each YAML file stands its compiled form, which `load_bank` reads as long as the YAML has not been edited. The
    folder is exchanged as a whole: a reader sees the old bank or the new one. Other files in it stay.
    Raises `StorageError` when the folder cannot be written or another process is writing it.
    """
    plain = encode_fields(bank)
    items = [{k: v for k, v in item.items() if v not in ({}, [], "")} for item in plain["items"]]
    documents = {"bank": plain["header"], "items": {"schema_version": 2, "items": items}}
    if not is_shipped(bank.framework):
        documents["framework"] = plain["framework"]
    with whole_folder(folder, replaced=BANK_FILES.__contains__) as out:
        for name, document in documents.items():
            path, text = out / f"{name}.yaml", write_yaml(document)
            path.write_text(text, encoding="utf-8")
            compiled_path(path).write_text(compiled(text, document), encoding="utf-8")
        (out / "parameters.csv").write_text(parameter_record.write_parameters(bank.parameters), encoding="utf-8")
    return Path(folder)


def refuse_self_report(source: object) -> None:
    """Refuse a bank of statements about oneself, or answers read with one, by a `ModelError`: they say nothing of single persons."""
    made, items = getattr(source, "provenance", None), getattr(source, "items", ())
    of = made.inputs.get(SELF_REPORT, "") if isinstance(made, Provenance) else ""
    if of or any(getattr(item, "part", None) == SELF_REPORT for item in (items if isinstance(items, tuple) else ())):
        raise ModelError("models.self_report", bank=of or getattr(source, "id", ""))
