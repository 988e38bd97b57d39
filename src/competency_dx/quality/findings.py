"""What an item analysis may say: one sentence for each reason of a verdict, and what concerns the whole test."""

from competency_dx.findings import Template

# fmt: off
SOUND = Template("quality.item_sound", "info",
    "Замечаний нет: набрано {share:.0f} % баллов, связь с остальными заданиями {r:.2f}.",
    "Nothing against it: {share:.0f} % of the points were earned, correlation with the other items {r:.2f}.")
FEW = Template("quality.item_few_answers", "info",
    "{answers:ответ|ответа|ответов}, а вывод возможен начиная с {least}.",
    "{answers:answer|answers}; there is a verdict from {least} on.")
ALONE = Template("quality.item_alone", "info",
    "Сравнить не с чем: нет других заданий с ответами тех же участников, или их баллы одинаковы.",
    "There is nothing to compare with: no other items answered by the same persons, or all their points are alike.")
WRONG_KEY = Template("quality.item_wrong_key", "error",
    "Вероятно, неверный ключ: чем сильнее участник, тем реже ответ засчитан (связь с остальными заданиями {r:.2f}). Проверьте "
    "ключ и правило оценивания.",
    "Probable wrong key: the better a person does elsewhere, the less often the answer is credited (correlation with the other "
    "items {r:.2f}). Check the key and the scoring rule.")
WRONG_KEY_OTHER = Template("quality.item_other_key", "error",
    "Вероятно, неверный ключ: чем сильнее участник, тем реже ответ засчитан (связь с остальными заданиями {r:.2f}), а как ключ "
    "ведёт себя ответ «{answer}». Если он верен, исправьте ключ и пересчитайте баллы.",
    "Probable wrong key: the better a person does elsewhere, the less often the answer is credited (correlation with the other "
    "items {r:.2f}), and the answer '{answer}' behaves like the key. If it is right, correct the key and score again.")
CONSTANT = Template("quality.item_constant", "warning",
    "У всех один и тот же балл ({points}): различий между участниками задание не показывает.",
    "Everybody has the same points ({points}): the item shows no differences between persons.")
NEGATIVE = Template("quality.item_negative", "info",
    "Связь с остальными заданиями обратная: корреляция {r:.2f} (от {low:.2f} до {high:.2f}). Проверьте ключ; чтобы утверждать, "
    "что он неверен, данных мало.",
    "Inversely related to the other items: correlation {r:.2f} ({low:.2f} to {high:.2f}). Check the key; the data do not suffice "
    "to say that it is wrong.")
UNRELATED = Template("quality.item_unrelated", "warning",
    "С остальными заданиями не связано: корреляция {r:.2f}, не выше {high:.2f}. Задание измеряет другое, неясно "
    "сформулировано или неверно оценено.",
    "Unrelated to the other items: correlation {r:.2f}, at most {high:.2f}. The item measures something else, is unclear or is "
    "scored wrongly.")
WEAK = Template("quality.item_weak", "info",
    "Связь с остальными заданиями слабая: корреляция {r:.2f} (от {low:.2f} до {high:.2f}). Проверьте формулировку.",
    "Weakly related to the other items: correlation {r:.2f} ({low:.2f} to {high:.2f}). Check the wording.")
RIVAL = Template("quality.item_rival", "info",
    "Неверный ответ «{answer}» выбирают сильные участники (корреляция {r:.2f}, {share:.0f} % ответов). Возможно, он тоже верен "
    "или задание двусмысленно.",
    "The wrong answer '{answer}' is chosen by the better persons (correlation {r:.2f}, {share:.0f} % of the answers). It may be "
    "right too, or the item ambiguous.")
EASY = Template("quality.item_easy", "info",
    "Слишком лёгкое: набрано {share:.0f} % баллов, различий между участниками почти не видно.",
    "Too easy: {share:.0f} % of the points were earned, it hardly shows differences between persons.")
HARD = Template("quality.item_hard", "info",
    "Слишком трудное: набрано {share:.0f} % баллов, различий между участниками почти не видно.",
    "Too hard: {share:.0f} % of the points were earned, it hardly shows differences between persons.")
OMITTED = Template("quality.item_omitted", "info",
    "Не ответили {share:.0f} % тех, кому задание предъявлено. Проверьте, понятно ли, что и как отвечать.",
    "{share:.0f} % of those who were given it left it out. Check whether it is clear what to answer and how.")
NOT_REACHED = Template("quality.item_not_reached", "info",
    "До задания не дошли {share:.0f} % участников: времени не хватает.",
    "{share:.0f} % of the persons did not reach it: time is short.")
IN_TAIL = Template("quality.item_zero_tail", "info",
    "Похоже, {share:.0f} % участников до задания не дошли, а баллом стоит 0.",
    "It seems that {share:.0f} % of the persons did not reach it and have 0 points instead.")
KEYS = Template("quality.probable_wrong_key", "error",
    "Вероятно, неверный ключ: {scope}{answers}. Проверьте ключ до того, как использовать результаты.",
    "Probable wrong key: {scope}{answers}. Check the key before any result is used.")
FEW_ANSWERS = Template("quality.few_answers", "info",
    "Меньше {least} ответов на {n:задание|задания|заданий}, по {n:~нему|ним|ним} вывода нет: {scope}.",
    "{n:item has|items have} fewer than {least} answers and no verdict: {scope}.")
ROUGH = Template("quality.rough", "info",
    "Меньше {enough} ответов на {n:задание|задания|заданий} ({scope}): видны лишь грубые ошибки, «оставить» значит, что "
    "ничего не замечено.",
    "{n:item has|items have} fewer than {enough} answers ({scope}): only gross faults show, 'keep' means that nothing was "
    "noticed.")
CEILING = Template("quality.ceiling", "warning",
    "Все баллы набрали {share:.0f} % участников: различия между сильными не видны. Добавьте трудные задания.",
    "{share:.0f} % of the persons earned all the points: differences between the best do not show. Add harder items.")
FLOOR = Template("quality.floor", "warning",
    "Ни одного балла у {share:.0f} % участников: различия между слабыми не видны. Добавьте лёгкие задания.",
    "{share:.0f} % of the persons earned no point: differences between the weakest do not show. Add easier items.")
OPTION_IS_CODE = Template("quality.option_is_code", "error",
    "{scope}: вариант {option} («{words}») читается как код другого варианта. Дайте ему свой код или другие слова.",
    "{scope}: option {option} ('{words}') reads as the code of another one. Give it that code, or other words.")
KEY_SIZES = Template("quality.key_sizes", "error",
    "Сколько вариантов верно, можно угадать (верных вариантов: заданий — {counts}). Нужно не меньше трёх размеров ключа и не "
    "больше половины заданий на размер: {scope}.",
    "How many options are right can be guessed (right options: items — {counts}). Three sizes of key sets are needed, none in "
    "more than half of the items: {scope}.")
KEY_LENGTH = Template("quality.key_length", "error",
    "Ключ — самый длинный вариант в {hits} из {items} заданий, случайно вышло бы {expected:.1f}. Выровняйте длину: {scope}.",
    "The key is the longest option in {hits} of {items} items, by chance in {expected:.1f}. Even lengths out: {scope}.")
KEY_POSITION = Template("quality.key_position", "error",
    "Ключ стоит на месте {place} в {hits} из {items} заданий, случайно вышло бы {expected:.1f}. Переставьте варианты: {scope}.",
    "The key stands at place {place} in {hits} of {items} items, by chance it would in {expected:.1f}. Move options: {scope}.")
TITLE_SHOWS_KEY = Template("quality.title_shows_key", "error",
    "{scope}: слово «{word}» стоит и в заголовке, и в ключе. Смените заголовок.",
    "{scope}: the word '{word}' stands in the title and in the key. Change the title.")
POINTS_DIFFER = Template("quality.points_differ", "error",
    "За задания одного типа ({type}) и одной части даётся разное число баллов: {scope}. Оцените их одинаково.",
    "Items of one type ({type}) and part earn different points: {scope}. Give them the same.")
RECALL_OUTWEIGHS = Template("quality.recall_outweighs", "error",
    "За припоминание баллов больше, чем в среднем за методическое задание ({average:.1f}): {scope}. Уменьшите баллы.",
    "Recall earns more than an average methodical item ({average:.1f}): {scope}. Lower the points.")
ANSWER_REFUSED = Template("quality.answer_refused", "error",
    "{scope}: ответы, которые надо принять, не получают всех баллов: {answers}. Дополните ключ или задайте вид ответа.",
    "{scope}: answers to accept do not earn all the points: {answers}. Complete the key, or state the format of the answer.")
ANSWER_CREDITED = Template("quality.answer_credited", "error",
    "{scope}: ответы, которые надо отклонить, получают баллы: {answers}. Исправьте ключ или правило.",
    "{scope}: answers to reject earn points: {answers}. Correct the key or the rule.")
ITEMS_OVERLAP = Template("quality.items_overlap", "error",
    "{scope} стоят в одном варианте и имеют общее: «{words}». Объявите их врагами и разведите или перепишите.",
    "{scope} stand in one form and share '{words}'. Declare them enemies and part them, or reword.")
ITEM_SHOWS_KEY = Template("quality.item_shows_key", "error",
    "В одном варианте первое задание показывает ответ на второе ({scope}): «{place}». Перепишите или разведите их.",
    "In one form the first item shows the answer to the second ({scope}): '{place}'. Reword, or part them.")
TYPOGRAPHY = Template("quality.typography", "error",
    "{scope}: {remark} («{place}»).", "{scope}: {remark} ('{place}').")
DASH_STYLES = Template("quality.dash_styles", "error",
    "В банке тире двух видов, реже встречающееся — в заданиях {scope}. Оставьте один вид.",
    "The bank has dashes of two styles, the rarer one in {scope}. Keep one of them.")
ORDER_SHOWN = Template("quality.order_shown", "error",
    "{scope}: порядок видно по номерам, числам или словам вариантов. Переставьте или перепишите их.",
    "{scope}: codes, numbers or words of the labels show the order. Move or reword them.")
FORMS_DIFFER = Template("quality.forms_differ", "error",
    "Варианты не параллельны: {what} — {pairs} (допустима разница {allowed}).",
    "The forms are not parallel: {what} — {pairs} (a difference of {allowed} is allowed).")
FORM_ANCHOR = Template("quality.form_anchor", "error",
    "Общих заданий вариантов мало: методических {methodical}, предметных {subject}, открытых {open}. Нужно по {least} и хотя бы "
    "одно открытое.",
    "The forms have too few items in common: methodical {methodical}, subject {subject}, open {open}. {least} of each are "
    "needed, and one of them open.")
FAMILY_TWICE = Template("quality.family_twice", "error",
    "{place}: задания одного семейства {family}: {scope}. Оставьте одно.",
    "{place}: items of one family {family}: {scope}. Keep one of them.")
REPEALED = Template("quality.repealed", "error",
    "{scope}: {remark} («{place}»).", "{scope}: {remark} ('{place}').")
# fmt: on
