"""What calibrations of this process were made from, while it lives: weak references, which keep nothing alive.

No answer of a person enters a Calibration or its documents. The verb that needs the answers again finds the caller's own
table, as long as the caller still holds it.
"""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

from competency_dx.bank import ItemBank
from competency_dx.calibration.calibration import Calibration
from competency_dx.responses import MissingPolicy


class Source(NamedTuple):
    """A table that a calibration was made from, by weak reference, and how it is read."""

    table: weakref.ref[Any]
    bank: ItemBank | None
    missing: MissingPolicy


_sources: dict[str, list[Source]] = {}


def remember(calibration: Calibration, table: object, *, bank: ItemBank | None, missing: MissingPolicy) -> None:
    """Note by a weak reference what a calibration was made from; objects that cannot be referred to so are not noted."""
    for key, noted_before in list(_sources.items()):
        if all(s.table() is None for s in noted_before):
            _sources.pop(key, None)
    try:
        noted = Source(weakref.ref(table), bank, missing)
    except TypeError:
        return
    key = calibration.provenance.inputs["responses"]
    _sources[key] = [s for s in _sources.get(key, []) if (old := s.table()) is not None and old is not table] + [noted]


def recalled(calibration: Calibration) -> Source | None:
    """Return the last noted source of a calibration whose table still lives, None where there is none."""
    noted = _sources.get(calibration.provenance.inputs.get("responses", ""), [])
    return next((s for s in reversed(noted) if s.table() is not None), None)
