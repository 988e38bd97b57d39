"""What can go wrong when a report is written."""

from competency_dx.errors import CompetencyDxError


class ReportError(CompetencyDxError, ValueError):
    """A report cannot be written as asked."""
