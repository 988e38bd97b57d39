"""The sheets of the workbook of deficit profiles, with heads and states in the language of the report."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from competency_dx.competencies import STATES, DeficitProfiles
from competency_dx.reports.cohort import summaries
from competency_dx.reports.files import Sheet, SheetCell
from competency_dx.reports.report_context import ReportContext

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "p_deficit": "0%",
        "p_strength": "0%",
        "percent": "0.0",
        "percent_low": "0.0",
        "percent_high": "0.0",
        "theta": "0.00",
        "se": "0.00",
        "reliability": "0.00",
        "prmse": "0.00",
        "n_items": "0",
        "n": "0",
        "mean": "0.0",
        "error": "0.0",
        "q05": "0.0",
        "q95": "0.0",
    }
)


def profile_sheets(profiles: DeficitProfiles, s: ReportContext) -> tuple[Sheet, ...]:
    """Return profiles, strengths, cohort summary, methods and findings."""
    return (
        _profiles(profiles, s),
        _strengths(profiles, s),
        _cohort(profiles, s),
        Sheet(
            name=s.t["sheet_methods"],
            heads=(s.t["settings"], ""),
            columns=tuple(zip(*[*s.methods, (s.t["caveat"], ""), (s.t["purpose"], "")], strict=True)),
            formats={},
            frozen=0,
        ),
        Sheet(
            name=s.t["sheet_findings"],
            heads=(s.t["severity"], s.t["finding"], s.t["scope"], s.t["head_code"]),
            columns=(
                [f.severity for f in s.findings],
                [f.text for f in s.findings],
                [f.scope for f in s.findings],
                [f.code for f in s.findings],
            ),
            formats={},
            frozen=0,
        ),
    )


def _sheet(name: str, columns: Mapping[str, list[SheetCell]], s: ReportContext, frozen: int) -> Sheet:
    heads = {key: s.t.get(f"head_{key}", key) for key in columns}
    return Sheet(
        name=name,
        heads=tuple(heads.values()),
        columns=tuple(columns.values()),
        formats={heads[key]: pattern for key, pattern in FORMATS.items() if key in heads},
        frozen=frozen,
    )


def _profiles(profiles: DeficitProfiles, s: ReportContext) -> Sheet:
    frame = profiles.to_frame()
    levels = {level.code: level.title.text(s.language) for level in s.standards.levels}
    columns = {str(name): frame[name].tolist() for name in frame.columns}
    columns["title"] = _titles(profiles, s)
    columns["state"] = [s.t[state] for state in columns["state"]]
    columns["level"] = [
        levels[code] if status == "reported" else ""
        for code, status in zip(columns["level"], columns["status"], strict=True)
    ]
    columns["status"] = [s.t[f"status_{status}"] for status in columns["status"]]
    return _sheet(s.t["sheet_profiles"], columns, s, 3)


def _titles(profiles: DeficitProfiles, s: ReportContext) -> list[str]:
    return [c.title.text(s.language) for c in profiles.competencies] * len(profiles)


def _strengths(profiles: DeficitProfiles, s: ReportContext) -> Sheet:
    frame = profiles.strengths_frame()
    columns = {str(name): frame[name].tolist() for name in frame.columns}
    columns["title"] = _titles(profiles, s)
    columns["strength"] = [s.t[f"strength_state_{state}"] for state in columns["strength"]]
    return _sheet(s.t["sheet_strengths"], columns, s, 3)


def _cohort(profiles: DeficitProfiles, s: ReportContext) -> Sheet:
    rows = summaries(profiles, s.tree)
    columns: dict[str, list[SheetCell]] = {
        "competency": [row.competency.code for row in rows],
        "title": [row.competency.title.text(s.language) for row in rows],
    }
    for k, state in enumerate(STATES):
        columns[s.t[state]] = [row.counts[k] for row in rows]
    for key in ("n", "mean", "error", "q05", "q95"):
        columns[key] = [getattr(row, key) for row in rows]
    return _sheet(s.t["sheet_cohort"], columns, s, 2)
