"""Pages as one text document that can be edited, and as one print: what stands in them are the parts of the pages."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import chain, count
from typing import Any

from competency_dx.errors import needing
from competency_dx.reports.files import EPOCH
from competency_dx.reports.pages import Language, environment
from competency_dx.reports.parts import Part, page_parts

PAPER, DENSITY = 9800, 160  # twentieths of a point between the margins; dots to the inch
NARROWEST, WIDEST = 6, 40  # letters that a column is given
ROOM = {"mark": 0.35, "wide": 4.6, "": 15.0}  # centimetres of a picture


def pages_pdf(pages: Iterable[str], language: Language) -> bytes:
    """Return pages as one PDF, tagged for those who have it read out; each begins on a sheet of its own."""
    given = {"pages": json.dumps([page_parts(page) for page in pages], ensure_ascii=False), "language": language}
    return _set("report.typ", "pdf", given)[0]


def pages_docx(pages: Iterable[str], language: Language) -> bytes:
    """Return pages as one text document; heads of tables are repeated, and pictures have words for those who do not see them."""
    with needing("python-docx", "docx", ".docx"):
        from docx import Document
        from docx.enum.section import WD_SECTION_START
        from docx.image.image import Image
        from docx.opc.constants import RELATIONSHIP_TYPE
        from docx.opc.packuri import PackURI
        from docx.oxml import parse_xml
        from docx.parts.image import ImagePart
        from docx.shared import Cm, Pt
    book, parts = Document(), [[*_in_sections(page_parts(page))] for page in pages]
    sheet, style = book.sections[0], book.styles["Normal"]
    sheet.start_type = WD_SECTION_START.CONTINUOUS
    sheet.page_width, sheet.page_height = Cm(21), Cm(29.7)
    sheet.left_margin = sheet.right_margin = sheet.top_margin = sheet.bottom_margin = Cm(1.8)
    style.font.name, style.font.size, style.paragraph_format.space_after = "Arial", Pt(9.5), Pt(3)
    book.core_properties.title = next((_plain(part) for part in chain(*parts) if part["kind"] == "h1"), "")
    placed: dict[str, tuple[str, int, int]] = {}
    for k, (run, dots) in enumerate(_drawn(parts)):  # `get_or_add_image` would look through all for each
        image, name = Image.from_blob(dots), f"picture{k}"
        wide, high = image.scaled_dimensions(Cm(ROOM[run["style"]]))
        part = ImagePart.from_image(image, PackURI(f"/word/media/{name}.png"))
        book.part.rels.add_relationship(RELATIONSHIP_TYPE.IMAGE, part, name)
        placed[run["svg"]] = name, int(wide * min(1.0, Cm(22) / high)), int(min(high, Cm(22)))
    given = {
        "pages": parts,
        "placed": placed,
        "widths": _widths,
        "number": count(1).__next__,
        "said": "ru-RU" if language == "ru" else "en-GB",
    }
    book.element.body[:0] = [*parse_xml(environment().get_template("document.xml").render(given))]
    draft, out = io.BytesIO(), io.BytesIO()
    book.save(draft)
    with zipfile.ZipFile(draft) as whole, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as dated:
        for name in whole.namelist():  # with one date: same input, same bytes
            dated.writestr(zipfile.ZipInfo(name), whole.read(name), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _set(template: str, form: str, given: dict[str, str]) -> list[bytes]:
    """Return what Typst makes of a template and what it is given: one print, or a picture for each page."""
    with needing("typst", "pdf" if form == "pdf" else "docx", f".{form}"):
        import typst
    source = files("competency_dx").joinpath("reports", "templates", template).read_bytes()
    out: Any = typst.compile(source, format="pdf" if form == "pdf" else "png", ppi=DENSITY, sys_inputs=given, timestamp=EPOCH)
    return out if isinstance(out, list) else [out]


def _drawn(pages: Sequence[Sequence[Part]]) -> Iterator[tuple[Part, bytes]]:
    """Yield the pictures of all pages as dots, each once: text documents take no others."""
    cells = (cell for part in chain(*pages) for cell in (chain(*part["rows"]) if "rows" in part else [part]))
    runs = {run["svg"]: run for cell in cells for run in cell.get("runs", ()) if "svg" in run}
    if runs:
        yield from zip(runs.values(), _set("pictures.typ", "docx", {"pictures": json.dumps([*runs])}), strict=True)


def _in_sections(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield the parts, those in columns small and between cuts: a text document has columns by section."""
    for part in parts:
        if part["kind"] == "columns":
            yield {"kind": "cut", "across": 1}
            yield from (one | {"small": True} for one in part["parts"])
            yield {"kind": "cut", "across": 3}
        else:
            yield part


def _plain(part: Part) -> str:
    return "".join(run.get("text", "") for run in part["runs"])


def _widths(rows: Sequence[Sequence[Part]]) -> list[int]:
    """Return how wide the columns of a table are, by the letters in them."""
    pictured, head = (
        WIDEST // 2 * " ",
        [max(_plain(cell).split(), key=len, default="") for cell in rows[0]],
    )  # it is parted between words
    cells = [
        [pictured if any(run.get("style") == "wide" for run in cell["runs"]) else _plain(cell) for cell in row] for row in rows[1:]
    ]
    longest = [2 + min(max(map(len, (*column, NARROWEST * " "))), WIDEST) for column in zip(head, *cells, strict=True)]
    return [round(PAPER * n / sum(longest)) for n in longest]
