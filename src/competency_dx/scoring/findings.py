"""What may be said of estimates and plausible values."""

from competency_dx.findings import Template

# fmt: off
END_OF_GRID = Template("scoring.end_of_grid", "warning",
    "Оценки {n:участника|участников|участников} упираются в край шкалы (6 SD), их величина занижена по модулю: {scope}.",
    "The estimates of {n:person|persons} press against the end of the scale (6 SD) and are understated in size: {scope}.")
DRAWS_AT_THE_END = Template("scoring.draws_at_the_end", "warning",
    "Правдоподобные значения {n:участника|участников|участников} упираются в край шкалы (6 SD) и урезаны: {scope}. "
    "Проверьте, нет ли выбросов в сведениях об участниках.",
    "The plausible values of {n:person|persons} press against the end of the scale (6 SD) and are cut off: {scope}. Check "
    "the covariates for outliers.")
