"""competency_dx: item bank and raw answers in, trustworthy deficit profiles out.

>>> import competency_dx as cdx
>>> bank = cdx.load_bank("mathematics")
>>> responses = cdx.simulate(bank, 3, rng=__import__("numpy").random.default_rng(1))
>>> profiles = cdx.diagnose(responses, bank)
>>> len(profiles)
3

The root has the verbs and the types of their signatures. Strategies and special results stay in their rooms, which
are attributes of the root: ``cdx.calibration.Priors``, ``cdx.scoring.PlausibleValues``, ``cdx.errors.BankError``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for type checkers, which do not read the table below; a test holds the two together
    from competency_dx import adaptive as adaptive
    from competency_dx import bank as bank
    from competency_dx import calibration as calibration
    from competency_dx import classification as classification
    from competency_dx import competencies as competencies
    from competency_dx import errors as errors
    from competency_dx import groups as groups
    from competency_dx import growth as growth
    from competency_dx import linking as linking
    from competency_dx import misconceptions as misconceptions
    from competency_dx import quality as quality
    from competency_dx import responses as responses
    from competency_dx import routes as routes
    from competency_dx import scoring as scoring
    from competency_dx import service as service
    from competency_dx.adaptive import NextItems as NextItems
    from competency_dx.adaptive import next_items as next_items
    from competency_dx.bank import CompetencyFramework as CompetencyFramework
    from competency_dx.bank import ItemBank as ItemBank
    from competency_dx.bank import load_bank as load_bank
    from competency_dx.bank import load_framework as load_framework
    from competency_dx.bank import save_bank as save_bank
    from competency_dx.bank import shipped_banks as shipped_banks
    from competency_dx.calibration import Calibration as Calibration
    from competency_dx.calibration import MarginalML as MarginalML
    from competency_dx.calibration import calibrate as calibrate
    from competency_dx.classification import ClassCalibration as ClassCalibration
    from competency_dx.competencies import R201 as R201
    from competency_dx.competencies import Cohort as Cohort
    from competency_dx.competencies import DeficitProfiles as DeficitProfiles
    from competency_dx.competencies import DeficitRule as DeficitRule
    from competency_dx.competencies import Profile as Profile
    from competency_dx.competencies import Standards as Standards
    from competency_dx.competencies import certify as certify
    from competency_dx.competencies import diagnose as diagnose
    from competency_dx.competencies import diagnose_file as diagnose_file
    from competency_dx.errors import CompetencyDxError as CompetencyDxError
    from competency_dx.errors import CompetencyDxWarning as CompetencyDxWarning
    from competency_dx.findings import Finding as Finding
    from competency_dx.groups import compare_groups as compare_groups
    from competency_dx.growth import measure_growth as measure_growth
    from competency_dx.limits import Limits as Limits
    from competency_dx.linking import StockingLord as StockingLord
    from competency_dx.linking import link as link
    from competency_dx.misconceptions import find_misconceptions as find_misconceptions
    from competency_dx.models import ItemParameters as ItemParameters
    from competency_dx.models import simulate as simulate
    from competency_dx.quality import check_items as check_items
    from competency_dx.reports import report as report
    from competency_dx.responses import Layout as Layout
    from competency_dx.responses import MissingPolicy as MissingPolicy
    from competency_dx.responses import Responses as Responses
    from competency_dx.responses import load_responses as load_responses
    from competency_dx.routes import recommend as recommend
    from competency_dx.scoring import EAP as EAP
    from competency_dx.scoring import MAP as MAP
    from competency_dx.scoring import ML as ML
    from competency_dx.scoring import WLE as WLE
    from competency_dx.scoring import Scores as Scores
    from competency_dx.scoring import SumScore as SumScore
    from competency_dx.scoring import plausible_values as plausible_values
    from competency_dx.scoring import reliability as reliability
    from competency_dx.scoring import score as score
    from competency_dx.scoring import score_file as score_file

_ROOMS = {
    "adaptive",
    "bank",
    "calibration",
    "classification",
    "competencies",
    "errors",
    "groups",
    "growth",
    "linking",
    "misconceptions",
}
_ROOMS |= {"quality", "responses", "routes", "scoring", "service"}
_NAMES = {
    "adaptive": "NextItems next_items",
    "bank": "CompetencyFramework ItemBank load_bank load_framework save_bank shipped_banks",
    "calibration": "Calibration MarginalML calibrate",
    "classification": "ClassCalibration",
    "competencies": "Cohort DeficitProfiles DeficitRule Profile R201 Standards certify diagnose diagnose_file",
    "errors": "CompetencyDxError CompetencyDxWarning",
    "findings": "Finding",
    "groups": "compare_groups",
    "growth": "measure_growth",
    "limits": "Limits",
    "linking": "StockingLord link",
    "misconceptions": "find_misconceptions",
    "models": "ItemParameters simulate",
    "quality": "check_items",
    "reports": "report",
    "responses": "Layout MissingPolicy Responses load_responses",
    "routes": "recommend",
    "scoring": "EAP MAP ML Scores SumScore WLE plausible_values reliability score score_file",
}
_MOVED = {  # once at the root: the error says where they are
    "calibration": "Beta Constraints Exploratory FactorSolution Girth LogNormal LogitNormal Normal PooledNormal "
    "Population Priors SurveyDesign rotated",
    "classification": "AttributePosteriors ClassificationAccuracy ClassificationML QValidation attribute_posteriors "
    "classification_accuracy validate_q_matrix",
    "competencies": "Level",
    "bank": "Item",
    "errors": "ConvergenceError",
    "groups": "GroupReport",
    "misconceptions": "MisconceptionEvidence MisconceptionRule",
    "quality": "CrossCheck ItemAnalysis cross_check",
    "scoring": "FileScores LatentRegression PlausibleValues Pooled Reliability pool",
}
_HOME = {name: room for room, names in _NAMES.items() for name in names.split()}

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604 - pinned by tests/architecture/test_public_names.py


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("competency_dx.provenance").library_version()
    if name in _ROOMS:
        return import_module(f"competency_dx.{name}")
    if name not in _HOME:
        homes = [room for room, names in _MOVED.items() if name in names.split()]
        moved = f"; cdx.{name} is now cdx.{homes[0]}.{name}" if homes else ""
        raise AttributeError(f"competency_dx has no name {name!r}{moved}")
    out = getattr(import_module(f"competency_dx.{_HOME[name]}"), name)
    globals()[name] = out
    return out


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
