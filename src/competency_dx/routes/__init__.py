"""From profiles to action: the programmes of a catalogue that close most of an expected shortfall, within limits; `recommend`."""

from competency_dx.routes.api import recommend
from competency_dx.routes.catalogue import Catalogue, Effect, Programme, day_text, load_catalogue, save_catalogue_workbook
from competency_dx.routes.mentors import NOT_OFFERED
from competency_dx.routes.personal_routes import Routes
from competency_dx.routes.reasons import WHY

__all__ = ["NOT_OFFERED", "WHY", "Catalogue", "Effect", "Programme", "Routes"]
__all__ += ["day_text", "load_catalogue", "recommend", "save_catalogue_workbook"]
