"""One scale from several calibrations: constants of the link, their error, items that drifted, tables of equivalent points."""

from competency_dx.linking.api import compare_links, link
from competency_dx.linking.choices import Haebara, MeanMean, MeanSigma, StockingLord
from competency_dx.linking.equating import equate
from competency_dx.linking.links import Equivalents, Link, LinkMethods

__all__ = ["Equivalents", "Haebara", "Link", "LinkMethods", "MeanMean", "MeanSigma", "StockingLord", "compare_links", "equate", "link"]
