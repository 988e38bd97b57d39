"""Diagnostic classification models: DINA, DINO, ACDM, LLM and G-DINA with attribute hierarchies."""

from competency_dx.classification.api import check_q_matrix, classify
from competency_dx.classification.class_calibration import ClassCalibration, ClassCertificate, ItemClasses
from competency_dx.classification.posteriors import (
    AttributePosteriors,
    ClassificationAccuracy,
    attribute_posteriors,
    classification_accuracy,
    profile_posteriors,
)
from competency_dx.classification.problem import ClassificationML, read_q_matrix
from competency_dx.classification.q_validation import QValidation, validate_q_matrix

__all__ = ["ClassCalibration", "ClassCertificate", "ClassificationML", "ItemClasses", "classify"]
__all__ += ["AttributePosteriors", "ClassificationAccuracy", "attribute_posteriors", "classification_accuracy", "profile_posteriors"]
__all__ += ["QValidation", "check_q_matrix", "read_q_matrix", "validate_q_matrix"]
