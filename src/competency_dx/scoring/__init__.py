"""Person estimates with their errors, matched by item id."""

from competency_dx.persons import EAP, MAP, ML, WLE, Method, SumScore
from competency_dx.scoring.api import Scores, score
from competency_dx.scoring.latent_regression import LatentRegression
from competency_dx.scoring.plausible_draws import PlausibleValues, Pooled, plausible_values, pool
from competency_dx.scoring.score_reliability import CutAccuracy, Reliability, cut_accuracy, reliability
from competency_dx.scoring.streaming import FileScores, answer_blocks, complete_file, parquet_writer, score_file

__all__ = ["EAP", "MAP", "ML", "WLE", "Method", "Scores", "SumScore", "score"]
__all__ += ["CutAccuracy", "Reliability", "cut_accuracy", "reliability"]
__all__ += ["LatentRegression", "PlausibleValues", "Pooled", "plausible_values", "pool"]
__all__ += ["FileScores", "answer_blocks", "complete_file", "parquet_writer", "score_file"]
