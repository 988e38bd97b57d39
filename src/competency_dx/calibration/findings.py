"""What a calibration may say of its items, competencies and the way to its maximum."""

from competency_dx.findings import Template

# fmt: off
NO_ANSWERS = Template("calibration.no_answers", "warning",
    "На {n:задание|задания|заданий} нет ни одного ответа, {n:~оно не откалибровано|они не откалиброваны|они не "
    "откалиброваны}: {scope}.",
    "{n:item has|items have} not a single answer and {n:~is|are} not calibrated: {scope}.")
CONSTANT_ITEM = Template("calibration.constant_item", "warning",
    "Все ответы на {n:~задание|задания|задания} {scope} получили один и тот же балл: о различиях между людьми они не "
    "говорят.",
    "All answers to {scope} earned the same score: they tell nothing about differences between persons.")
EMPTY_CATEGORY = Template("calibration.empty_category", "warning",
    "В {n:~задании|заданиях|заданиях} {scope} есть баллы, которых никто не получил; их пороги держатся только на априорных.",
    "Some scores of {scope} were earned by nobody; their thresholds rest on the prior alone or are absent.")
PROBABLE_WRONG_KEY = Template("calibration.probable_wrong_key", "error",
    "Вероятно, неверный ключ: {scope}. Чем сильнее участник в остальных заданиях, тем реже ответ засчитан. Проверьте ключ "
    "до того, как использовать результаты.",
    "Probable wrong key: {scope}. The better a person does on the other items, the less often the answer is credited. Check "
    "the key before any result is used.")
OTHER_KEY = Template("calibration.other_key", "warning",
    "Как ключ ведёт себя другой ответ (задание и ответ): {where}. Сверьте с ним ключ.",
    "Another answer behaves like the key (item and answer): {where}. Compare the key with it.")
LOW_ITEM_REST = Template("calibration.low_item_rest", "info",
    "Связь с остальными заданиями слабее нуля, но в пределах случайной: {scope}. Просмотрите эти задания.",
    "The relation to the other items is below zero, though within chance: {scope}. Look at these items.")
NEGATIVE_SLOPE = Template("calibration.negative_slope", "error",
    "Отрицательная дискриминация: {scope}. Вероятно, неверный ключ или обратная кодировка.",
    "Negative slope: {scope}. A wrong key or reversed coding is probable.")
STEEP_SLOPE = Template("calibration.steep_slope", "warning",
    "Дискриминация выше {limit}: {scope}. Проверьте, не повторяют ли задания друг друга.",
    "Slope above {limit}: {scope}. Check for items that repeat or give away one another.")
FLAT_SLOPE = Template("calibration.flat_slope", "warning",
    "Дискриминация ниже {limit}: {scope}. Задания почти ничего не измеряют; проверьте ключ.",
    "Slope below {limit}: {scope}. These items measure next to nothing; check the key.")
LONE_SLOPE = Template("calibration.lone_slope", "warning",
    "{n:~Задание|Задания|Задания} {scope} — {n:~единственное на свою компетенцию|единственные на свои компетенции|единственные "
    "на свои компетенции}: дискриминация и корреляции этой компетенции по ответам неотличимы и держатся на априорных. Добавьте "
    'задания или берите dimensions="clusters".',
    "{scope} {n:~is the only item of its competency|are the only items of their competencies}: the answers do not tell slope and "
    'correlations of the competency apart, which rest on the priors. Add items, or take dimensions="clusters".')
FAR_DIFFICULTY = Template("calibration.far_difficulty", "warning",
    "Трудность дальше {limit} логитов от центра: {scope}. Почти все отвечают на них одинаково.",
    "Difficulty farther than {limit} logits from the centre: {scope}. Nearly all answer them alike.")
THIN_SAMPLE = Template("calibration.thin_sample", "warning",
    "Меньше {least} ответов на {n:~задание|задания|задания} {scope}: для модели {model} данных мало. Используйте Rasch или "
    "PCM.",
    "Fewer than {least} answers to {scope}: thin data for the model {model}. Use Rasch or PCM.")
IMPRECISE = Template("calibration.imprecise_difficulties", "warning",
    "Меньше {least} ответов на {n:~задание|задания|задания} {scope}: трудности известны с точностью до ±{within:.1f} логита "
    "(95 %). Лёгкие задания от трудных так отличить можно; для банка, порогов и сравнения близких заданий соберите больше "
    "ответов.",
    "Fewer than {least} answers to {scope}: difficulties are known to within ±{within:.1f} logits (95 %). That tells easy items "
    "from hard ones; for a bank, for cut scores and to compare items close to one another collect more answers.")
NEAR_DUPLICATE = Template("calibration.near_duplicate", "warning",
    "Задания почти повторяют друг друга (корреляция ответов выше {limit}): {pairs}. Их дискриминации завышены; оставьте "
    "одно из каждой пары.",
    "Items nearly repeat one another (answers correlate above {limit}): {pairs}. Their slopes are inflated; keep one of "
    "each pair.")
COARSE_GRID = Template("calibration.coarse_grid", "warning",
    "Сетка интегрирования ({points:точка|точки|точек}) реже, чем уже́ апостериорное распределение ({spacing:.3f} против "
    "{narrowest:.3f} SD); увеличьте MarginalML(points=…).",
    "The support grid ({points:point|points}) is coarser than the narrowest posterior ({spacing:.3f} against "
    "{narrowest:.3f} SD); raise MarginalML(points=…).")
SECOND_OPINION = Template("calibration.second_opinion", "info",
    "Параметры оценены программой girth ({function}): это второе мнение без априорных и стандартных ошибок; для рабочих "
    "результатов используйте MarginalML().",
    "The parameters are girth's ({function}): a second opinion without priors and standard errors; use MarginalML() for "
    "results to work with.")
GIRTH_SHARES = Template("calibration.girth_shares", "warning",
    "Часть ответов отсутствует, а {function} ставит пороги по долям ответивших: это верно, только если состав ответивших не "
    "связан с компетенцией.",
    "Some answers are missing, and {function} sets thresholds from the shares among those who answered: right only where "
    "who answered has nothing to do with the competency.")
GIRTH_AT_BOUND = Template("calibration.girth_at_bound", "warning",
    "Оценки girth упёрлись в границы его поиска: {scope}.",
    "Estimates of girth ended at the bounds of its search: {scope}.")
GIRTH_UNSETTLED = Template("calibration.girth_unsettled", "warning",
    "Программа girth остановилась раньше времени: {iterations:итерация|итерации|итераций}, средняя компетенция смещена на "
    "{drift:.1f} её стандартной ошибки.",
    "girth stopped before its time: {iterations:iteration|iterations}, the mean competency is off by {drift:.1f} of its "
    "standard error.")
