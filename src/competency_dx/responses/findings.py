"""What may be said of a table of answers and of its design."""

from competency_dx.findings import Template

# fmt: off
ENCODING = Template("responses.encoding", "info",
    "Файл прочитан в кодировке {scope}.",
    "The file was read in the encoding {scope}.")
SHEET = Template("responses.sheet", "info",
    "Прочитан лист {where}; остальные листы книги не использованы.",
    "Sheet {where} was read; the other sheets of the workbook were not used.")
MORE_SHEETS = Template("responses.more_sheets", "warning",
    "На других листах тоже есть ответы, они не прочитаны: {scope}. Прочитайте их отдельно: Layout(sheet=…) или --sheet.",
    "Other sheets hold answers too and were not read: {scope}. Read them one by one: Layout(sheet=…) or --sheet.")
HIDDEN_SHEETS = Template("responses.hidden_sheets", "warning",
    "Скрытые листы с ответами не прочитаны (лист, строк): {counts}; прочитан лист {sheet}, в нём {rows:строка|строки|строк}. "
    "Если нужен скрытый: Layout(sheet=…) или --sheet.",
    "Hidden sheets with answers were not read (sheet, rows): {counts}; sheet {sheet} was read, which has {rows:row|rows}. If a "
    "hidden one is meant: Layout(sheet=…) or --sheet.")
NO_HEADING = Template("responses.no_heading", "warning",
    "Над ячейками нет заголовка, они не использованы как ответы: {scope}. Возможно, строка сдвинута; озаглавьте столбцы.",
    "Cells stand under no heading and were not used as answers: {scope}. A row may be shifted; give the columns headings.")
HEADER_ROWS = Template("responses.header_rows", "info",
    "Над заголовком {rows:~пропущена|пропущены|пропущено} {rows:строка|строки|строк}: {where}.",
    "{rows:row|rows} above the header {rows:~was|were} skipped: {where}.")
HEADER_MATCHED = Template("responses.header_matched", "info",
    "Заголовки совпали с заданиями без учёта похожих букв, регистра, разделителей и приписанного максимума: {scope}.",
    "Headers match items once look-alike letters, case, separators and a maximum behind them are set aside: {scope}.")
TOTAL_ROWS = Template("responses.total_rows", "info",
    "{rows:строка|строки|строк} итогов {rows:~не считается участником и пропущена|не считаются участниками и пропущены|не "
    "считаются участниками и пропущены}: {where}.",
    "{rows:row|rows} of totals {rows:~is no person and was|are no persons and were} dropped: {where}.")
EMPTY_ROWS = Template("responses.empty_rows", "info",
    "Пустые строки пропущены: {rows}.",
    "{rows:empty row was|empty rows were} dropped.")
ROW_NUMBERS = Template("responses.row_numbers", "info",
    "Столбец участников не найден; участники названы номерами строк. Назовите столбец: Layout(person=…) или --person.",
    "No person column was found; persons are row numbers. Name the column with Layout(person=…) or --person.")
BACKGROUND = Template("responses.background", "info",
    "Столбцы сохранены как сведения об участниках, а не ответы: {scope}.",
    "Columns kept as background of the persons, not as answers: {scope}.")
UNKNOWN_ITEMS = Template("responses.unknown_items", "warning",
    "Столбцы или коды похожи на задания, но ни одно задание банка не называют однозначно; они не использованы: {where}. "
    "Исправьте коды или назовите задания: Layout(aliases=…) или --alias.",
    "Columns or ids look like items, name none of the bank for certain and were not used: {where}. Correct the ids or name "
    "the items with Layout(aliases=…) or --alias.")
SUMS = Template("responses.sums", "warning",
    "Столбцы равны сумме других (или её проценту) и заданиями не считаются: {scope}. Если это задания, назовите их: "
    "Layout(items=…).",
    "Columns equal the sum of others (or its percent) and are no items: {scope}. If they are, name the items with "
    "Layout(items=…).")
SPELLINGS = Template("responses.spellings", "warning",
    "Коды различаются только регистром, похожими буквами или пробелами и считаются разными: {scope}. Если это одно и то же, "
    "исправьте их.",
    "Ids differ only by case, look-alike letters or spaces and count as different: {scope}. If they are the same, correct "
    "them.")
VARYING = Template("responses.varying", "info",
    "Сведения меняются внутри участника, взято первое значение: {scope}.",
    "Background that varies within a person; the first value was taken: {scope}.")
PERSONAL_DATA = Template("responses.personal_data", "info",
    "Столбцы с персональными данными удалены: {scope}. Не распознаются прозвища, слитные логины, редкие имена и фамилия без "
    "имени, отчества или инициалов; просмотрите остальные столбцы.",
    "Columns with personal data were dropped: {scope}. Nicknames, logins written as one word, rare first names and a surname "
    "without first name, patronymic or initials are not recognised: look through the other columns.")
PERSONAL_ANSWERS = Template("responses.personal_answers", "warning",
    "Ответы с персональными данными ({cells:ячейка|ячейки|ячеек}): {scope}; сохранена только первая буква. Уберите их из "
    "исходной таблицы.",
    "Answers hold personal data ({cells:cell|cells}): {scope}; only the first letter was kept. Remove them from the source.")
SCORED_CELLS = Template("responses.scored_cells", "info",
    "Ячейки прочитаны как готовые баллы (значения от 0 до максимума, среди них не бывающие ответами): {scope}.",
    "The cells were taken as points (0 to the maximum, some of which cannot be answers): {scope}.")
POINTS_AMONG_ANSWERS = Template("responses.points_among_answers", "warning",
    "В таблице ответов есть столбцы, похожие на готовые баллы (ни одного верного ответа): {scope}. Проверьте их.",
    "Columns of a table of answers look like points (no right answer among them): {scope}. Check them.")
MISSING_TOKENS = Template("responses.missing_tokens", "info",
    "Обозначения пропусков в {cells:ячейке|ячейках|ячейках}: {where}.",
    "{cells:cell holds a token|cells hold tokens} for missing answers: {where}.")
ABSENT = Template("responses.absent", "info",
    "С отметкой о неявке {n:участник|участника|участников}, задания считаются непредъявленными: {scope}.",
    "{n:person is|persons are} marked absent, {n:~the|their} items count as not administered: {scope}.")
INVALID = Template("responses.invalid", "warning",
    "{cells:ячейка не прочитана|ячейки не прочитаны|ячеек не прочитаны} и не {cells:~учитывается|учитываются|учитываются}: "
    "{where}. Исправьте таблицу или банк; коды пропусков назовите: Layout(missing_tokens=…) или --missing.",
    "{cells:cell|cells} cannot be an answer or points and {cells:~is|are} left out (INVALID): {where}. Correct the table or the "
    "bank; name codes of missing answers with Layout(missing_tokens=…) or --missing.")
SEVERAL_OPTIONS = Template("responses.several_options", "warning",
    "{cells:ответ|ответа|ответов} из нескольких вариантов там, где нужен один: {where}. Это ошибка участника, 0 баллов.",
    "{cells:answer|answers} of several options where one is asked for: {where}. They are answers, and wrong ones: 0 points.")
BLANKS = Template("responses.blanks", "info",
    "{cells:пустая ячейка|пустые ячейки|пустых ячеек}: как пропуск задания {omitted}, как недостигнутое {not_reached}, как "
    "непредъявленное {not_administered}, как нечитаемое {invalid}. Иначе: Layout(missing_tokens=…) или --blank.",
    "{cells:blank cell|blank cells}: {omitted} count as omitted, {not_reached} as not reached, {not_administered} as not "
    "administered, {invalid} as unreadable. To have it otherwise: Layout(missing_tokens=…) or --blank.")
CODES_AMONG_SCORES = Template("responses.codes_among_scores", "warning",
    "Значения после разрыва похожи на коды пропусков, а прочитаны как баллы: {where}. Если это пропуски, назовите их: "
    "Layout(missing_codes=…) или --missing 9.",
    "Values after a gap look like codes of missing answers and were read as points: {where}. If they are, name them with "
    "Layout(missing_codes=…) or --missing 9.")
GAPS = Template("responses.gaps", "info",
    "Между значениями есть разрывы, промежуточных баллов никто не получил: {where}. Если таких баллов нет, перекодируйте "
    "значения подряд (0, 2 → 0, 1); код пропуска назовите: Layout(missing_codes=…) или --missing.",
    "There are gaps between the values, nobody has the scores between: {where}. If there are no such scores, number the values "
    "without gaps (0, 2 → 0, 1); a code of missing answers is named with Layout(missing_codes=…) or --missing.")
STARTS_AT_ONE = Template("responses.starts_at_one", "warning",
    "Баллы начинаются с 1, нуля нет ни у кого: {scope}. Если шкала начинается с 1 (1/2, 1–5), вычтите 1.",
    "Scores start at 1 and nobody has 0: {scope}. If the scale starts at 1 (1/2, 1–5), subtract 1.")
MINUS_ONE = Template("responses.minus_one", "warning",
    "-1 стоит рядом с 0 и 1 так часто, что может быть баллом, а прочитано как пропуск: {scope}. Если это балл, прибавьте 1 ко "
    "всем баллам; если пропуск, скажите об этом: Layout(missing_tokens=…) или --missing=-1.",
    "-1 is so frequent beside 0 and 1 that it may be a score, and was read as missing: {scope}. If it is a score, add 1 to all "
    "scores; if not, say so with Layout(missing_tokens=…) or --missing=-1.")
DATE = Template("responses.date", "warning",
    "{cells:ответ превращён|ответа превращены|ответов превращены} таблицей в даты и не {cells:~учитывается|учитываются|"
    "учитываются}: {where}. Введите их снова как текст.",
    "{cells:answer was|answers were} turned into dates by the spreadsheet and {cells:~is|are} left out (INVALID): "
    "{where}. Enter them again as text.")
AMBIGUOUS_OPTIONS = Template("responses.ambiguous_options", "warning",
    "Тексты вариантов ответа совпадают с кодами других вариантов: {scope}. Такая ячейка всегда читается как код; записывайте "
    "ответы кодами и исправьте банк.",
    "Texts of options are the codes of other options: {scope}. Such a cell is always read as the code; write answers as codes "
    "and correct the bank.")
ZEROS_RESTORED = Template("responses.zeros_restored", "warning",
    "Столбец хранился числами; {cells:ответ сравнён|ответа сравнены|ответов сравнены} с восстановленными ведущими нулями: "
    "{where}.",
    "The column was stored as numbers; {cells:answer was|answers were} compared with leading zeros restored: {where}.")
ZEROS_LOST = Template("responses.zeros_lost", "warning",
    "{cells:ответ совпадёт|ответа совпадут|ответов совпадут} с ключом, если вернуть ведущие нули; они не восстановлены: "
    "{where}. Проверьте файл.",
    "{cells:answer|answers} would equal the key with leading zeros put back; they were not restored: {where}. Check the "
    "source.")
ATTEMPTS = Template("responses.attempts", "info",
    "Несколько попыток у {n:участника|участников|участников}: {scope}; взята попытка по правилу Layout(attempts=…).",
    "{n:person has|persons have} several attempts: {scope}; one was taken as Layout(attempts=…) says.")
OUTSIDE_FORM = Template("responses.outside_form", "warning",
    "{cells:ответ|ответа|ответов} на задания не из формы участника {cells:~сохранён|сохранены|сохранены}: {scope}. "
    "Проверьте столбец формы.",
    "{cells:answer|answers} to items outside the person's form {cells:~was|were} kept: {scope}. Check the form column.")
UNKNOWN_FORM = Template("responses.unknown_form", "warning",
    "У {persons:участника|участников|участников} формы, которых нет в банке, пустые ячейки считаются непредъявленными: "
    "{scope}.",
    "{persons:person has|persons have} a form the bank does not know, blanks count as not administered: {scope}.")
EMPTY_ITEMS = Template("responses.empty_items", "info",
    "Нет ни одного ответа на {n:задание|задания|заданий}: {scope}.",
    "{n:item has|items have} no answer at all: {scope}.")
EMPTY_PERSONS = Template("responses.empty_persons", "info",
    "Нет ни одного ответа у {n:участника|участников|участников}, в таблице {n:~он остаётся|они остаются|они остаются}: "
    "{scope}.",
    "{n:person has|persons have} no answer at all and {n:~stays|stay} in the table: {scope}.")
CONSTANT_ITEMS = Template("responses.constant_items", "warning",
    "Все баллы одинаковы у {n:задания|заданий|заданий}: {scope}.",
    "{n:item has|items have} one score only: {scope}.")
WEAKLY_LINKED = Template("responses.weakly_linked", "warning",
    "Часть заданий связана с остальными ответами меньше чем {least:участника|участников|участников} (первое задание, число "
    "заданий, участники): {blocks}; сравнение их трудностей держится на этих людях. Добавьте общие задания или якоря.",
    "Some items are linked with the others by the answers of fewer than {least:person|persons} (first item, number of items, "
    "persons): {blocks}; the comparison of their difficulties rests on these persons. Add common items or anchors.")
DISCONNECTED = Template("responses.disconnected", "error",
    "Задания распались на {parts:блок|блока|блоков} без общих участников (первое задание блока, число заданий): {blocks}; "
    "их трудности несравнимы. Калибруйте блоки отдельно или добавьте общие задания.",
    "Items fall into {parts} blocks that no person connects (first item of each, number of items): {blocks}; their "
    "difficulties cannot be compared. Calibrate the blocks apart or add common items.")
ZERO_TAILS = Template("responses.zero_tails", "info",
    "Нули в конце похожи на нехватку времени: примерно {share:.0f} % участников не дошли до последних заданий ({scope}), а "
    "непройденное записано нулём. Трудность и связь этих заданий завышены. Отметьте непройденное как недостигнутое (пустая "
    "ячейка или «не дошёл»); если времени хватало, последние задания — отдельный блок.",
    "Zeros at the end look like a shortage of time: about {share:.0f} % of the persons did not reach the last items ({scope}), "
    "and what was not reached is written as 0. Difficulty and correlation of these items are too high. Mark it as not reached "
    "(an empty cell or 'not reached'); if there was time enough, the last items form a block of their own.")
