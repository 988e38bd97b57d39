"""From one diagnosis to the next: what changed, for persons and for those of a programme."""

from competency_dx.growth.api import SURE, Growth, measure_growth

__all__ = ["SURE", "Growth", "measure_growth"]
