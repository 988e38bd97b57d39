"""competency_dx: item bank and raw answers in, trustworthy deficit profiles out.

>>> import competency_dx as cdx
>>> bank = cdx.load_bank("mathematics")
>>> responses = cdx.simulate(bank, 3, rng=__import__("numpy").random.default_rng(1))
>>> profiles = cdx.diagnose(responses, bank)
>>> len(profiles)
3
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from competency_dx.bank import CompetencyFramework as CompetencyFramework
    from competency_dx.bank import Item as Item
    from competency_dx.bank import ItemBank as ItemBank
    from competency_dx.bank import load_bank as load_bank
    from competency_dx.bank import load_framework as load_framework
    from competency_dx.bank import save_bank as save_bank
    from competency_dx.bank import shipped_banks as shipped_banks
    from competency_dx.calibration import AttributePosteriors as AttributePosteriors
    from competency_dx.calibration import Beta as Beta
    from competency_dx.calibration import Calibration as Calibration
    from competency_dx.calibration import ClassCalibration as ClassCalibration
    from competency_dx.calibration import ClassificationAccuracy as ClassificationAccuracy
    from competency_dx.calibration import ClassificationML as ClassificationML
    from competency_dx.calibration import Constraints as Constraints
    from competency_dx.calibration import Exploratory as Exploratory
    from competency_dx.calibration import FactorSolution as FactorSolution
    from competency_dx.calibration import Girth as Girth
    from competency_dx.calibration import LogitNormal as LogitNormal
    from competency_dx.calibration import LogNormal as LogNormal
    from competency_dx.calibration import MarginalML as MarginalML
    from competency_dx.calibration import Normal as Normal
    from competency_dx.calibration import PooledNormal as PooledNormal
    from competency_dx.calibration import Population as Population
    from competency_dx.calibration import Priors as Priors
    from competency_dx.calibration import QValidation as QValidation
    from competency_dx.calibration import SurveyDesign as SurveyDesign
    from competency_dx.calibration import attribute_posteriors as attribute_posteriors
    from competency_dx.calibration import calibrate as calibrate
    from competency_dx.calibration import classification_accuracy as classification_accuracy
    from competency_dx.calibration import rotated as rotated
    from competency_dx.calibration import validate_q_matrix as validate_q_matrix
    from competency_dx.competencies import R201 as R201
    from competency_dx.competencies import DeficitProfiles as DeficitProfiles
    from competency_dx.competencies import DeficitRule as DeficitRule
    from competency_dx.competencies import Level as Level
    from competency_dx.competencies import Profile as Profile
    from competency_dx.competencies import Standards as Standards
    from competency_dx.competencies import diagnose as diagnose
    from competency_dx.errors import CompetencyDxError as CompetencyDxError
    from competency_dx.errors import CompetencyDxWarning as CompetencyDxWarning
    from competency_dx.findings import Finding as Finding
    from competency_dx.misconceptions import MisconceptionEvidence as MisconceptionEvidence
    from competency_dx.misconceptions import MisconceptionRule as MisconceptionRule
    from competency_dx.misconceptions import find_misconceptions as find_misconceptions
    from competency_dx.models import ItemParameters as ItemParameters
    from competency_dx.models import simulate as simulate
    from competency_dx.quality import CrossCheck as CrossCheck
    from competency_dx.quality import cross_check as cross_check
    from competency_dx.reports import report as report
    from competency_dx.responses import Layout as Layout
    from competency_dx.responses import MissingPolicy as MissingPolicy
    from competency_dx.responses import Responses as Responses
    from competency_dx.responses import load_responses as load_responses
    from competency_dx.scoring import EAP as EAP
    from competency_dx.scoring import MAP as MAP
    from competency_dx.scoring import ML as ML
    from competency_dx.scoring import WLE as WLE
    from competency_dx.scoring import FileScores as FileScores
    from competency_dx.scoring import LatentRegression as LatentRegression
    from competency_dx.scoring import PlausibleValues as PlausibleValues
    from competency_dx.scoring import Pooled as Pooled
    from competency_dx.scoring import Reliability as Reliability
    from competency_dx.scoring import Scores as Scores
    from competency_dx.scoring import SumScore as SumScore
    from competency_dx.scoring import plausible_values as plausible_values
    from competency_dx.scoring import pool as pool
    from competency_dx.scoring import reliability as reliability
    from competency_dx.scoring import score as score
    from competency_dx.scoring import score_file as score_file

_ROOMS = {
    "bank": (
        "CompetencyFramework",
        "Item",
        "ItemBank",
        "load_bank",
        "load_framework",
        "save_bank",
        "shipped_banks",
    ),
    "calibration": (
        "AttributePosteriors",
        "Beta",
        "Calibration",
        "ClassCalibration",
        "ClassificationAccuracy",
        "ClassificationML",
        "Constraints",
        "Exploratory",
        "FactorSolution",
        "Girth",
        "LogNormal",
        "LogitNormal",
        "MarginalML",
        "Normal",
        "PooledNormal",
        "Population",
        "Priors",
        "QValidation",
        "SurveyDesign",
        "attribute_posteriors",
        "calibrate",
        "classification_accuracy",
        "rotated",
        "validate_q_matrix",
    ),
    "competencies": ("R201", "DeficitProfiles", "DeficitRule", "Level", "Profile", "Standards", "diagnose"),
    "findings": ("Finding",),
    "misconceptions": ("MisconceptionEvidence", "MisconceptionRule", "find_misconceptions"),
    "quality": ("CrossCheck", "cross_check"),
    "errors": ("CompetencyDxError", "CompetencyDxWarning"),
    "models": ("ItemParameters", "simulate"),
    "reports": ("report",),
    "responses": ("Layout", "MissingPolicy", "Responses", "load_responses"),
    "scoring": (
        "EAP",
        "FileScores",
        "LatentRegression",
        "MAP",
        "ML",
        "PlausibleValues",
        "Pooled",
        "Reliability",
        "Scores",
        "SumScore",
        "WLE",
        "plausible_values",
        "pool",
        "reliability",
        "score",
        "score_file",
    ),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [  # noqa: PLE0604 - built from the table above, pinned by tests/architecture/test_public_names.py
    "__version__",
    *sorted(_HOME),
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("competency_dx.provenance").library_version()
    if name not in _HOME:
        raise AttributeError(f"competency_dx has no name {name!r}")
    out = getattr(import_module(f"competency_dx.{_HOME[name]}"), name)
    globals()[name] = out
    return out


def __dir__() -> list[str]:
    return __all__
