"""What a family is, and how an item is drawn from it.

An item of a family shows what a pupil who follows one wrong rule got in some tasks, and asks what this pupil will get in
another one. A draw is accepted only where it can tell: the evidence fits one wrong rule and no other, nor the right rule, and
the right rule and all wrong ones give different answers to the question.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from random import Random
from typing import Any

Answer = int | Fraction | str
Numbers = tuple[Any, ...]
TRIES = 2_000
EVIDENCE = 2


@dataclass(frozen=True)
class Rule:
    """A way to work out a task.

    Attributes
    ----------
    code : str
        Code of the misconception; "" for the right rule.
    ru : str
        What is done, to stand after "Ученик".
    apply : callable
        Numbers of a task to its answer; `ArithmeticError` where the rule gives none.
    source : str
        Where the wrong rule is described.
    """

    code: str
    ru: str
    apply: Callable[..., Answer]
    source: str = ""


@dataclass(frozen=True)
class Family:
    """Tasks of one form with the right rule and the wrong ones.

    Attributes
    ----------
    name : str
        Name of the family, unique among all.
    subject, methodical : str
        Codes of the competency that solving such a task shows, and that recognising the wrong rule shows.
    title : str
        What the tasks are about.
    stage : str
        The stage of school where it is taught.
    intro : str
        The sentence before the pupil's work.
    numbers : callable
        A generator of random numbers to the numbers of one task.
    ask : callable
        Numbers of a task to its wording in the pupil's work, to which the answer is appended.
    shown : callable
        An answer to its wording.
    truth : Rule
        The right rule.
    bugs : tuple of Rule
        At least two wrong rules.
    """

    name: str
    subject: str
    methodical: str
    title: str
    stage: str
    intro: str
    numbers: Callable[[Random], Numbers]
    ask: Callable[..., str]
    shown: Callable[[Answer], str]
    truth: Rule
    bugs: tuple[Rule, ...]

    def answers(self, task: Numbers) -> dict[str, Answer | None]:
        """Return what each rule, by its code, makes of a task; None where a rule gives no answer."""
        out: dict[str, Answer | None] = {}
        for rule in (self.truth, *self.bugs):
            try:
                out[rule.code] = rule.apply(*task)
            except ArithmeticError:
                out[rule.code] = None
        return out


@dataclass(frozen=True)
class Drawn:
    """One accepted draw: the tasks of the evidence, the question, the pupil's rule, and how many draws fell before it."""

    family: Family
    seed: int
    evidence: tuple[Numbers, ...]
    question: Numbers
    bug: Rule
    refused: int

    @property
    def options(self) -> dict[str, str]:
        """Return the answers of all rules to the question by option code, in the order of their size or of the alphabet."""
        found = {code: a for code, a in self.family.answers(self.question).items() if a is not None}
        order = sorted(found.values(), key=lambda a: (isinstance(a, str), a))
        return {str(k + 1): self.family.shown(a) for k, a in enumerate(order)}

    def code_of(self, rule: Rule) -> str:
        """Return the code of the option that holds the answer of a rule."""
        answer = self.family.shown(rule.apply(*self.question))
        return next(code for code, text in self.options.items() if text == answer)

    @property
    def work(self) -> str:
        """Return the pupil's work, a line a task."""
        lines = (
            f"{k + 1}) {self.family.ask(*task)} {self.family.shown(self.bug.apply(*task))}" for k, task in enumerate(self.evidence)
        )
        return "\n".join(lines)

    def pupil_item(self, item: str) -> dict[str, Any]:
        """Return the methodical item: which answer will this pupil give."""
        rules = {self.code_of(rule): rule for rule in (self.family.truth, *self.family.bugs)}
        right = self.family.shown(self.family.truth.apply(*self.question))
        return {
            "id": item,
            "type": "single",
            "title": {"ru": f"{self.family.title}: правило ученика"},
            "stem": f"{self.family.intro} Ученик во всех заданиях действует по одному и тому же неверному правилу. "
            f"Какой ответ он получит в следующем задании?\n{self.family.ask(*self.question)} …\n",
            "stimulus": {"text": self.work},
            "options": self.options,
            "key": self.code_of(self.bug),
            "competencies": {self.family.methodical: 0.7, self.family.subject: 0.3},
            "part": "methodical",
            "stage": self.family.stage,
            "time_s": 150,
            "cognitive": "reasoning",
            "task": "error_analysis",
            "family": {"name": self.family.name, "seed": self.seed},
            "misconceptions": {
                code: "Дан верный ответ: правило ученика не применено"
                if not rule.code
                else f"Ученику приписано другое правило: {rule.ru}"
                for code, rule in sorted(rules.items())
                if rule is not self.bug
            },
            "solution": f"Ученик {self.bug.ru}; верный ответ {right.removesuffix('.')}.",
            "facts": {f"Ошибка: {self.bug.ru}": [self.bug.source]},
            "source": "Семейство заданий",
            "status": "draft",
        }

    def subject_item(self, item: str) -> dict[str, Any]:
        """Return the subject item: the right answer among what the wrong rules give."""
        wrong = {self.code_of(bug): bug for bug in self.family.bugs}
        return {
            "id": item,
            "type": "single",
            "title": {"ru": self.family.title},
            "stem": f"{self.family.intro} Какой ответ верен?\n{self.family.ask(*self.question)} …\n",
            "options": self.options,
            "key": self.code_of(self.family.truth),
            "competencies": {self.family.subject: 1},
            "part": "subject",
            "stage": self.family.stage,
            "time_s": 90,
            "cognitive": "applying",
            "family": {"name": self.family.name, "seed": self.seed},
            "misconceptions": {code: bug.ru[0].upper() + bug.ru[1:] for code, bug in sorted(wrong.items())},
            "misconception_codes": {code: bug.code for code, bug in sorted(wrong.items())},
            "source": "Семейство заданий",
            "status": "draft",
        }


def tells(family: Family, evidence: tuple[Numbers, ...], question: Numbers, bug: Rule) -> bool:
    """Tell whether the evidence fits one wrong rule only and the question parts all rules."""
    said = [family.answers(task) for task in evidence]
    if any(None in answers.values() for answers in said):
        return False
    fitting = [code for code in said[0] if all(answers[code] == answers[bug.code] for answers in said)]
    asked = list(family.answers(question).values())
    texts = [family.shown(a) for a in asked if a is not None]
    return fitting == [bug.code] and None not in asked and len(set(texts)) == len(texts) == len(asked)


def drawn(family: Family, seed: int) -> Drawn:
    """Draw an item; the same family and seed give the same item everywhere.

    Raises
    ------
    ValueError
        When no draw of many can tell the rules apart.
    """
    random = Random(f"{family.name}/{seed}")
    for refused in range(TRIES):
        bug = random.choice(family.bugs)
        *evidence, question = (family.numbers(random) for _ in range(EVIDENCE + 1))
        distinct = all(one != other for one, other in combinations([*evidence, question], 2))
        if distinct and tells(family, tuple(evidence), question, bug):
            return Drawn(family, seed, tuple(evidence), question, bug, refused)
    raise ValueError(f"{family.name}: no draw of {TRIES} tells its rules apart")


def number(answer: Answer, unit: str = "") -> str:
    """Return a number as a school text prints it: decimal comma, true minus, a fraction where decimals do not end."""
    if isinstance(answer, str):
        return answer
    value = Fraction(answer)
    rest = value.denominator
    for p in (2, 5):
        while rest % p == 0:
            rest //= p
    decimals = f"{float(abs(value)):.6f}".rstrip("0").rstrip(".").replace(".", ",")
    whole = (
        re.sub(r"(?<=\d)(?=(?:\d{3})+(?!\d))", "\u00a0", decimals.partition(",")[0])
        if abs(value) >= 10_000
        else decimals.partition(",")[0]
    )
    text = (
        whole + ("," + decimals.partition(",")[2] if "," in decimals else "")
        if rest == 1
        else f"{abs(value.numerator)}/{value.denominator}"
    )
    return ("\u2212" if value < 0 else "") + text + (f"\u00a0{unit}" if unit else "")
