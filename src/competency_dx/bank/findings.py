"""What a bank may say of its parameters."""

from competency_dx.findings import Template

# fmt: off
PROVISIONAL = Template("bank.provisional", "info",
    "Параметры заданий предварительные (экспертные): {n} из {items}; их неопределённость входит в каждую оценку. "
    "Откалибруйте банк по ответам.",
    "Parameters of {n} of {items:item|items} are provisional (expert judgement); their uncertainty is carried into every "
    "score. Calibrate the bank on responses.")
MIXED_SCALES = Template("bank.mixed_scales", "warning",
    "Часть параметров откалибрована, часть ({n}) предварительная: они могут лежать на разных шкалах. Откалибруйте и "
    "остальные задания, закрепив якоря (anchors=).",
    "Some parameters are calibrated, {n} provisional: they may lie on different scales. Calibrate the others too, with "
    "anchors=.")
NO_PARAMETERS = Template("bank.no_parameters", "warning",
    "Нет параметров у {n:задания|заданий|заданий}, в оценивании {n:~оно не участвует|они не участвуют|они не участвуют}: "
    "{scope}.",
    "{n:item has|items have} no parameters and {n:~takes|take} no part in scoring: {scope}.")
