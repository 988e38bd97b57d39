"""What the engine may say of a fit."""

from competency_dx.findings import Template

# fmt: off
BOUNDARY = Template("engine.boundary", "warning",
    "Асимптоты {n:~задания|заданий|заданий} {scope} ушли на границу (0 или 1) и закреплены на ней без стандартной ошибки: "
    'данных для них мало. Используйте priors="weak" или 2PL для {n:~этого задания|этих заданий|этих заданий}.',
    "The asymptotes of {scope} ran to their bound (0 or 1) and are held there without a standard error: the data say too "
    'little of them. Use priors="weak", or 2PL for {n:~this item|these items}.')
VANISHED = Template("engine.vanished_variance", "warning",
    "По этим ответам участники не различаются сверх случайного ({scope}): дисперсия ушла к нулю, стандартное отклонение "
    "закреплено на {least:.1f} логита. Трудности заданий пригодны, сравнивать людей по этим ответам нельзя: соберите больше "
    "ответов или заданий.",
    "By these answers persons differ no more than by chance ({scope}): the variance ran to zero, the standard deviation is held "
    "at {least:.1f} logits. Difficulties of items are usable, persons cannot be compared by these answers: collect more answers "
    "or items.")
STARTS = Template("engine.starts", "info",
    "К наибольшему максимуму {best:~пришла|пришли|пришли} {best} из {starts:начальной точки|начальных точек|начальных "
    "точек}, к более низким ни одна; не {failed:~сошлась|сошлись|сошлось} {failed}.",
    "Of {starts:starting point|starting points} {best} led to the highest maximum, none to a lower one; {failed} did not "
    "converge.")
LOWER_MAXIMA = Template("engine.lower_maxima", "warning",
    "К наибольшему максимуму {best:~пришла|пришли|пришли} {best} из {starts:начальной точки|начальных точек|начальных "
    "точек}, к более низким {lower} (ниже не более чем на {gap:.2f}); не {failed:~сошлась|сошлись|сошлось} {failed}. "
    "Увеличьте MarginalML(starts=…).",
    "Of {starts:starting point|starting points} {best} led to the highest maximum, {lower} to lower ones (by {gap:.2f} at "
    "most); {failed} did not converge. Raise MarginalML(starts=…).")
UNSETTLED = Template("engine.unsettled", "warning",
    "Приближение апостериорных распределений не установилось у {persons:участника|участников|участников}; сверьте результат "
    'с MarginalML(integration="quadrature"), если компетенций не больше трёх.',
    "The approximation of posteriors did not settle for {persons:person|persons}; check the result by "
    'MarginalML(integration="quadrature") if there are at most three competencies.')
INSEPARABLE = Template("engine.inseparable", "warning",
    "Данные почти не различают компетенции (корреляция): {pairs}. Объедините их, или добавьте задания, или задайте "
    'priors="weak", чтобы удержать корреляции от единицы.',
    'The data hardly tell competencies apart (correlation): {pairs}. Merge them, add items, or use priors="weak", which '
    "keeps correlations from one.")
EMPIRICAL_HISTOGRAM = Template("engine.empirical_histogram", "info",
    "Распределение участников оценено гистограммой из {points:точки|точек|точек}: асимметрия {skewness:.2f}, эксцесс "
    "{kurtosis:.2f}. Стандартные ошибки заданий условны при этой гистограмме, её веса не входят в число параметров; "
    "апостериорные распределения участников считаются с ней же.",
    "The distribution of persons is a histogram of {points:point|points}: skewness {skewness:.2f}, excess kurtosis "
    "{kurtosis:.2f}. Standard errors of items are conditional on it and its weights are not counted as parameters; posterior "
    "distributions of persons rest on it too.")
