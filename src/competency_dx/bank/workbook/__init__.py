"""The verbs of the workbook in which a bank is written: a template, a bank into a workbook, a workbook into a bank."""

from pathlib import Path
from typing import Any, Literal

from competency_dx.bank.api import load_framework
from competency_dx.bank.bank_file import read_yaml
from competency_dx.bank.framework import is_shipped
from competency_dx.bank.item_bank import ItemBank
from competency_dx.bank.workbook.from_sheets import bank_of
from competency_dx.bank.workbook.sheet_reading import CellFaults, read_grids, typed_rows
from competency_dx.bank.workbook.xlsx_pages import BookContent
from competency_dx.documents import encode_fields
from competency_dx.errors import BankError, checked
from competency_dx.limits import reading
from competency_dx.storage import whole_file, write_whole

WorkbookLanguage = Literal["ru", "en"]
EXAMPLES = Path(__file__).with_name("examples.yaml")


@checked(BankError)
def load_bank_workbook(path: str | Path) -> ItemBank:
    """Read the bank that was written in a workbook.

    Spaces at the ends of codes, look-alike letters of the two alphabets, decimal commas and words of the lists in either
    language are read where they mean one thing. Rows of examples are not read.
    Raises `BankError` with every fault of the workbook, each with its cell (``Задания!F12``), what was expected and how to mend
    it. Raises `StorageError` when the file cannot be read.
    """
    path, faults = Path(path), CellFaults()
    with reading(path, BankError):
        bank = bank_of(typed_rows(read_grids(path), faults), faults)
    if bank is None or faults.said:
        raise BankError("bank.workbook_faults", path=path, n=len(faults.said), faults={at: faults.text(at) for at in ("ru", "en")})
    return bank


@checked(BankError)
def save_bank_workbook(bank: ItemBank, path: str | Path, *, language: WorkbookLanguage = "ru") -> Path:
    """Write a bank as a workbook; `load_bank_workbook` gives the same bank.

    Raises `BankError` when something in the bank cannot be told by cells, such as a text longer than a cell holds; nothing is
    written. Raises `StorageError` when the file cannot be written.
    """
    plain: dict[str, Any] = encode_fields(bank)
    if is_shipped(bank.framework):
        del plain["framework"]
    subject = bank.header.subject if bank.header.subject in bank.framework else ""
    book = BookContent(bank=plain, framework=bank.framework, subject=subject, language=language)
    with whole_file(_named(path)) as draft:
        draft.write_bytes(book.workbook())
        if lost := _lost(bank, draft):
            raise BankError("bank.workbook_loses", id=bank.id, places=lost)
    return Path(path)


@checked(BankError)
def save_bank_template(path: str | Path, *, subject: str = "", language: WorkbookLanguage = "ru") -> Path:
    """Write an empty workbook for a new bank, with an example item of each type that is not read.

    The name of the file without its ending is the id of the bank; lists hold the competencies of the `subject` only, a code of the
    framework such as ``"MAT"``; headings, notes and lists are in the `language`.
    Raises `BankError` when the framework has no such subject.
    """
    framework = load_framework("teacher")
    if subject:
        framework.node(subject)
    header = {"schema_version": 3, "id": _named(path).stem, "version": "0.1.0", "subject": subject, "language": language}
    header |= {"framework": {"id": framework.id, "version": framework.version}, "reference_set": "all"}
    bank, examples = {"header": header, "items": [], "parameters": []}, read_yaml(EXAMPLES)[language]
    book = BookContent(bank=bank, framework=framework, subject=subject, language=language, examples=examples)
    return write_whole(path, book.workbook())


def _named(path: str | Path) -> Path:
    if Path(path).suffix.lower() != ".xlsx":
        raise BankError("bank.workbook_name", path=path)
    return Path(path)


def _lost(bank: ItemBank, path: Path) -> list[str]:
    """Return where the bank of a workbook differs from the one it was written from."""
    try:
        again = load_bank_workbook(path)
    except BankError as fault:
        return [fault.text("en")]
    out = [name for name in ("header", "framework") if getattr(bank, name) != getattr(again, name)]
    if [i.id for i in again.items] != [i.id for i in bank.items]:
        return [*out, "items"]
    out += [a.id for a, b in zip(bank.items, again.items, strict=True) if a != b]
    records = [(r.item, r.model_copy(update={"se_b": r.se_b or (None,) * len(r.b)})) for r in bank.parameters]
    return [*out, *(i for (i, a), b in zip(records, again.parameters, strict=True) if a != b)]
