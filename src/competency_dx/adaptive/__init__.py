"""What to ask next: items that most reduce the expected loss of the competencies a diagnosis leaves undecided."""

from competency_dx.adaptive.adaptive_simulation import AdaptiveSimulation, simulate_adaptive
from competency_dx.adaptive.follow_up import NextItems, Question, next_items

__all__ = ["AdaptiveSimulation", "NextItems", "Question", "next_items", "simulate_adaptive"]
