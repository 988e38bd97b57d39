"""What may be said where answers and item parameters are brought together."""

from competency_dx.findings import Template

# fmt: off
NO_PARAMETERS = Template("persons.no_parameters", "warning",
    "Нет параметров у {n:задания|заданий|заданий}, ответы в оценивании не участвуют: {scope}.",
    "{n:item has|items have} no parameters; answers to {n:~it|them} take no part in scoring: {scope}.")
