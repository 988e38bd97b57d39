"""From one diagnosis to the next: what changed, for persons and for those of a programme."""

from competency_dx.growth.api import measure_growth
from competency_dx.growth.changes import SURE, Growth

__all__ = ["SURE", "Growth", "measure_growth"]
