"""What a comparison with another program may say."""

from competency_dx.findings import Template

# fmt: off
PRIORS = Template("quality.priors", "info",
    "Калибровка использует априорные ({priors}), girth — нет: в различия входит их действие.",
    "The calibration has priors ({priors}), girth has none: their pull is part of the differences.")
GIRTH_HIGHER = Template("quality.girth_higher", "error",
    "Параметры girth правдоподобнее: калибровка не достигла своего максимума. Калибруйте заново с другими начальными "
    "точками: MarginalML(starts=…).",
    "Girth's parameters are more likely: the calibration has not reached its maximum. Calibrate again from other starting "
    "points: MarginalML(starts=…).")
DIFFERS = Template("quality.differs", "warning",
    "Расхождение с girth больше {limit} стандартной ошибки: {scope}. Посмотрите эти задания.",
    "Girth differs by more than {limit} standard errors: {scope}. Look at these items.")
UNDECIDED = Template("quality.undecided", "warning",
    "Расхождение с girth больше {limit} стандартной ошибки: {scope}. Причина может быть в самом girth.",
    "Girth differs by more than {limit} standard errors: {scope}. The reason may lie with girth itself.")
