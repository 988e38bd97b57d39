"""Finding columns that name or reach a person, by header words and by what the cells look like.

Every pattern is anchored or possessive, so that the time is linear in the length of the cells.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from competency_dx.responses.reading.footers import is_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from competency_dx.responses.reading.table import Column

Personal = Literal[
    "name", "e-mail", "phone", "СНИЛС", "passport", "ИНН", "birth date", "IP address", "account", "name in a comment"
]

IN_WORDS: Mapping[str, str] = {
    "name": "responses.kind_name",
    "e-mail": "responses.kind_mail",
    "phone": "responses.kind_phone",
    "passport": "responses.kind_passport",
    "birth date": "responses.kind_birth",
    "IP address": "responses.kind_address",
    "account": "responses.kind_account",
    "name in a comment": "responses.kind_comment",
}
"""How errors say what a column holds; СНИЛС and ИНН stand for themselves."""
SAMPLE = 2000
"""Distinct contents looked at per column where a share of them decides."""
YEARS, ADULT = 5, 2000
"""Dates that lie so many years apart, most of them before this year, are birth dates."""

_SNILS = re.compile(r"(?<![\d-])\d{3}-\d{3}-\d{3}[ -]\d{2}(?!\d)")
_PHONE = re.compile(
    r"\+\d[\d\s().-]{8,16}|8[\s(-]+\d{3}[\s).-]+\d{3}[\s.-]?\d{2}[\s.-]?\d{2}|8\s?\(\d{3,5}\)[\d\s-]{5,9}"
)
_BARE_PHONE = re.compile(r"[78]9\d{9}")
_DIGITS = re.compile(r"\D*+(?:\d\D*+){10,12}")
_WORD = r"[A-ZА-ЯЁ][a-zа-яё]+(?:-[A-ZА-ЯЁ][a-zа-яё]+)?"
_INITIALS = re.compile(rf"{_WORD}\s+[А-ЯЁA-Z]\.\s*[А-ЯЁA-Z]\.?|[А-ЯЁA-Z]\.\s*[А-ЯЁA-Z]\.\s*{_WORD}")
_PATRONYMIC = re.compile(
    r"(?i)[а-яё-]+\s+[а-яё-]+\s+[а-яё]+(?:вич|вна|ична|инична|ильич|кузьмич)|[а-яё-]+\s+[а-яё-]+\s+[а-яё]+\s+(?:оглы|кызы)"
)
_FULL_NAME = re.compile(rf"{_WORD}\s+{_WORD}(?:\s+{_WORD})?")
_LETTERS = re.compile(r"[^\W\d_]{2,}\D*")
_DATE = re.compile(
    r"(?:(?P<y1>\d{4})[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?P<y2>\d{4}))(?:[ T]\d{1,2}:\d{2}.{0,12})?(?:\s*г\.?)?"
    r"|\d{1,2}\s[а-яёa-z]{3,9}\s(?P<y3>\d{4})(?:\s*г\.?)?"
)
_IP = re.compile(
    r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?::\d+)?|(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}"
    r"|(?=.*::)[0-9a-f:]{3,39}",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(
    r"@[a-z]\w{3,31}|(?:https?://)?(?:www\.)?(?:t\.me|vk\.com|ok\.ru|telegram\.me|instagram\.com|wa\.me)/\S+",
    re.IGNORECASE,
)

_HANDLE = re.compile(r"@?[\w.]{4,}|[^\s/]*/\S+")

_EMAIL_INSIDE = re.compile(r"(?<![^@\s])[^@\s]++@[^@\s.]++\.[^@\s]{2}")
_ACCOUNT_INSIDE = re.compile(
    r"(?<![\w.@])@[a-z]\w{4,31}\b(?!\.)|\b(?:t\.me|vk\.com|telegram\.me|wa\.me)/\w", re.IGNORECASE
)
_GIVEN = (
    "Александр|Александра|Алексей|Алина|Алла|Анастасия|Анатолий|Андрей|Анна|Антон|Антонина|Артём|Артем|Борис|Вадим|Валентин"
    "|Валентина|Валерий|Валерия|Василий|Вера|Виктор|Виктория|Виталий|Владимир|Владислав|Вячеслав|Галина|Георгий|Григорий|Дарья"
    "|Денис|Дмитрий|Евгений|Евгения|Екатерина|Елена|Елизавета|Иван|Игорь|Илья|Инна|Ирина|Кирилл|Константин|Ксения|Лариса|Лидия"
    "|Любовь|Людмила|Максим|Маргарита|Марина|Мария|Михаил|Надежда|Наталия|Наталья|Никита|Николай|Нина|Оксана|Олег|Ольга|Павел"
    "|Пётр|Петр|Полина|Роман|Светлана|Сергей|Станислав|Степан|Тамара|Татьяна|Фёдор|Юлия|Юрий|Яна"
)
_ENGLISH = (
    "John|Mary|James|Robert|Michael|William|David|Richard|Joseph|Thomas|Charles|Daniel|Matthew|Anthony|Steven|Paul|Andrew|Kevin"
    "|Brian|Peter|Patricia|Jennifer|Linda|Elizabeth|Barbara|Susan|Jessica|Sarah|Karen|Nancy|Margaret|Sandra|Emily|Anna|Alice|Jane"
    "|Maria|Jose|Juan|Carlos|Ivan|Sergey|Dmitry|Alexander|Olga|Elena|Natalia|Tatiana|Ali|Ahmed|Mohammed"
)
_FAMILY = r"[А-ЯЁ][а-яё]{1,20}(?:[оеё]в|[иы]н|[оеё]ва|[иы]на|[сц]кий|[сц]кая|енко|чук|швили|дзе|ян)"
_FATHER = r"[А-ЯЁ][а-яё]{2,20}(?:вич|вича|вичу|вичем|виче|вна|вны|вне|вну|вной|ичны|ична|ичне)"
_PHONE_INSIDE = re.compile(r"(?<![\d+])(?:\+7|8)[\s(-]{0,3}\d{3}[\s)-]{0,3}\d{3}[\s-]?\d{2}[\s-]?\d{2}(?!\d)")
_PASSPORT_INSIDE = re.compile(r"(?i)паспорт\D{0,20}\d{2} ?\d{2} ?\d{6}(?!\d)")
_NAME_INSIDE = re.compile(
    rf"\b[А-ЯЁ][а-яё]{{1,20}} {{1,3}}{_FATHER}\b|\b{_FAMILY} {{1,3}}(?:{_GIVEN})\b|\b(?:{_GIVEN}) {{1,3}}{_FAMILY}\b"
    rf"|\b{_FAMILY} {{1,3}}[А-ЯЁ]\. ?[А-ЯЁ]\.|\b[А-ЯЁ]\. ?[А-ЯЁ]\. ?{_FAMILY}\b"
    rf"|\b(?:{_ENGLISH}) [A-Z][a-z]{{2,20}}\b|\b[А-ЯЁ][а-яё]{{1,20}} (?:оглы|кызы)\b"
    rf"|(?i:\b(?:{_GIVEN}) {{1,3}}[а-яё]{{2,20}}(?:ович|евич|ьич|овна|евна|ична)\b)"
)
_IN_HONOUR = re.compile(
    r"(?i)(?:\b(?:(?:им|ул|просп|пр|пер|пл|наб|бул)\.|(?:имени|улица|проспект|переулок|площадь|памяти|героя)\b)[^,;.]{0,40}"
    r"|\b(?:оу|гбоу|мбоу|маоу|мкоу|сош|школа|гимназия|лицей|доу)(?: ?№? ?\d*)? ?)$"
)
"""What stands before a name after which a school or a street is called."""
BEFORE = 60
"""So many signs before a name are looked at."""

_NAME_HEADER = re.compile(
    r"\b(?:фио|фамилия|имя|отчество|ф и о|surname|first ?name|last ?name|full ?name|middle ?name|patronymic"
    r"|(?:student|teacher|person|user|participant) name)\b|^name$"
)
_PHONE_HEADER = re.compile(r"\b(?:тел|телефон|моб|мобильный|phone|mobile|whatsapp)\b|\b(?:контакт|связь|contact)")
_SNILS_HEADER = re.compile(r"снилс|snils|страховой номер")
_TAX_HEADER = re.compile(r"\bинн\b|\binn\b|\btin\b|tax ?id")
_PERSON_HEADER = re.compile(r"участник|учител|педагог|ученик|студент|person|student|teacher|participant")
_PASSPORT_HEADER = re.compile(r"\bпаспорт|passport")
_OTHER_DATE = re.compile(
    r"при[её]м|назнач|аттестац|присво|оконч|выдач|выдан|регистрац|поступл|обучен|hire|start|issued|test"
)
_ANY_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?:[ T].{0,20})?")
_BIRTH_HEADER = re.compile(r"рожд|родил|\bд ?р\b|\bbirth|\bdob\b|\bborn\b")
_ACCOUNT_HEADER = re.compile(
    r"телеграм|telegram|\bтг\b|\btg\b|вконтакте|\bvk\b|\bвк\b|instagram|skype|\bскайп|соцсет|мессенджер|messenger|\bник(?:нейм)?\b|nick"
)
_IP_HEADER = re.compile(r"\bip\b(?: ?(?:address|адрес))?")


def personal_columns(columns: Iterable[Column]) -> tuple[tuple[str, Personal], ...]:
    """Return the columns with personal data and what they hold."""
    return tuple((c.name, what) for c in columns if (what := _verdict(c)) is not None)


def _verdict(column: Column) -> Personal | None:
    header, cells = column.header, column.vocabulary[:SAMPLE]
    if not cells:
        return None
    tests: tuple[tuple[Personal, Callable[[], object]], ...] = (
        ("e-mail", lambda: _inside(column.vocabulary, "@", _EMAIL_INSIDE)),
        ("СНИЛС", lambda: _inside(column.vocabulary, "-", _SNILS) or _share(cells, _is_snils) > 0.5),
        ("СНИЛС", lambda: _SNILS_HEADER.search(header) and _share(cells, _DIGITS.fullmatch) > 0.5),
        ("ИНН", lambda: _share(cells, _is_tax_number) > 0.5),
        ("ИНН", lambda: _TAX_HEADER.search(header) and _share(cells, _DIGITS.fullmatch) > 0.5),
        ("phone", lambda: _share(cells, _PHONE.fullmatch) > 0.3 or _share(cells, _BARE_PHONE.fullmatch) > 0.5),
        ("phone", lambda: _PHONE_HEADER.search(header) and _share(cells, _DIGITS.fullmatch) > 0.3),
        ("phone", lambda: any(len(c) > 11 and _PHONE_INSIDE.search(c) for c in column.vocabulary)),
        ("passport", lambda: _inside(column.vocabulary, "аспорт", _PASSPORT_INSIDE)),
        ("passport", lambda: _PASSPORT_HEADER.search(header) and _share(cells, _DIGITS.fullmatch) > 0.3),
        ("IP address", lambda: _share(cells, _IP.fullmatch) > (0.1 if _IP_HEADER.search(header) else 0.5)),
        ("account", lambda: _share(cells, _ACCOUNT.fullmatch) > 0.3),
        ("account", lambda: _ACCOUNT_HEADER.search(header) and _share(cells, _HANDLE.match) > 0.3),
        (
            "account",
            lambda: (
                _inside(column.vocabulary, "@", _ACCOUNT_INSIDE) or _inside(column.vocabulary, "/", _ACCOUNT_INSIDE)
            ),
        ),
        ("birth date", lambda: _BIRTH_HEADER.search(header) and _share(cells, _full_date) > 0.3),
        ("birth date", lambda: not _OTHER_DATE.search(header) and _are_births(cells)),
        ("name", lambda: _share(cells, _INITIALS.fullmatch) > 0.3 or _share(cells, _PATRONYMIC.fullmatch) > 0.3),
        ("name", lambda: _NAME_HEADER.search(header) and _share(cells, _LETTERS.fullmatch) > 0.5),
        ("name", lambda: _PERSON_HEADER.search(header) and _share(cells, _FULL_NAME.fullmatch) > 0.5),
        ("name in a comment", lambda: _names_inside(column.vocabulary)),
    )
    return next((what for what, test in tests if test()), None)


def _share(cells: Sequence[str], test: Callable[[str], object]) -> float:
    return sum(bool(test(c)) for c in cells) / len(cells)


def _inside(cells: Sequence[str], sign: str, pattern: re.Pattern[str]) -> bool:
    """Tell whether any cell holds the pattern, which cannot be without the sign."""
    return any(sign in c and pattern.search(c) is not None for c in cells)


def _names_inside(cells: Sequence[str]) -> bool:
    """Tell whether any cell holds the name of a person, other than one that a school or a street is called after."""
    named = ((c, m) for c in cells if " " in c for m in _NAME_INSIDE.finditer(c))
    return any(not _IN_HONOUR.search(c[: m.start()][-BEFORE:]) and not is_signature(c) for c, m in named)


def signed_columns(columns: Iterable[Column]) -> tuple[tuple[str, Personal], ...]:
    """Return the columns with a name in what starts like a line of signatures, once such lines are off the table."""
    signed = [c for c in columns if any(" " in v and _NAME_INSIDE.search(v) and is_signature(v) for v in c.vocabulary)]
    return tuple((c.name, "name in a comment") for c in signed)


def _is_snils(cell: str) -> bool:
    """Tell whether eleven digits end in the control number of a СНИЛС."""
    digits = re.sub(r"[\s-]", "", cell) if len(cell) < 16 else ""
    digits = digits.zfill(11) if len(digits) == 10 else digits  # a spreadsheet takes a leading zero away
    if len(digits) != 11 or not (digits.isascii() and digits.isdigit()):
        return False
    control = sum(int(d) * (9 - k) for k, d in enumerate(digits[:9])) % 101 % 100
    return control == int(digits[9:])


def _is_tax_number(cell: str) -> bool:
    """Tell whether twelve digits end in the two control numbers of the ИНН of a person."""
    if len(cell) != 12 or not (cell.isascii() and cell.isdigit()):
        return False
    weights = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
    controls = (sum(w * int(d) for w, d in zip(weights[k:], cell, strict=False)) % 11 % 10 for k in (1, 0))
    return all(control == int(cell[10 + k]) for k, control in enumerate(controls))


def _full_date(cell: str) -> bool:
    """Tell whether a cell is a full date, also one that a spreadsheet keeps as a number of days."""
    days = len(cell) == 5 and cell.isascii() and cell.isdigit()
    return days or _ANY_DATE.fullmatch(cell) is not None or _DATE.fullmatch(cell) is not None


def _are_births(cells: Sequence[str]) -> bool:
    years = sorted(int(m["y1"] or m["y2"] or m["y3"]) for c in cells if (m := _DATE.fullmatch(c)))
    past = sum(1920 < y < ADULT for y in years)
    return len(years) > len(cells) / 2 and past > len(years) / 2 and years[-1] - years[0] >= YEARS
