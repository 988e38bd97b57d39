"""What a careful reader of an item bank remarks, in Russian and English."""

from competency_dx.findings import Template

# fmt: off
PROVISIONAL = Template("bank.provisional", "info",
    "Параметры заданий предварительные (экспертные): {n} из {items}; их неопределённость входит в каждую оценку. "
    "Откалибруйте банк по ответам.",
    "Parameters of {n} of {items:item|items} are provisional (expert judgement); their uncertainty is carried into every "
    "score. Calibrate the bank on responses.")
NO_PARAMETERS = Template("bank.no_parameters", "warning",
    "Нет параметров у {n:задания|заданий|заданий}, в оценивании {n:~оно не участвует|они не участвуют|они не участвуют}: "
    "{scope}.",
    "{n:item has|items have} no parameters and {n:~takes|take} no part in scoring: {scope}.")
ODD_PARAMETERS = Template("bank.odd_parameters", "warning",
    "Параметры, каких не бывает у рабочего задания: {where}. Ожидались a больше 0 (у Rasch и PCM — 1) и b от −10 до 10: "
    "проверьте ключ и исправьте строки или откалибруйте задания заново.",
    "Parameters that no working item has: {where}. Expected a above 0 (1 for Rasch and PCM) and b from −10 to 10: check the "
    "key, and correct the rows or calibrate the items again.")
OTHER_SUBJECT = Template("bank.other_subject", "warning",
    "{n:задание относится|задания относятся|заданий относятся} к компетенциям вне предмета банка {subject}: {scope}. "
    "Исправьте коды или перенесите задания в банк их предмета.",
    "{n:item is|items are} coded for competencies outside the subject of the bank, {subject}: {scope}. Correct the codes, or "
    "move the items to the bank of their subject.")
# fmt: on
