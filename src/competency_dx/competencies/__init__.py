"""Standards, deficit rule, profiles: what can be concluded. Files larger than memory are imported when they are asked for."""

from importlib import import_module
from typing import TYPE_CHECKING

from competency_dx.competencies.api import bank_impact, diagnose, diagnosed
from competency_dx.competencies.certification import OUTCOMES, REASONS, CertificationRule, Decisions, certify
from competency_dx.competencies.conclusion import (
    FELT,
    R201,
    STATES,
    STATUSES,
    Competency,
    Conclusion,
    DeficitRule,
    Evidence,
    ItemFact,
    Level,
    Standards,
    State,
    one_option,
    standards_of,
)
from competency_dx.competencies.outlook import LeafOutlook, OwnEvidence, leaf_outlook, outlook_of, own_evidence
from competency_dx.competencies.person_profile import HeldMisconception, Profile
from competency_dx.competencies.plan import Plan
from competency_dx.competencies.plan import plan as plan_of
from competency_dx.competencies.population import Cohort, LeafPopulations
from competency_dx.competencies.profile import DeficitProfiles
from competency_dx.competencies.profile_document import Misconception

if TYPE_CHECKING:
    from competency_dx.competencies.file_profiles import FileProfiles, diagnose_file

__all__ = ["DeficitProfiles", "FileProfiles", "Profile", "bank_impact", "diagnose", "diagnose_file", "diagnosed"]
__all__ += ["R201", "DeficitRule", "Level", "Standards", "standards_of"]
__all__ += ["FELT", "STATES", "STATUSES", "Competency", "Conclusion", "Evidence", "State", "one_option"]
__all__ += ["HeldMisconception", "ItemFact", "Misconception"]
__all__ += ["OUTCOMES", "REASONS", "CertificationRule", "Decisions", "certify"]
__all__ += ["Cohort", "LeafOutlook", "LeafPopulations", "OwnEvidence", "Plan", "leaf_outlook", "outlook_of", "own_evidence", "plan_of"]


def __getattr__(name: str) -> object:
    if name not in {"FileProfiles", "diagnose_file"}:
        raise AttributeError(f"competency_dx.competencies has no name {name!r}")
    return getattr(import_module("competency_dx.competencies.file_profiles"), name)
