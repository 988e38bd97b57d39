"""The start page of the demo and the note beside it: self-contained, in Russian or English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from competency_dx.cli.demo.cohort_files import SYNTHETIC
from competency_dx.cli.demo.key_review import KeyDoubt
from competency_dx.cli.demo.practice import Comparison, Tally
from competency_dx.display import FONT, count, percent

STYLE = f"""
:root {{ --ink: #1a1a1a; --accent: #1f3a5f; --grey: #5c5c5c; --line: #c9c9c9; }}
body {{ margin: 0; color: var(--ink); background: #fff; font: 15px/1.5 {FONT}; }}
main {{ max-width: 860px; margin: 0 auto; padding: 28px 24px 48px; }}
h1 {{ margin: 0 0 4px; font-size: 25px; line-height: 1.2; color: var(--accent); font-weight: 600; }}
h2 {{ margin: 28px 0 8px; padding-bottom: 3px; font-size: 17px; color: var(--accent); font-weight: 600;
  border-bottom: 1.5px solid var(--accent); }}
p {{ margin: 6px 0; }}
a {{ color: var(--accent); }}
.banner {{ border: 1.5px solid var(--ink); padding: 6px 12px; font-weight: 600; margin: 14px 0; }}
.note {{ color: var(--grey); font-size: 13px; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 14px; margin: 6px 0; }}
table.wide {{ width: 100%; }}
th, td {{ text-align: left; padding: 4px 16px 4px 0; border-bottom: 1px solid var(--line); }}
th {{ font-size: 12.5px; border-bottom: 1.5px solid var(--ink); vertical-align: bottom; }}
td.n, th.n {{ text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }}
tr.pair td {{ border-bottom-color: transparent; }}
td:last-child, th:last-child {{ padding-right: 0; }}
"""

WORDS: Mapping[str, Mapping[str, str]] = {
    "ru": {
        "title": "Демонстрация: диагностика придуманного региона",
        "lead": "Участников по каждому предмету: {persons}; шесть сказочных муниципалитетов, два варианта теста с "
        "общими заданиями. Числа получены одной командой: competency-dx demo --persons {persons} --seed {seed}",
        "banner": "Участники, муниципалитеты и ответы придуманы программой; выводов о людях здесь нет.",
        "subjects": "Отчёты",
        "profiles": "профили дефицитов",
        "calibration": "калибровка заданий",
        "key": "Неверный ключ, найденный до оценивания",
        "key_text": "В ключе задания {item} нарочно стояла ошибка: {wrong} вместо {right}. Проверка до оценивания "
        "заметила, что ответ {wrong} дают слабые участники, а {suggestion} сильные; ключ исправлен, ответы оценены заново.",
        "truth": "Чего стоят флаги",
        "truth_lead": "Для придуманных участников известна истина: дефицит есть, если ожидаемый процент на всём наборе "
        "заданий блока меньше 60. Сравниваются сегодняшнее правило «набрано меньше 60 % баллов блока» и движок "
        "(дефицит подтверждён или вероятен). Все три предмета вместе.",
        "reading": "На раздел приходится от одного до четырёх заданий варианта: правило 60 % всё равно выносит приговор, движок "
        "отвечает «данных недостаточно» и относит вывод к кластеру или ко всему тесту. Цена осторожности видна в "
        "столбце «открыто»: эти дефициты решит не порог, а более длинный тест.",
        "star": "* стоявший в банке ключ; последний столбец: средний процент баллов по остальным заданиям",
    },
    "en": {
        "title": "Demo: diagnosing an invented region",
        "lead": "Persons per subject: {persons}; six fairy-tale municipalities, two forms of the test with common items. "
        "One command made all numbers: competency-dx demo --persons {persons} --seed {seed} --language en",
        "banner": "Persons, municipalities and answers are made up by a program; nothing here is about people.",
        "subjects": "Reports",
        "profiles": "deficit profiles",
        "calibration": "item calibration",
        "key": "A wrong key, found before anybody was scored",
        "key_text": "The key of {item} was made wrong on purpose: {wrong} instead of {right}. The check before any "
        "score saw that weak persons answer {wrong} and strong ones {suggestion}; the key was corrected and the "
        "answers were scored again.",
        "truth": "What the flags are worth",
        "truth_lead": "For invented persons the truth is known: there is a deficit when the expected percent on all "
        "items of the block lies below 60. Compared are today's rule, less than 60 % of the block's points earned, and "
        "the engine (deficit confirmed or likely). All three subjects together.",
        "reading": "A form has one to four items a domain: the 60 % rule passes judgement all the same, the engine says "
        "that the data are insufficient and draws its conclusion for the cluster or the whole test. The price of caution "
        "stands in the column “open”: these deficits need a longer test, not another line.",
        "star": "* the key in the bank; last column: mean percent of points on the other items",
    },
}
README: Mapping[str, str] = {
    "ru": """СИНТЕТИЧЕСКИЕ ДАННЫЕ: участники, муниципалитеты и ответы придуманы программой.

index.html               с этой страницы начать (откройте в браузере, сеть не нужна)
data/                    таблицы ответов такими, какими они бывают у аналитика:
  mathematics.xlsx         книга с заголовком над таблицей, строкой «Итого», потерянными нулями
  history.csv              точка с запятой, кодировка CP1251
  physics.parquet          таблица для программ
mathematics/ history/ physics/
  index.html               сводка по группе; persons/ – страницы участников
  profiles.xlsx .csv .json те же профили таблицей и документом
  calibration/             параметры заданий и их погрешности
  bank/                    банк с новыми параметрами (load_bank читает эту папку)

В банке математики, с которым начинали, один ключ был нарочно испорчен; проверка его нашла.
Повторить: competency-dx demo --seed {seed}
""",
    "en": """SYNTHETIC DATA: persons, municipalities and answers are made up by a program.

index.html               start here (open in a browser, no network needed)
data/                    tables of answers as an analyst would have them:
  mathematics.xlsx         a title above the header, a row of totals, lost leading zeros
  history.csv              semicolons, code page 1251
  physics.parquet          a table for programs
mathematics/ history/ physics/
  index.html               the cohort; persons/ has a page for each person
  profiles.xlsx .csv .json the same profiles as tables and as a document
  calibration/             item parameters with their errors
  bank/                    the bank with the new parameters (load_bank reads this folder)

One key of the mathematics bank was made wrong on purpose at the start; the check found it.
Again: competency-dx demo --seed {seed} --language en
""",
}


def readme(language: str, seed: int) -> str:
    """Return what is what in the folder."""
    return README[language].format(seed=seed)


def index_page(
    subjects: Sequence[tuple[str, str]],
    keys: Sequence[tuple[KeyDoubt, str]],
    comparisons: Sequence[Comparison],
    persons: int,
    seed: int,
    language: str,
) -> str:
    """Return the start page.

    Parameters
    ----------
    subjects : sequence of (folder, title)
    keys : sequence of (doubt, right key)
        Wrong keys that were found and corrected.
    comparisons : sequence of Comparison
    persons, seed : int
        How the demo was called.
    language : str
    """
    t = WORDS[language]
    parts = [
        f"<h1>{escape(t['title'])}</h1>",
        f'<p class="banner">{escape(SYNTHETIC[language])}. {escape(t["banner"])}</p>',
        f"<p>{escape(t['lead'].format(persons=persons, seed=seed))}</p>",
        f"<h2>{escape(t['subjects'])}</h2>",
        _subject_table(subjects, t),
        *(_key_section(doubt, right, t, language) for doubt, right in keys),
        f"<h2>{escape(t['truth'])}</h2>",
        f"<p>{escape(t['truth_lead'])}</p>",
        _table(HEADS[language], comparison_rows(comparisons, language), texts=TEXT_COLUMNS, pairs=True),
        "".join(f'<p class="note">{escape(line)}</p>' for line in LEGEND[language]),
        f"<p>{escape(t['reading'])}</p>",
    ]
    return _document(t["title"], "\n".join(parts), language)


def _document(title: str, body: str, language: str) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _subject_table(subjects: Sequence[tuple[str, str]], t: Mapping[str, str]) -> str:
    rows = "".join(
        f"<tr><td>{escape(title)}</td>"
        f'<td><a href="{escape(folder)}/index.html">{escape(t["profiles"])}</a></td>'
        f'<td><a href="{escape(folder)}/calibration/index.html">{escape(t["calibration"])}</a></td></tr>'
        for folder, title in subjects
    )
    return f'<div class="scroll"><table class="wide"><tbody>{rows}</tbody></table></div>'


def _key_section(doubt: KeyDoubt, right: str, t: Mapping[str, str], language: str) -> str:
    text = t["key_text"].format(item=doubt.item, wrong=doubt.key, right=right, suggestion=doubt.suggestion or right)
    return (
        f"<h2>{escape(t['key'])}</h2><p>{escape(text)}</p>"
        + _table(KEY_HEADS[language], key_rows(doubt, language), texts=1, pairs=False)
        + f'<p class="note">{escape(t["star"])}</p>'
    )


def key_rows(doubt: KeyDoubt, language: str) -> list[Row]:
    """Return one row per option: code (the key of the bank has a star), share of persons, their percent on the rest."""
    return [
        (
            use.code + ("*" if use.code == doubt.key else ""),
            percent(100 * use.share, language),
            percent(100 * use.rest, language),
        )
        for use in doubt.options
    ]


def _table(heads: Row, rows: Iterable[Row], *, texts: int, pairs: bool) -> str:
    def line(row: Row, tag: str, name: str = "") -> str:
        cells = "".join(
            f"<{tag}>{escape(c)}</{tag}>" if k < texts else f'<{tag} class="n">{escape(c)}</{tag}>'
            for k, c in enumerate(row)
        )
        return f'<tr class="{name}">{cells}</tr>' if name else f"<tr>{cells}</tr>"

    body = "".join(line(row, "td", "pair" if pairs and row[0] else "") for row in rows)
    width = ' class="wide"' if pairs else ""
    return f'<div class="scroll"><table{width}><thead>{line(heads, "th")}</thead><tbody>{body}</tbody></table></div>'


Row = tuple[str, ...]

KEY_HEADS: Mapping[str, Row] = {
    "ru": ("вариант", "выбрали", "% по остальным"),
    "en": ("option", "chosen", "% on the rest"),
}
HEADS: Mapping[str, Row] = {
    "ru": ("уровень", "способ", "n", "флагов", "ложных", "обещано", "найдено", "упущено", "открыто"),
    "en": ("level", "way", "n", "flags", "false", "announced", "found", "missed", "open"),
}
ANNOUNCED = 5
"""Column of `HEADS` that a narrow terminal goes without."""
TEXT_COLUMNS = 2
LEVEL_NAMES: Mapping[str, Mapping[str, str]] = {
    "ru": {"domain": "разделы", "cluster": "кластеры", "category": "весь тест"},
    "en": {"domain": "domains", "cluster": "clusters", "category": "whole test"},
}
WAYS: Mapping[str, tuple[str, str]] = {"ru": ("правило 60 %", "движок"), "en": ("60 % rule", "engine")}
LEGEND: Mapping[str, tuple[str, ...]] = {
    "ru": (
        "n: оценок «участник × блок»; ложных: доля флагов, за которыми дефицита нет",
        "обещано: доля ложных флагов, которую движок предсказал сам",
        "найдено, упущено (объявлено, что дефицита нет), открыто (вывод не сделан): доли истинных дефицитов",
    ),
    "en": (
        "n: judgements person × block; false: share of flags without a deficit behind them",
        "announced: the share of false flags that the engine itself predicted",
        "found, missed (declared to be no deficit), open (nothing concluded): shares of the true deficits",
    ),
}


def comparison_rows(comparisons: Sequence[Comparison], language: str) -> list[Row]:
    """Return two rows for each level: today's practice and the engine."""
    out = []
    for found in comparisons:
        names = (LEVEL_NAMES[language][found.level], "")
        for name, way, tally in zip(names, WAYS[language], (found.practice, found.engine), strict=True):
            out.append((name, way, *_cells(tally, language)))
    return out


def _cells(tally: Tally, language: str) -> Row:
    shares = (tally.false_share, tally.promised_share, tally.found_share, tally.missed_share, tally.open_share)
    cells = (percent(100 * s, language) for s in shares)
    return (count(tally.judged, language), count(tally.flags, language), *cells)


def narrow(rows: Sequence[Row]) -> list[Row]:
    """Return the rows without the column that a narrow terminal goes without."""
    return [row[:ANNOUNCED] + row[ANNOUNCED + 1 :] for row in rows]


def table_lines(heads: Row, rows: Sequence[Row], texts: int = 0) -> list[str]:
    """Return a table as lines: the first `texts` columns flush left, the others flush right."""
    widths = [max(len(row[k]) for row in (heads, *rows)) for k in range(len(heads))]

    def line(row: Row) -> str:
        cells = (c.ljust(w) if k < texts else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True)))
        return "  ".join(cells).rstrip()

    return [line(heads), *(line(row) for row in rows)]
