"""What all pages of one report share: templates, language, tree, scale, rule and methods note, prepared once."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from competency_dx.arrays import value
from competency_dx.competencies import STATES, Competency, DeficitProfiles, DeficitRule, Standards
from competency_dx.display import LOOKS, NBSP, decimal, interval, percent, tied, toml_content
from competency_dx.reports.pages import Language, engine_line, finding_lines, of_input, several, strings


@value
class Branch:
    """A reporting unit in its place: column in the profiles, indent, and the columns of all units below it."""

    index: int
    depth: int
    competency: Competency
    below: tuple[int, ...]


@value
class ReportContext:
    """What pages and sheets of profiles share: `titles`, `levels` and `ranges` by code; `zones` are the ends of the percent scale."""

    language: Language
    t: Mapping[str, str]
    bank: str
    tree: tuple[Branch, ...]
    titles: Mapping[str, str]
    levels: Mapping[str, str]
    standards: Standards
    rule: DeficitRule
    scale: str
    zones: tuple[str, str]
    ranges: Mapping[str, str]
    policy: str
    signs: Mapping[str, Mapping[str, Any]]
    methods: tuple[tuple[str, str], ...]
    findings: tuple[Mapping[str, str], ...]


def report_context(profiles: DeficitProfiles, language: Language) -> ReportContext:
    """Prepare what the pages share."""
    t, standards, rule = strings(language), profiles.standards, profiles.rule
    return ReportContext(
        language=language,
        t=t,
        bank=profiles.bank.text(language),
        tree=branches(profiles.competencies),
        titles={c.code: unit_title(c, language) for c in profiles.competencies},
        levels={level.code: level.title.text(language) for level in standards.levels},
        standards=standards,
        rule=rule,
        scale=t.get(f"scale_{standards.id}", standards.id),
        zones=(t["zone_deficit"], t["zone_strength"]),
        ranges=level_ranges(standards, language),
        policy=tied(standards.policy(language)),
        signs=signs(standards, rule, language),
        methods=methods(profiles, language),
        findings=finding_lines(profiles.findings, language),
    )


def branches(competencies: Sequence[Competency]) -> tuple[Branch, ...]:
    """Return the units depth first, siblings in the given order; a unit whose parent is not among them is a root."""
    place = {c.code: k for k, c in enumerate(competencies)}
    children: dict[int, list[int]] = {}
    for k, c in enumerate(competencies):
        children.setdefault(place.get(c.parent or "", -1), []).append(k)

    def descend(k: int, depth: int) -> list[Branch]:
        below = [b for child in children.get(k, []) for b in descend(child, depth + 1)]
        return [Branch(index=k, depth=depth, competency=competencies[k], below=tuple(b.index for b in below)), *below]

    return tuple(b for root in children.get(-1, []) for b in descend(root, 0))


def clusters(tree: Sequence[Branch]) -> tuple[Branch, ...]:
    """Return the default reporting units: the clusters, or the roots where the framework has none."""
    return tuple(b for b in tree if b.competency.kind == "cluster") or tuple(b for b in tree if b.depth == 0)


def unit_title(competency: Competency, language: Language) -> str:
    """Return the title of a reporting unit; a category of teachers stands for the whole test."""
    title = competency.title.text(language)
    if competency.kind != "category":
        return title
    return strings(language)["whole_test"].format(title=title[:1].lower() + title[1:] if language == "ru" else title)


def level_ranges(standards: Standards, language: Language) -> dict[str, str]:
    """Return what part of the percent scale each level is: ``"< 60 %"``, ``"60–80 %"``, ``"> 80 %"``."""
    cuts = standards.cuts
    ends = [f"<{NBSP}{percent(cuts[0], language)}", f">{NBSP}{percent(cuts[-1], language)}"]
    between = [interval(low, high, language) for low, high in pairwise(cuts)]
    return {level.code: text for level, text in zip(standards.levels, [ends[0], *between, ends[1]], strict=True)}


def signs(standards: Standards, rule: DeficitRule, language: Language) -> dict[str, Mapping[str, Any]]:
    """Return how the five states are shown everywhere: look, name, and meaning under this rule."""
    t, fill = strings(language), _thresholds(standards, rule, language)
    return {
        state: {"look": look, "name": t[state], "meaning": t[f"legend_{state}"].format(**fill)}
        for state, look in zip(STATES, LOOKS, strict=True)
    }


def _thresholds(standards: Standards, rule: DeficitRule, language: Language) -> dict[str, str]:
    shares = ("confirmed", "likely", "indeterminate", "own_share", "coverage")
    return {name: percent(100 * getattr(rule, name), language) for name in shares} | {
        "cut": percent(standards.deficit_cut, language),
        "top": percent(standards.cuts[-1], language),
        "items": several(rule.min_items, "item", language),
    }


def methods(profiles: DeficitProfiles, language: Language) -> tuple[tuple[str, str], ...]:
    """Return the methods note as pairs of name and text, generated from the provenance of the result."""
    t, made, standards = strings(language), profiles.provenance, profiles.standards
    loose = sum(fact.status == "provisional" for fact in profiles.items)
    rule = [t["rule_text"].format(**_thresholds(standards, profiles.rule, language))]
    if (bound := profiles.rule.false_share) is not None:
        rule.append(t["rule_false_share"].format(share=percent(100 * bound, language)))
    pairs = [
        engine_line(made, language),
        (t["standards"], f"{t.get(f'scale_{standards.id}', standards.id)}: " + "; ".join(percent(c, language) for c in standards.cuts)),
        (t["source"], standards.source.text(language)),
        (t["policy"], tied(standards.policy(language))),
        (t["rule"], " ".join(rule)),
    ]
    pairs += [(t["provisional_note"], t["provisional_text"].format(n=loose, total=len(profiles.items)))] if loose else []
    pairs.append((t["method"], f"{t['method_text']}{_correlations(profiles, language)}"))
    pairs.append((t["missing_answers"], profiles.rule.missing.describe(language)))
    inputs = ((of_input(name, language), re.sub(r"(sha256:\w{12})\w+", r"\1…", text)) for name, text in made.inputs.items())
    return (*pairs, *inputs)


def _correlations(profiles: DeficitProfiles, language: Language) -> str:
    """Return the lowest and the highest correlation of competencies in the population, "" where there is one only."""
    codes = [c.code for c in profiles.competencies]
    at = [d for d, leaf in enumerate(profiles.population.leaves) if leaf in codes]
    if len(at) < 2:
        return ""
    covariance = profiles.population.central[np.ix_(at, at)]
    sd = np.sqrt(np.diag(covariance))
    between = (covariance / np.outer(sd, sd))[np.tril_indices(len(sd), -1)]
    low, high = (decimal(float(x), 2, language) for x in (between.min(), between.max()))
    return strings(language)["correlations"].format(low=low, high=high)


def false_share(share: float, s: ReportContext) -> str:
    """Return the sentence on the expected share of false ones among confirmed deficits, "" where there are none."""
    return s.t["false_share"].format(share=percent(100 * share, s.language)) if math.isfinite(share) else ""


@cache
def column_key(name: str) -> str:
    """Return the key of a background column that has one of its usual names in either language, otherwise ""."""
    for key, both in toml_content("reports", "strings").items():
        if key.startswith("column_") and name.strip().casefold() in {w.casefold() for text in both.values() for w in text.split("|")}:
            return key
    return ""


def column_title(name: str, language: Language, beside: Iterable[str] = ()) -> str:
    """Return the title of a background column: the first of its usual names in the language, where no other beside it has that."""
    if any(other != name and column_key(other) == column_key(name) != "" for other in beside):
        return name[:1].upper() + name[1:]
    return strings(language).get(column_key(name), name).split("|")[0]


def named(cell: str, language: Language) -> str:
    """Return a background value: a date as the language writes it, an empty one is told as such."""
    if cell in {"", "nan", "None", "NaN", "NaT"}:
        return strings(language)["not_stated"]
    date = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)(?:[ T]00:00:00)?", cell)
    return cell if date is None else ".".join(reversed(date.groups())) if language == "ru" else "-".join(date.groups())
