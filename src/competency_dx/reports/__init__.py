"""Reports: pages for persons and cohorts, tables for spreadsheets, the same numbers in all of them."""

from competency_dx.errors import ReportError
from competency_dx.reports.api import FILES, report, target_of
from competency_dx.reports.pages import environment as page_templates

__all__ = ["FILES", "ReportError", "page_templates", "report", "target_of"]
