"""What may be said of misconceptions: why there is no estimate, and what rests on priors."""

from collections.abc import Mapping

from competency_dx.findings import Template

# fmt: off
REASONS: Mapping[str, tuple[str, str]] = {
    "": ("", ""),
    "between": ("вероятность между порогами", "the probability lies between the thresholds"),
    "few_chances": ("слишком мало неверных ответов, где оно могло проявиться",
        "too few wrong answers in which it could show"),
    "no_item": ("ни в одном задании с ответами выбор среди неверных вариантов о нём не говорит",
        "in no item answered does the choice among wrong options tell of it"),
    "one_item": ("о нём говорит только одно задание, нужны хотя бы два", "only one item tells of it, two are needed"),
    "few_answers": ("слишком мало участников с двумя неверными ответами, где оно могло проявиться",
        "too few persons have two wrong answers in which it could show"),
    "not_seen": ("выборы отмеченных вариантов в разных заданиях не связаны сильнее случайного",
        "choices of the marked options go together between items no more than by chance"),
}
NOT_ESTIMATED = {
    standing: Template(f"misconceptions.{standing}", "info",
        f"Нет оценки заблуждения {{scope}} («{{title}}»): {REASONS[standing][0]}.",
        f"The misconception {{scope}} ({{title}}) is not estimated: {REASONS[standing][1]}.")
    for standing in ("no_item", "one_item", "few_answers", "not_seen")
}
RESTS_ON_PRIOR = Template("misconceptions.rests_on_prior", "warning",
    "Оценка заблуждения {scope} («{title}») на {share:.0f} % держится на априорных; нужны ещё задания или участники.",
    "The estimate of {scope} ({title}) rests on its priors by {share:.0f} %; more items or persons are needed.")
TOO_MANY_OPTIONS = Template("misconceptions.too_many_options", "warning",
    "Слишком много вариантов в {n:~задании|заданиях|заданиях} {scope}; их отметки в оценке не участвуют.",
    "{scope} {n:~has|have} too many options; their marks take no part in the estimation.")
