"""Every finding of the ingest report in one table: code, severity, sentence in Russian and in English."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from competency_dx.errors import SHOWN_IDS
from competency_dx.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_TEXTS: Mapping[str, tuple[Severity, str, str]] = {
    "encoding": ("info", "Файл прочитан в кодировке {where}.", "The file was read in the encoding {where}."),
    "sheet": (
        "info",
        "Прочитан лист {where}; остальные листы книги не использованы.",
        "Sheet {where} was read; the other sheets of the workbook were not used.",
    ),
    "more_sheets": (
        "warning",
        "На других листах тоже есть ответы, они не прочитаны: {where}. Прочитайте их отдельно: Layout(sheet=…) или --sheet.",
        "Other sheets hold answers too and were not read: {where}. Read them one by one: Layout(sheet=…) or --sheet.",
    ),
    "header_rows": (
        "info",
        "Строки над заголовком пропущены ({n}): {where}.",
        "{n} rows above the header were skipped: {where}.",
    ),
    "header_matched": (
        "info",
        "Заголовки совпали с заданиями после замены похожих букв и регистра: {where}.",
        "Headers match items after look-alike letters and case are unified: {where}.",
    ),
    "total_rows": (
        "info",
        "Строки итогов не считаются участниками и пропущены ({n}): {where}.",
        "{n} rows of totals are no persons and were dropped: {where}.",
    ),
    "empty_rows": ("info", "Пустые строки пропущены: {n}.", "{n} empty rows were dropped."),
    "row_numbers": (
        "info",
        "Столбец участников не найден; участники названы номерами строк. Назовите столбец: Layout(person=…) или --person.",
        "No person column was found; persons are row numbers. Name the column with Layout(person=…) or --person.",
    ),
    "background": (
        "info",
        "Столбцы сохранены как сведения об участниках, а не ответы: {where}.",
        "Columns kept as background of the persons, not as answers: {where}.",
    ),
    "unknown_items": (
        "warning",
        "Столбцы похожи на задания, но таких заданий в банке нет; они не использованы: {where}. Проверьте банк и коды.",
        "Columns look like items that the bank does not have and were not used: {where}. Check the bank and the ids.",
    ),
    "varying": (
        "info",
        "Сведения меняются внутри участника, взято первое значение: {where}.",
        "Background that varies within a person; the first value was taken: {where}.",
    ),
    "personal_data": (
        "info",
        "Столбцы с персональными данными удалены: {where}.",
        "Columns with personal data were dropped: {where}.",
    ),
    "scored_cells": (
        "info",
        "Ячейки прочитаны как готовые баллы (значения от 0 до максимума, среди них не бывающие ответами): {where}.",
        "The cells were taken as points (0 to the maximum, some of which cannot be answers): {where}.",
    ),
    "points_among_answers": (
        "warning",
        "В таблице ответов есть столбцы, похожие на готовые баллы (ни одного верного ответа): {where}. Проверьте их.",
        "Columns of a table of answers look like points (no right answer among them): {where}. Check them.",
    ),
    "missing_tokens": (
        "info",
        "Обозначения пропусков ({n} ячеек): {where}.",
        "{n} cells hold tokens for missing answers: {where}.",
    ),
    "absent": (
        "info",
        "Участники с отметкой о неявке ({n}), задания считаются непредъявленными: {where}.",
        "{n} persons are marked absent, their items count as not administered: {where}.",
    ),
    "invalid": (
        "warning",
        "Ответы, которых у задания быть не может, считаются нечитаемыми ({n}): {where}. Исправьте таблицу или банк.",
        "{n} answers cannot be answers to their item and are INVALID: {where}. Correct the table or the bank.",
    ),
    "date": (
        "warning",
        "Ответы превращены таблицей в даты и считаются нечитаемыми ({n}): {where}. Введите их снова как текст.",
        "{n} answers were turned into dates by the spreadsheet and are INVALID: {where}. Enter them again as text.",
    ),
    "ambiguous_options": (
        "warning",
        "Тексты вариантов ответа похожи на коды других вариантов, и в столбце есть те и другие; прочитаны как коды: "
        "{where}. Запишите ответы кодами.",
        "Texts of options look like codes of other options and the column holds both; they were read as codes: "
        "{where}. Write the answers as codes.",
    ),
    "zeros_restored": (
        "warning",
        "Столбец хранился числами; ответы ({n}) сравнены с восстановленными ведущими нулями: {where}.",
        "The column was stored as numbers; {n} answers were compared with leading zeros restored: {where}.",
    ),
    "zeros_lost": (
        "warning",
        "Ответы ({n}) совпадут с ключом, если вернуть ведущие нули; они не восстановлены: {where}. Проверьте файл.",
        (
            "{n} answers would equal the key with leading zeros put back; they were not restored: {where}. "
            "Check the source."
        ),
    ),
    "attempts": (
        "info",
        "Несколько попыток у участников ({n}): {where}; взята попытка по правилу Layout(attempts=…).",
        "{n} persons have several attempts: {where}; one was taken as Layout(attempts=…) says.",
    ),
    "outside_form": (
        "warning",
        "Ответы на задания не из формы участника ({n}), сохранены: {where}. Проверьте столбец формы.",
        "{n} answers to items outside the person's form were kept: {where}. Check the form column.",
    ),
    "unknown_form": (
        "warning",
        "Формы, которых нет в банке ({n} участников), пустые ячейки считаются непредъявленными: {where}.",
        "{n} persons have a form the bank does not know, their blanks count as not administered: {where}.",
    ),
    "empty_items": (
        "info",
        "Задания без единого ответа ({n}): {where}.",
        "{n} items have no answer at all: {where}.",
    ),
    "empty_persons": (
        "info",
        "Участники без единого ответа ({n}), остаются в таблице: {where}.",
        "{n} persons have no answer at all and stay in the table: {where}.",
    ),
}


class Remark(NamedTuple):
    """One place where something happened: `what` in column or item `where`, `times` times."""

    code: str
    where: str
    what: str = ""
    times: int = 1


def note(code: str, places: Iterable[str] = (), *, n: int | None = None, scope: Sequence[str] | None = None) -> Finding:
    """Make the finding ``responses.<code>``; `places` are shown in the sentence, five at most."""
    severity, ru, en = _TEXTS[code]
    shown = list(places)
    count = len(shown) if n is None else n
    rest = len(shown) - SHOWN_IDS
    head = ", ".join(shown[:SHOWN_IDS])
    return Finding(
        code=f"responses.{code}",
        severity=severity,
        ru=ru.format(n=count, where=head + (f" и ещё {rest}" if rest > 0 else "")),
        en=en.format(n=count, where=head + (f" and {rest} more" if rest > 0 else "")),
        scope=tuple(dict.fromkeys(shown if scope is None else scope)),
    )


def gather(remarks: Iterable[Remark]) -> tuple[Finding, ...]:
    """Gather remarks into one finding per code, in the order in which the codes first appear."""
    groups: dict[str, list[Remark]] = {}
    for remark in remarks:
        groups.setdefault(remark.code, []).append(remark)
    return tuple(
        note(
            code,
            [f"{r.where} {r.what} ({r.times})" if r.what else r.where for r in found],
            n=sum(r.times for r in found),
            scope=[r.where for r in found],
        )
        for code, found in groups.items()
    )
