"""What a calibration may say of its items, competencies and of the way to its maximum."""

from competency_dx.findings import Template

UNSETTLED = Template(
    "calibration.unsettled",
    "warning",
    "Приближение апостериорных распределений не установилось у {persons:участника|участников|участников}; сверьте результат с "
    'MarginalML(integration="quadrature"), если компетенций не больше трёх.',
    "The approximation of posteriors did not settle for {persons:person|persons}; check the result by "
    'MarginalML(integration="quadrature") if there are at most three competencies.',
)
INSEPARABLE = Template(
    "calibration.inseparable",
    "warning",
    "Данные почти не различают компетенции (корреляция): {pairs}. Объедините их, или добавьте задания, или задайте "
    'priors="weak", чтобы удержать корреляции от единицы.',
    'The data hardly tell competencies apart (correlation): {pairs}. Merge them, add items, or use priors="weak", which keeps '
    "correlations from one.",
)
