"""What the engine may say of a fit."""

from competency_dx.findings import Template

BOUNDARY = Template("engine.boundary")
VANISHED = Template("engine.vanished_variance")
STARTS = Template("engine.starts")
LOWER_MAXIMA = Template("engine.lower_maxima")
UNSETTLED = Template("engine.unsettled")
INSEPARABLE = Template("engine.inseparable")
EMPIRICAL_HISTOGRAM = Template("engine.empirical_histogram")
