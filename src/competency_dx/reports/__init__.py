"""Reports: pages for persons and cohorts, tables for spreadsheets, the same numbers in all of them."""

from competency_dx.reports.api import report
from competency_dx.reports.faults import ReportError

__all__ = ["ReportError", "report"]
