"""Items that work differently in groups of equally able persons."""

from competency_dx.dif.api import check_dif
from competency_dx.dif.item_differences import DIF

__all__ = ["DIF", "check_dif"]
