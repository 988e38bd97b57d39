"""Checks of an instrument against data and other programs; what needs calibrations is imported when it is first asked for."""

from importlib import import_module
from typing import TYPE_CHECKING

from competency_dx.quality.api import VERDICTS, WEAK, ItemAnalysis, Verdict, check_items, items_of
from competency_dx.quality.classical import Dependence, OptionTrace, PairMoments, local_dependence
from competency_dx.responses import LEAST_ANSWERS

if TYPE_CHECKING:
    from competency_dx.quality.content_gates import check_content
    from competency_dx.quality.second_opinion import CrossCheck, cross_check

__all__ = ["LEAST_ANSWERS", "VERDICTS", "WEAK", "ItemAnalysis", "OptionTrace", "Verdict", "check_items", "items_of"]
__all__ += ["CrossCheck", "Dependence", "PairMoments", "check_content", "cross_check", "local_dependence"]
_LATER = {"CrossCheck": "second_opinion", "cross_check": "second_opinion", "check_content": "content_gates"}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"competency_dx.quality has no name {name!r}")
    return getattr(import_module(f"competency_dx.quality.{_LATER[name]}"), name)
