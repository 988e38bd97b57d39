"""The item: stem, options, key or rubric, competencies; everything that defines what an answer is worth."""

import re
from collections.abc import Mapping
from typing import ClassVar, Literal, Self, cast, get_args
from xml.etree.ElementTree import ParseError, fromstring

from pydantic import Field, field_validator, model_validator

from competency_dx.bank.document import Document, Text
from competency_dx.bank.scoring_rule import CodeMap, Exact, Given, OneError, PerElement, Rubric, ScoringRule, Synonyms, Tolerance
from competency_dx.errors import BankError, phrase, repeated
from competency_dx.wording import toml_content

PATTERNS = toml_content("bank", "patterns")


class Stimulus(Document):
    """What is shown above the question: a text (the lines of a pupil's work), a table by rows, or a picture described."""

    text: str = ""
    table: tuple[tuple[str, ...], ...] = ()
    svg: str = ""
    alt: Text | None = None

    @model_validator(mode="after")
    def _one_that_everybody_can_read(self) -> Self:
        given = [name for name in ("text", "table", "svg") if getattr(self, name)]
        if len(given) != 1:
            raise BankError("bank.stimulus_one", given=given)
        if len(lengths := {len(row) for row in self.table}) > 1:
            raise BankError("bank.stimulus_table", lengths=sorted(lengths))
        if self.svg and (re.search(PATTERNS["active"], self.svg, re.IGNORECASE) or not _is_svg(self.svg)):
            raise BankError("bank.stimulus_svg")
        if self.svg and self.alt is None:
            raise BankError("bank.stimulus_alt")
        return self


def _is_svg(text: str) -> bool:
    try:
        return fromstring(text).tag.rpartition("}")[2] == "svg"
    except ParseError:
        return False


class FamilyMember(Document):
    """Which family an item was drawn from, and the seed of the draw."""

    name: str = Field(min_length=1, pattern=r"^\S+$")
    seed: int | None = None


class SampleAnswer(Document):
    """An answer to an open item with the level it earns on each criterion."""

    answer: str = Field(min_length=1)
    marks: dict[str, int] = Field(min_length=1)

    @property
    def total(self) -> int:
        """Return the points it earns."""
        return sum(self.marks.values())


class Review(Document):
    """Who solved the item without its key and with what outcome, what the lay solver got right, what was changed."""

    blind: tuple[str, ...] = ()
    lay_right: int | None = Field(default=None, ge=0)
    lay_runs: int | None = Field(default=None, ge=1)
    changes: tuple[str, ...] = ()


ItemType = Literal["single", "multiple", "matching", "ordering", "number", "digits", "text", "open", "scored"]
Cognitive = Literal["knowing", "applying", "reasoning"]
Task = Literal[
    "error_analysis", "criteria_marking", "task_choice", "explanation", "planning", "lesson_analysis", "differentiation",
    "functional_literacy",
]  # fmt: skip
Part = Literal["subject", "methodical", "pedagogical", "communicative", "legal", "management", "self_report"]
Status = Literal["draft", "reviewed", "pilot", "operational", "retired"]
Key = str | tuple[str, ...] | dict[str, str] | None
ALLOWED_RULES: Mapping[str, tuple[type[Document], ...]] = {
    "single": (Exact, CodeMap),
    **dict.fromkeys(("multiple", "matching", "ordering"), (Exact, PerElement, OneError)),
    "number": (Tolerance, CodeMap),
    "digits": (Exact, OneError),
    "text": (Synonyms, CodeMap),
    "open": (Rubric, CodeMap),
    "scored": (Given,),
}
"""The rules that suit each type, the default first."""
OF_SECOND_SCHEMA = ("part", "stage", "time_s", "family", "stimulus", "facts", "answer_format", "accept", "reject", "samples", "review")
KEY_FORMS: Mapping[str, type] = {"multiple": tuple, "matching": dict, "ordering": tuple, "text": tuple}
"""What the key of a type is where it is not one text."""
KEY_TEXTS = {kind: re.compile(text.replace("{number}", PATTERNS["number"])) for kind, text in PATTERNS["keys"].items()}
"""What such a text is like, by type or by format of the answer: a key that cannot be read would be found out by the first answer."""
DEFAULT_RULES = {kind: cast("ScoringRule", rules[0]()) for kind, rules in ALLOWED_RULES.items()}


class Criterion(Document):
    """One criterion of a rubric with a description of every score level, 0 to the maximum."""

    id: str = Field(min_length=1)
    title: Text
    levels: dict[str, str]

    @model_validator(mode="after")
    def _levels_are_complete(self) -> Self:
        wanted = [str(k) for k in range(len(self.levels))]
        if list(self.levels) != wanted or len(wanted) < 2:
            raise BankError("bank.level_gaps", levels=list(self.levels))
        return self

    @property
    def max_score(self) -> int:
        """Return the highest level."""
        return len(self.levels) - 1


class Item(Document):
    """One item of a bank: the right answer, what it is evidence for, and what authors and reviewers say of it.

    `key` is in the form of its type: an option code (single), a set of codes (multiple), left code to option code (matching), codes in
    order (ordering), a number as text (number), a digit string (digits), synonyms (text); None where a rubric, a code map or a given
    score decides. `competencies` are framework codes with weights. `misconceptions` tell in words what leads to an option,
    `misconception_codes` name the misconception, declared in the bank, that choosing a wrong option of a single or multiple choice is
    evidence of; several options, of several items, may name the same one. `enemies` are items that one person should not meet together
    with this one: they share a fact, or one gives the other away. `part` is the part of the test, such as ``"methodical"``; `stage` the
    lowest stage of school where it is taught, below which nobody is asked; `time_s` the seconds a prepared person needs. `family` is
    what it was drawn from, with the seed; members of one family do not meet. `facts` are those that settle the answer, each with its
    sources. `answer_format` tells what a short answer consists of that is not one number or wording: ``0,80 ± 0,05``, ``10–12``,
    ``уран-234``. `accept` and `reject` are natural answers that must earn full points, and none.
    """

    later: ClassVar[tuple[str, ...]] = ("misconception_codes", "enemies", *OF_SECOND_SCHEMA)
    id: str = Field(min_length=1, pattern=r"^\S+$")
    type: ItemType
    title: Text | None = None
    stem: str = ""
    options: dict[str, str] = Field(default_factory=dict)
    left: dict[str, str] = Field(default_factory=dict)
    key: Key = Field(default=None)
    scoring: ScoringRule | None = None
    rubric: tuple[Criterion, ...] = Field(default=())
    competencies: dict[str, float] = Field(min_length=1)
    cognitive: Cognitive | None = None
    task: Task | None = None
    misconceptions: dict[str, str] = Field(default_factory=dict)
    misconception_codes: dict[str, str] = Field(default_factory=dict)
    enemies: tuple[str, ...] = ()
    part: Part | None = None
    stage: Literal["primary", "5-9", "10-11", "SPO"] | None = None
    time_s: int | None = Field(default=None, ge=1)
    family: FamilyMember | None = None
    stimulus: Stimulus | None = None
    facts: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    answer_format: Literal["uncertainty", "range", "isotope"] | None = None
    accept: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()
    samples: tuple[SampleAnswer, ...] = ()
    review: Review | None = None
    unit: Text | None = None
    solution: str = ""
    source: str = ""
    status: Status = "draft"

    def __hash__(self) -> int:
        return hash((self.id, self.stem, self.solution))  # all of it takes longer than what is looked up by it

    @property
    def rule(self) -> ScoringRule:
        """Return the scoring rule, the default of the type when none is stated."""
        return self.scoring if self.scoring is not None else DEFAULT_RULES[self.type]

    @property
    def max_score(self) -> int:
        """Return the highest number of points an answer can earn."""
        rule = self.rule
        if isinstance(rule, Rubric):
            return sum(c.max_score for c in self.rubric)
        if isinstance(rule, PerElement):
            return len(self.key or ())
        return max(rule.scores.values()) if isinstance(rule, CodeMap) else rule.points

    @property
    def right_options(self) -> tuple[str, ...]:
        """Return the options of a choice item that earn all points: the key, or what a code map credits."""
        if isinstance(self.rule, CodeMap):
            return tuple(code for code, points in self.rule.scores.items() if points == self.max_score)
        return self.key if isinstance(self.key, tuple) else (str(self.key),)

    @field_validator("key", mode="before")
    @classmethod
    def _key_is_text(cls, key: object) -> object:
        parts = key.values() if isinstance(key, Mapping) else key if isinstance(key, list | tuple) else [key]
        if numbers := [p for p in parts if isinstance(p, int | float)]:
            raise BankError("bank.number_unquoted", numbers=numbers[0])
        return tuple(key) if isinstance(key, list) else key

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for check in (_check_rule, _check_key, _check_options, _check_answers):
            check(self)
        return self


def _check_rule(item: Item) -> None:
    rule = item.rule
    if not isinstance(rule, ALLOWED_RULES[item.type]):
        names = ", ".join(get_args(r.model_fields["rule"].annotation)[0] for r in ALLOWED_RULES[item.type])
        raise BankError("bank.rule_type", rule=rule.rule, type=item.type, names=names)
    if isinstance(rule, Rubric) and not item.rubric:
        raise BankError("bank.rubric_missing")
    if isinstance(rule, CodeMap) and not any(rule.scores.values()):
        raise BankError("bank.code_map_empty")


def _check_key(item: Item) -> None:
    rule, key = item.rule, item.key
    if isinstance(rule, CodeMap | Rubric | Given):
        if key is not None:
            raise BankError("bank.rule_without_key", rule=rule.rule)
        return
    wanted = KEY_FORMS.get(item.type, str)
    if not isinstance(key, wanted) or not key:
        raise BankError("bank.key_form", type=item.type, form=phrase(f"bank.key_form_{wanted.__name__}"), key=key)
    codes = list(key.values()) if isinstance(key, dict) else list(key) if isinstance(key, tuple) else [key]
    form, text = (item.answer_format if item.type == "number" else None) or item.type, " ".join(codes[0].split())
    for unit in (item.unit.ru, item.unit.en or "") if item.unit and form != "digits" else ():
        text = text.removesuffix(unit).rstrip()
    if not all(map(str.strip, codes)) or (form in KEY_TEXTS and not KEY_TEXTS[form].fullmatch(text)):
        what = form if form in KEY_TEXTS else "filled"
        raise BankError("bank.key_form", type=item.type, form=phrase(f"bank.key_form_{what}"), key=key)
    coded = item.type in {"single", "multiple", "matching", "ordering"} and item.options
    if coded and (stray := [c for c in codes if c not in item.options]):
        raise BankError("bank.key_options", stray=stray, options=item.options)
    if isinstance(key, dict) and list(key) != list(item.left):
        raise BankError("bank.key_left", left=list(item.left), key=list(key))
    if item.type in {"multiple", "ordering"} and len(set(codes)) < len(codes):
        raise BankError("bank.key_twice", codes=codes)
    if item.type == "ordering" and item.options and set(codes) != set(item.options):
        raise BankError("bank.key_ordering")


def _check_options(item: Item) -> None:
    """Refuse what is wrong with weights, and with misconceptions: their codes stand at wrong options of choice items."""
    codes = item.misconception_codes
    if bad := [c for c, w in item.competencies.items() if not w > 0]:
        raise BankError("bank.weights", bad=bad)
    if twice := repeated(item.options) or repeated(item.left):  # one sign may be written in two ways
        raise BankError("bank.options_twice", twice=twice)
    if stray := [c for c in item.misconceptions if item.options and c not in item.options]:
        raise BankError("bank.misconceptions_options", stray=stray)
    if codes and item.type not in {"single", "multiple"}:
        raise BankError("bank.misconception_codes_type", type=item.type)
    if stray := [option for option in codes if option not in item.options]:
        raise BankError("bank.misconception_codes_options", stray=stray, options=item.options)
    if right := [option for option in codes if option in item.right_options]:
        raise BankError("bank.misconception_codes_right", right=right)


def _check_answers(item: Item) -> None:
    """Refuse what is wrong with the format of answers and with the answers that an author expects."""
    if item.answer_format and item.type != ("text" if item.answer_format == "isotope" else "number"):
        raise BankError("bank.answer_format", format=item.answer_format, type=item.type)
    if (item.accept or item.reject) and isinstance(item.rule, Rubric | Given):
        raise BankError("bank.answers_of_raters")
    levels = {c.id: range(len(c.levels)) for c in item.rubric}
    for k, sample in enumerate(item.samples):
        if sample.marks.keys() != levels.keys() or any(m not in levels[c] for c, m in sample.marks.items()):
            raise BankError("bank.sample_marks", k=k, criteria=levels, marks=[f"{c}={m}" for c, m in sample.marks.items()])
