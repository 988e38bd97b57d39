"""From profiles to action: the programmes of a catalogue that close most of an expected shortfall, within limits; `recommend`."""

from competency_dx.routes.catalogue import Catalogue, Effect, Programme, day_text, load_catalogue
from competency_dx.routes.personal_routes import Routes, recommend
from competency_dx.routes.reasons import WHY

__all__ = ["WHY", "Catalogue", "Effect", "Programme", "Routes", "day_text", "load_catalogue", "recommend"]
