"""One scale from several calibrations: constants of the link, their error, and items that drifted."""

from competency_dx.linking.api import link
from competency_dx.linking.choices import Haebara, MeanMean, MeanSigma, StockingLord
from competency_dx.linking.scale_link import Link

__all__ = ["Haebara", "Link", "MeanMean", "MeanSigma", "StockingLord", "link"]
