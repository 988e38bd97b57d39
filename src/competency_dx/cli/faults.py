"""What can be wrong with a command."""

from __future__ import annotations

from competency_dx.errors import CompetencyDxError


class CommandError(CompetencyDxError, ValueError):
    """A command cannot be carried out as it was given."""
