"""What a Q-matrix and a fitted classification model may say of themselves."""

from competency_dx.findings import Template

# fmt: off
NO_ANSWERS = Template("classification.no_answers", "warning",
    "На {n:задание|задания|заданий} нет ни одного ответа, {n:~оно не откалибровано|они не откалиброваны|они не "
    "откалиброваны}: {scope}.",
    "{n:item has|items have} not a single answer and {n:~is|are} not calibrated: {scope}.")
Q_FEW_ITEMS = Template("classification.q_few_items", "warning",
    "Меньше {least} заданий на атрибут (число заданий): {counts}. Параметры не определены однозначно; добавьте задания.",
    "Fewer than {least} items measure an attribute (number of items): {counts}. The parameters are not identified; add "
    "items.")
Q_INCOMPLETE = Template("classification.q_incomplete", "warning",
    "Нет задания, которое измеряет только {scope}: часть профилей неразличима. Добавьте такие задания.",
    "No item measures only {scope}: some profiles cannot be told apart. Add such items.")
Q_EQUAL_COLUMNS = Template("classification.q_equal_columns", "warning",
    "Кроме одиночных заданий, атрибуты {scope} измеряются одними и теми же заданиями; разделите их.",
    "Apart from their own items, {scope} are measured by the same items, which does not identify them; add items that "
    "separate them.")
Q_NOT_GENERIC = Template("classification.q_not_generic", "info",
    "Не показано, что параметры при атрибутах {scope} определены однозначно; добавьте для них задания.",
    "It cannot be shown that the parameters of {scope} are identified; add items for them.")
INSEPARABLE_PROFILES = Template("classification.inseparable_profiles", "warning",
    "Задания различают {classes:класс|класса|классов} из {profiles:профиля|профилей|профилей}; неразличимые профили делят "
    "вероятность поровну. Добавьте задания только на эти атрибуты или задайте иерархию: {scope}.",
    "The items tell {classes} classes of {profiles} profiles apart; profiles that look alike share their probability "
    "equally. Add items that measure these attributes alone, or state a hierarchy: {scope}.")
PROFILES_BY_MODEL = Template("classification.profiles_by_model", "warning",
    "Задания различают {classes:класс|класса|классов} из {profiles:профиля|профилей|профилей}; неразличимые профили "
    "разделены лишь моделью распределения. Добавьте задания только на эти атрибуты или задайте иерархию: {scope}.",
    "The items tell {classes} classes of {profiles} profiles apart; profiles that look alike are told apart by the "
    "attribute distribution alone. Add items that measure these attributes alone, or state a hierarchy: {scope}.")
NEGATIVE_DISCRIMINATION = Template("classification.negative_discrimination", "error",
    "Владеющие всеми атрибутами отвечают верно реже не владеющих ни одним: {scope}. Проверьте ключ.",
    "Those who master everything answer {scope} right less often than those who master nothing: check the key.")
NOT_MONOTONE = Template("classification.not_monotone", "info",
    "Освоение атрибута заметно снижает вероятность верного ответа: {scope}. Проверьте Q-матрицу.",
    "Mastering an attribute clearly lowers the probability of a right answer to {scope}: check the Q-matrix.")
BOUNDARY_PROBABILITY = Template("classification.boundary_probability", "warning",
    "Вероятность у границы {low} или {high} в {n:~задании|заданиях|заданиях} {scope}; у неё нет стандартной ошибки.",
    "A probability of {scope} lies at the bound {low} or {high} and has no standard error.")
EMPTY_GROUP = Template("classification.empty_group", "warning",
    "В одной из групп {n:~задания|заданий|заданий} {scope} никого нет; её вероятность не оценена.",
    "Nobody is in a latent group of {scope}; its probability is not estimated.")
NOT_IDENTIFIED = Template("classification.not_identified", "warning",
    "Данные не определяют часть параметров ({directions:направление|направления|направлений}): {scope}; у них нет "
    "стандартных ошибок. Возьмите модель проще, задайте иерархию или добавьте задания.",
    "The data do not determine some parameters ({directions:flat direction|flat directions}): those of {scope} have no "
    "standard errors; use a simpler family, a hierarchy or more items.")
PROFILES_NOT_IDENTIFIED = Template("classification.profiles_not_identified", "warning",
    "Данные не определяют распределение профилей ({directions:направление|направления|направлений}): у него нет стандартных "
    "ошибок. Возьмите модель проще, задайте иерархию или добавьте задания.",
    "The data do not determine the distribution of profiles ({directions:flat direction|flat directions}), which has no "
    "standard errors; use a simpler family, a hierarchy or more items.")
BOUNDARY_DISTRIBUTION = Template("classification.boundary_distribution", "warning",
    "Параметры распределения атрибутов {scope} у границы ±{limit}; у них нет стандартных ошибок.",
    "Parameters of the distribution of {scope} lie at their bound ±{limit} and have no standard errors.")
TOO_MANY_PARAMETERS = Template("classification.too_many_parameters", "warning",
    "Свободных параметров {parameters}, участников {persons}: больше, чем несут ответы. Возьмите распределение атрибутов "
    "высшего порядка или независимое, модель проще или меньше атрибутов.",
    "There are {parameters} free parameters and {persons} persons: more than the answers carry. Take a higher-order or "
    "independent distribution of attributes, a simpler family, or fewer attributes.")
LOCAL_MAXIMA = Template("classification.local_maxima", "info",
    "Лучшего максимума {best:~достигла|достигли|достигли} {best} из {starts:начальной точки|начальных точек|начальных "
    "точек}, худший ниже на {gap:.2f}. Если достигла одна, увеличьте ClassificationML(starts=…).",
    "The best maximum was reached by {best} of {starts:starting point|starting points}, the worst is {gap:.2f} lower. Where "
    "only one reached it, raise ClassificationML(starts=…).")
