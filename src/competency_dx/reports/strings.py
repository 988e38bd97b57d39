"""Every sentence of the reports, Russian and English side by side."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Literal

from competency_dx.display import counted, plural

Language = Literal["ru", "en"]
LANGUAGES: tuple[Language, ...] = ("ru", "en")

NOUNS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "person": {"ru": ("участник", "участника", "участников"), "en": ("person", "persons")},
        "item": {"ru": ("задание", "задания", "заданий"), "en": ("item", "items")},
        "item_of": {"ru": ("задания", "заданий", "заданий"), "en": ("item", "items")},
        "competency": {"ru": ("компетенция", "компетенции", "компетенций"), "en": ("competency", "competencies")},
        "competency_of": {"ru": ("компетенции", "компетенций", "компетенций"), "en": ("competency", "competencies")},
        "competency_by": {
            "ru": ("компетенции", "компетенциям", "компетенциям"),
            "en": ("competency", "competencies"),
        },
        "group": {"ru": ("группа", "группы", "групп"), "en": ("group", "groups")},
        "row": {"ru": ("строка", "строки", "строк"), "en": ("row", "rows")},
    }
)

STRINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # frame of every page
        "purpose": (
            "Диагностика помогает выбрать направления развития и не является аттестацией.",
            "The diagnosis helps to choose directions of development; it is not an appraisal.",
        ),
        "bank": ("Диагностические материалы", "Assessment"),
        "standards": ("Шкала", "Scale"),
        "source": ("Источник шкалы", "Source of the scale"),
        "policy": ("Правило границ", "Boundary rule"),
        "not_stated": ("не указано", "not stated"),
        "and_more": ("ещё {n}", "{n} more"),
        "missing": ("нет данных", "no data"),
        # person page
        "person_title": ("Профиль профессиональных компетенций", "Profile of professional competencies"),
        "person": ("Участник", "Participant"),
        "category": ("Категория", "Category"),
        "answered": ("Учтено ответов", "Answers used"),
        "back": ("← Сводный отчёт", "← Cohort report"),
        "summary": ("Главное", "In brief"),
        "concluded": ("Что можно заключить", "What can be concluded"),
        "not_concluded": ("О чём судить пока нельзя", "What cannot be concluded yet"),
        "confirmed_deficits": ("Подтверждённые дефициты", "Confirmed deficits"),
        "likely_deficits": ("Вероятные дефициты", "Likely deficits"),
        "strengths": ("Сильные стороны", "Strengths"),
        "likely_strengths": ("Вероятные сильные стороны", "Likely strengths"),
        "growth": ("Зона роста", "Growth zone"),
        "growth_hint": (
            "дефицит не подтверждён, и сильной стороной компетенция пока не стала",
            "no deficit is confirmed, and the competency is not a strength yet",
        ),
        "none_confirmed": (
            "ни по одной компетенции дефицит не подтверждён",
            "no deficit is confirmed in any competency",
        ),
        "none_found": ("не выделены", "none identified"),
        "caveat": (
            "«Дефицит не подтверждён» не означает «дефицита нет»: задания охватывают лишь часть компетенции.",
            "“No deficit confirmed” does not mean “no deficit”: the items cover only a part of a competency.",
        ),
        "why_hidden": ("Почему не показано", "Why it is not shown"),
        "all_shown": (
            "По всем компетенциям, задания которых выполнялись, данных достаточно для вывода.",
            "For every competency with answered items the data allow a conclusion.",
        ),
        "nothing_shown": (
            "Ни по одной компетенции вывод пока сделать нельзя: данных недостаточно.",
            "The data do not yet allow a conclusion on any competency.",
        ),
        "no_responses": (
            "Ответов нет, поэтому выводы не делаются. Профиль можно составить после диагностики.",
            "There are no answers, so nothing is concluded. A profile can be made after the assessment.",
        ),
        "untested": ("Не проверялись (нет заданий)", "Not tested (no items)"),
        "picture": ("Профиль на шкале 0–100 %", "Profile on the 0–100 % scale"),
        "whole_test": ("Весь тест: {title}", "Whole test: {title}"),
        "picture_note": (
            "Знак — оценка: ожидаемый процент баллов за эталонный набор заданий. Линия — {level} интервал: "
            "в его пределах истинное значение находится с вероятностью {chance}.",
            "The mark is the estimate: the expected percent of points on the reference set of items. The line is the "
            "{level} interval: the true value lies within it with probability {chance}.",
        ),
        "axis": ("процент выполнения эталонного набора", "percent of the reference set"),
        "cut_deficit": ("дефицит ниже {cut}", "deficit below {cut}"),
        "cut_strength": ("выше {cut} — сильная сторона", "strength above {cut}"),
        "cut_one": ("граница {cut}", "cut {cut}"),
        "conclusions": ("Выводы в цифрах", "Conclusions in figures"),
        "competency": ("Компетенция", "Competency"),
        "percent": ("Оценка", "Estimate"),
        "interval": ("{level} интервал", "{level} interval"),
        "state": ("Вывод", "Conclusion"),
        "chance": ("Вероятность дефицита", "Probability of a deficit"),
        "level": ("Уровень по шкале (по оценке)", "Level on the scale (of the estimate)"),
        "n_items": ("Заданий", "Items"),
        "reliability": ("Надёжность", "Reliability"),
        "open": ("Что спросить ещё", "What to ask next"),
        "open_note": (
            "Сколько ещё заданий нужно для отдельного вывода (надёжность {target}): оценка по формуле Спирмена — "
            "Брауна для заданий того же качества.",
            "How many more items a conclusion of its own needs (reliability {target}): by the Spearman–Brown formula, "
            "for items of the same quality.",
        ),
        "why": ("Почему не показано", "Why it is not shown"),
        "see_at": ("Смотрите вывод", "See the conclusion on"),
        "more_items": ("Нужно ещё", "Needed"),
        "about_more": ("примерно {n}", "about {n} more"),
        "at_least": ("не менее {n}", "at least {n}"),
        "far_more": ("более {n}", "more than {n}"),
        "other_items": (
            "задания, которые лучше отличают эту компетенцию от остальных",
            "items that tell this competency apart from the others",
        ),
        "evidence": ("На чём основаны выводы", "What the conclusions rest on"),
        "evidence_note": (
            "Набрано баллов из возможных; в скобках — сколько баллов ожидается при такой оценке. Знак ▲ — заметно "
            "больше ожидаемого, ▽ — заметно меньше.",
            "Points earned of the points possible; in brackets, the points expected at this estimate. ▲ marks clearly "
            "more than expected, ▽ clearly fewer.",
        ),
        "of": ("из", "of"),
        "omitted": ("нет ответа", "no answer"),
        "not_reached": ("не дошли", "not reached"),
        "invalid": ("ответ не распознан", "unreadable answer"),
        "next": ("Что можно сделать дальше", "What could come next"),
        "route": ("можно рассмотреть такой путь: {route}", "a possible way: {route}"),
        "route_note": (
            "Это предложение для разговора с методистом, а не назначение. Уровень определён по оценке; при близости "
            "к границе он может измениться после дополнительных заданий.",
            "This is a proposal to talk over with a methodist, not an assignment. The level follows the estimate; near "
            "a boundary further items may change it.",
        ),
        "legend": ("Как читать выводы", "How to read the conclusions"),
        "methods": ("Как это получено", "How this was obtained"),
        # methods note
        "engine": ("Программа", "Software"),
        "made_by": ("competency_dx {version}, операция {verb}", "competency_dx {version}, verb {verb}"),
        "rule": ("Правило вывода", "Decision rule"),
        "rule_text": (
            "дефицит подтверждён при вероятности результата ниже {cut} не менее {confirmed}, вероятен — от {likely}, "
            "не определён — от {indeterminate}, иначе не выявлен; сильные стороны — те же пороги для вероятности "
            "результата выше {top}. Отдельный вывод делается при надёжности не ниже {reliability} и числе заданий "
            "не менее {items}; отдельный балл должен говорить о компетенции больше, чем весь тест (PRMSE; проверяется, если "
            "участников с одним вариантом не менее {cohort}).",
            "a deficit is confirmed when the probability of a result below {cut} is at least {confirmed}, likely from "
            "{likely}, indeterminate from {indeterminate}, otherwise not found; strengths use the same thresholds on "
            "the probability of a result above {top}. A conclusion of its own needs a reliability of at least "
            "{reliability} and at least {items} items, and its own score has to tell more of the competency than the whole "
            "test (PRMSE; checked when at least {cohort} persons took the same form).",
        ),
        "provisional_note": (
            "Параметры заданий",
            "Item parameters",
        ),
        "provisional_text": (
            "предварительные (экспертные), без опоры на данные: {n} из {total}; их неопределённость вошла в интервалы",
            "provisional (expert judgement, no data behind them): {n} of {total}; their uncertainty is in the intervals",
        ),
        "inputs": ("Исходные данные", "Inputs"),
        "settings": ("Настройки", "Settings"),
        # cohort page
        "cohort_title": ("Сводный отчёт о диагностике компетенций", "Cohort report on competencies"),
        "cohort": ("Участники", "Participants"),
        "states": ("Что заключено и что нет", "What was concluded and what was not"),
        "states_note": (
            "Число участников с каждым выводом. «Данных недостаточно» — отдельный вывод об этой компетенции не "
            "делался, он сделан по более широкой.",
            "Number of persons with each conclusion. “Insufficient data”: no conclusion of its own on this competency, "
            "it was drawn on the broader one.",
        ),
        "n": ("n", "n"),
        "with_own": ("с отдельным выводом", "with own conclusion"),
        "strong": ("Сильная сторона*", "Strength*"),
        "strong_note": (
            "* Подтверждённая или вероятная сильная сторона.",
            "* Confirmed or likely strength.",
        ),
        "means": ("Средние результаты", "Mean results"),
        "means_note": (
            "Знак — среднее по участникам с отдельным выводом, линия — средние 90 % участников. Ошибка среднего — "
            "полуширина 95 % интервала.",
            "The mark is the mean of persons with a conclusion of their own, the line the middle 90 % of persons. "
            "The error of the mean is the half-width of its 95 % interval.",
        ),
        "mean": ("Среднее", "Mean"),
        "spread": ("Средние 90 % участников", "Middle 90 % of persons"),
        "figures": ("{mean} ± {error}", "{mean} ± {error}"),
        "few": ("менее {n} участников, не показано", "fewer than {n} persons, not shown"),
        "map": ("Карта заданий", "Item map"),
        "map_note": (
            "Слева — участники по общей оценке θ, справа — задания по трудности на той же шкале (логиты). Задание "
            "напротив участника он выполняет примерно наполовину. Пустой кружок — предварительная (экспертная) трудность.",
            "Left, persons by their overall estimate θ; right, items by difficulty on the same scale (logits). A person "
            "earns about half the points of an item on the same height. Hollow circles: provisional difficulties.",
        ),
        "map_left": ("участников", "persons"),
        "map_right": ("задания по трудности", "items by difficulty"),
        "map_more": ("+{n}", "+{n}"),
        "map_counts": (
            "Заданий на карте: {n}, из них с предварительной трудностью: {loose}.",
            "Items on the map: {n}, of these with provisional difficulty: {loose}.",
        ),
        "findings": ("Замечания к данным", "Findings on the data"),
        "no_findings": ("Замечаний нет.", "No findings."),
        "severity": ("Важность", "Severity"),
        "info": ("к сведению", "for information"),
        "warning": ("внимание", "warning"),
        "error": ("ошибка", "error"),
        "finding": ("Замечание", "Finding"),
        "scope": ("Где", "Where"),
        "groups": ("По группам", "By group"),
        "groups_note": (
            "Доля участников с подтверждённым дефицитом среди тех, по кому сделан отдельный вывод; в скобках n и 95 % "
            "интервал (Уилсон). Группы не ранжируются; малые группы скрыты, чтобы защитить участников.",
            "Share of persons with a confirmed deficit among those with a conclusion of their own; in brackets n and the "
            "95 % interval (Wilson). Groups are not ranked; small groups are suppressed to protect persons.",
        ),
        "no_groups": ("Сведений о группах в данных нет.", "The data have no background columns."),
        "group": ("Группа", "Group"),
        "persons_n": ("Участников", "Persons"),
        "suppressed": ("менее {n}, не показано", "fewer than {n}, not shown"),
        "complementary": ("не показано (защита малой группы)", "not shown (protects a small group)"),
        "all_suppressed": (
            "Все группы меньше {n}: не показано.",
            "All groups are smaller than {n}: not shown.",
        ),
        "more_suppressed": ("ещё {groups}", "{groups} more"),
        "no_conclusion": ("вывода нет", "no conclusion"),
        "persons": ("Участники по одному", "Person by person"),
        "persons_note": (
            "По порядку идентификаторов; это не рейтинг.",
            "In the order of identifiers; this is not a ranking.",
        ),
        "n_confirmed": ("Подтверждённых дефицитов", "Confirmed deficits"),
        # any other result
        "charts": ("Графики", "Pictures"),
        "table": ("Таблица", "Table"),
        "shown_rows": (
            "Показано {shown} из {total}; вся таблица — в файлах CSV и XLSX.",
            "Showing {shown} of {total}; the whole table is in the CSV and XLSX files.",
        ),
        # the five states
        "confirmed": ("дефицит подтверждён", "deficit confirmed"),
        "likely": ("дефицит вероятен", "deficit likely"),
        "indeterminate": ("не определено", "indeterminate"),
        "not_found": ("дефицит не выявлен", "no deficit found"),
        "insufficient_data": ("данных недостаточно", "insufficient data"),
        "strength_confirmed": ("сильная сторона", "strength"),
        "strength_likely": ("вероятная сильная сторона", "likely strength"),
        "legend_confirmed": (
            "результат ниже {cut} с вероятностью не менее {confirmed}: надёжное основание выбрать эту тему для развития",
            "the result lies below {cut} with a probability of at least {confirmed}: sound ground to choose this topic",
        ),
        "legend_likely": (
            "вероятность результата ниже {cut} от {likely} до {confirmed}: стоит уточнить и обсудить с методистом",
            "the probability of a result below {cut} is {likely} to {confirmed}: worth checking and talking over",
        ),
        "legend_indeterminate": (
            "вероятность от {indeterminate} до {likely}: результат слишком близок к границе, чтобы судить в ту или "
            "другую сторону",
            "the probability is {indeterminate} to {likely}: the result is too near the boundary to decide either way",
        ),
        "legend_not_found": (
            "вероятность меньше {indeterminate}; это не доказывает, что дефицита нет",
            "the probability is below {indeterminate}; this does not prove that there is no deficit",
        ),
        "legend_insufficient_data": (
            "ответов мало для отдельного вывода; если можно, он сделан по более широкой компетенции",
            "too few answers for a conclusion of its own; where possible it is drawn on the broader competency",
        ),
        # probability in words
        "chance_1": ("крайне маловероятно", "very unlikely"),
        "chance_2": ("маловероятно", "unlikely"),
        "chance_3": ("скорее нет", "rather not"),
        "chance_4": ("неясно", "uncertain"),
        "chance_5": ("скорее да", "rather likely"),
        "chance_6": ("весьма вероятно", "very likely"),
        "chance_7": ("почти наверняка", "almost certain"),
        # background columns by their usual names
        "column_form": ("Вариант", "Form"),
        "column_variant": ("Вариант", "Form"),
        "column_municipality": ("Муниципалитет", "Municipality"),
        "column_region": ("Регион", "Region"),
        "column_school": ("Организация", "School"),
        "column_category": ("Категория", "Category"),
        "column_experience": ("Стаж", "Experience"),
        "column_settlement": ("Тип населённого пункта", "Settlement"),
        "column_gender": ("Пол", "Gender"),
        "column_date": ("Дата", "Date"),
        "column_year": ("Год", "Year"),
        # spreadsheet
        "sheet_profiles": ("Профили", "Profiles"),
        "sheet_strengths": ("Сильные стороны", "Strengths"),
        "sheet_cohort": ("Сводка", "Cohort summary"),
        "sheet_methods": ("Методика", "Methods"),
        "sheet_findings": ("Замечания", "Findings"),
        "sheet_table": ("Таблица", "Table"),
        "head_person": ("Участник", "Person"),
        "head_competency": ("Код", "Code"),
        "head_title": ("Компетенция", "Competency"),
        "head_state": ("Вывод", "Conclusion"),
        "head_strength": ("Сильная сторона", "Strength"),
        "head_level": ("Уровень", "Level"),
        "head_p_deficit": ("Вероятность дефицита", "P(deficit)"),
        "head_p_strength": ("Вероятность сильной стороны", "P(strength)"),
        "head_percent": ("Процент", "Percent"),
        "head_percent_low": ("Процент, нижняя граница", "Percent, low"),
        "head_percent_high": ("Процент, верхняя граница", "Percent, high"),
        "head_theta": ("θ", "θ"),
        "head_se": ("Ошибка θ", "SE of θ"),
        "head_n_items": ("Заданий", "Items"),
        "head_reliability": ("Надёжность", "Reliability"),
        "head_prmse": ("PRMSE", "PRMSE"),
        "head_reported_at": ("Вывод по коду", "Reported at"),
        "head_status": ("Почему не показано", "Why not shown"),
        "head_n": ("n с отдельным выводом", "n with own conclusion"),
        "head_mean": ("Среднее", "Mean"),
        "head_error": ("± (95 %)", "± (95 %)"),
        "head_q05": ("5-й процентиль", "5th percentile"),
        "head_q95": ("95-й процентиль", "95th percentile"),
        "head_code": ("Код", "Code"),
        "status_reported": ("", ""),
        "status_no_items": ("нет заданий", "no items"),
        "status_too_few_items": ("мало заданий", "too few items"),
        "status_low_reliability": ("низкая надёжность", "low reliability"),
        "status_no_added_value": ("не добавляет к тесту", "no added value"),
        "strength_state_confirmed": ("подтверждена", "confirmed"),
        "strength_state_likely": ("вероятна", "likely"),
        "strength_state_indeterminate": ("не определено", "indeterminate"),
        "strength_state_not_found": ("не выявлена", "not found"),
        "strength_state_insufficient_data": ("данных недостаточно", "insufficient data"),
    }
)


@cache
def strings(language: Language) -> Mapping[str, str]:
    """Return the sentences of one language by key."""
    column = LANGUAGES.index(language)
    return MappingProxyType({key: pair[column] for key, pair in STRINGS.items()})


def several(n: int, noun: str, language: Language) -> str:
    """Return a number with the right form of one of `NOUNS`, kept on one line."""
    return counted(n, NOUNS[noun][language], language)


def form(n: int, noun: str, language: Language) -> str:
    """Return the right form of one of `NOUNS` after a number, without the number."""
    return plural(n, NOUNS[noun][language], language)
