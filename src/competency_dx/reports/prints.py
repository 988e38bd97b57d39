"""Pages as one text document that can be edited, and as one print: what stands in them are the parts of the pages, word by word.

Nothing is written anew for them. The elements that pages use are those of ``templates/parts.html``; what else stands on a page is
passed by.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import chain, count
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from competency_dx.display.theme import ACCENT
from competency_dx.errors import needing
from competency_dx.reports.files import EPOCH, UNWRITABLE
from competency_dx.reports.pages import Language, environment, macro

SKIPPED = {"filter", "back"}  # classes of what can only be used on a screen
BLOCKS = {"h1": "h1", "h2": "h2", "h3": "h3", "summary": "h3", "p": "p"}
STYLES = {"strong": "strong", "lead": "strong", "dt": "strong", "hint": "hint", "code": "hint", "points": "points"}
SCRIPT = re.compile("<script>.*?</script>", re.DOTALL)
EMPTY = re.compile(r"<(br|input)\b([^>]*)>")
DEPTH = re.compile(r"[rd](\d)")
LINE = "_" * 24
Part = dict[str, Any]
PAPER, DENSITY = 10_200, 160  # twentieths of a point between the margins; dots to the inch
NARROWEST, LONGEST, WIDEST, FEW = 4, 18, 50, 7  # letters of a column, of a word, of a text; columns that have small type
ROOM = {"mark": 0.3, "wide": 5.2, "": 15.0}  # centimetres of a picture
WIDE = 3100  # the column of a wide one
HEADINGS, SAID = {"Heading 1": 15, "Heading 2": 10.5, "Heading 3": 8.5}, {"ru": "ru-RU", "en": "en-GB"}


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
        from docx.oxml.ns import qn
        from docx.parts.image import ImagePart
        from docx.shared import Cm, Pt, RGBColor
    book, parts = Document(), [[*_in_sections(page_parts(page))] for page in pages]
    sheet, style = book.sections[0], book.styles["Normal"]
    sheet.start_type = WD_SECTION_START.CONTINUOUS
    sheet.page_width, sheet.page_height = Cm(21), Cm(29.7)
    sheet.left_margin = sheet.right_margin = sheet.top_margin = sheet.bottom_margin = Cm(1.2)
    style.font.name, style.font.size, style.paragraph_format.space_after = "Arial", Pt(8), Pt(1)
    style.paragraph_format.line_spacing = 1.0
    for name, size in HEADINGS.items():
        heading = book.styles[name]
        heading.font.size, heading.font.color.rgb = Pt(size), RGBColor.from_string(ACCENT[1:].upper())
        heading.paragraph_format.space_before, heading.paragraph_format.space_after = Pt(5), Pt(2)
        heading.element.rPr.rFonts.attrib.clear()  # the fonts of a theme, which would go before the name
        heading.element.rPr.rFonts.attrib.update({qn(f"w:{of}"): "Arial" for of in ("ascii", "hAnsi", "cs", "eastAsia")})
    book.core_properties.title = next((_plain(part) for part in chain(*parts) if part["kind"] == "h1"), "")
    placed: dict[str, tuple[str, int, int]] = {}
    for k, (run, dots) in enumerate(_drawn(parts)):  # `get_or_add_image` would look through all for each
        image, name = Image.from_blob(dots), f"picture{k}"
        wide, high = image.scaled_dimensions(Cm(ROOM[run["style"]]))
        part = ImagePart.from_image(image, PackURI(f"/word/media/{name}.png"))
        book.part.rels.add_relationship(RELATIONSHIP_TYPE.IMAGE, part, name)
        placed[run["svg"]] = name, int(wide * min(1.0, Cm(22) / high)), int(min(high, Cm(22)))
    given = {"pages": parts, "placed": placed, "widths": _widths, "few": FEW, "number": count(1).__next__, "said": SAID[language]}
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
    """Return how wide the columns of a table are: a picture has its own, others room for words, then for texts, short ones whole."""
    columns = [*zip(*([_plain(cell) for cell in row] for row in rows), strict=True)]
    letter = 93 if len(columns) > FEW else 110  # bold, in small type and smaller; of a text four fifths
    words = [max(min(max(map(len, re.split("[ \n]", " ".join(x)))), LONGEST), *map(len, ["", *x[0].split()])) for x in columns]
    pictures = [WIDE * any(run.get("style") == "wide" for run in cell["runs"]) for cell in rows[-1]]
    least = np.maximum(100 + letter * np.maximum(words, NARROWEST), pictures)
    more = np.maximum([100 + 0.8 * letter * min(max(map(len, x[1:]), default=0), WIDEST) for x in columns] - least, 0)
    steps = np.sort([0, *more])  # the paper allows one of them to all
    wide = least + np.minimum(more, np.interp(PAPER - least.sum(), [np.minimum(more, step).sum() for step in steps], steps))
    return [round(x) for x in (wide * PAPER / wide.sum()).tolist()]


def page_parts(page: str) -> list[Part]:
    """Return the parts of a page in order, each with its kind and its runs: a text with its style, or a picture as SVG.

    A table has rows of cells with runs instead, columns have the parts that stand in them; a sheet begins on a new one of paper.
    """
    main = SCRIPT.sub("", page[page.index("<main>") : page.index("</main>") + len("</main>")])
    return [*_parts(ET.fromstring(UNWRITABLE.sub("\ufffd", EMPTY.sub(r"<\1\2/>", main))))]


def _parts(node: ET.Element) -> Iterator[Part]:
    tag, look = node.tag, node.get("class", "")
    if look in SKIPPED or node.get("width") == "0":
        return
    if tag in BLOCKS:
        yield {"kind": BLOCKS[tag], "look": look, "sign": "", "runs": _runs(node)}
    elif tag == "pre":
        yield from ({"kind": "p", "look": look, "sign": "", "runs": [_text(line)]} for line in (node.text or "").splitlines())
    elif tag in {"ul", "ol"}:
        for k, item in enumerate(node, start=1):
            sign = f"{k}." if tag == "ol" else "" if "plain" in look.split() else "•"
            yield {"kind": "li", "look": look, "sign": sign, "runs": _without_end(_runs(item))}
    elif tag == "dl":
        between, pairs = _text("\u2003 " if "facts" in look else "\n"), zip(node.iter("dt"), node.iter("dd"), strict=True)
        facts = [[*_runs(name, "strong"), _text(" " if "facts" in look else ": "), *_runs(said), between] for name, said in pairs]
        yield {"kind": "p", "look": look, "sign": "", "runs": [run for fact in facts for run in fact][:-1]}
    elif tag == "table":
        rows = [[_cell(cell, row.get("class", "") if k == 0 else "") for k, cell in enumerate(row)] for row in node.iter("tr")]
        yield {"kind": "table", "look": look, "rows": rows}
    elif tag == "svg":
        yield {"kind": "picture", "look": look, "sign": "", "runs": [_picture(node)]}
    elif look == "evidence":
        yield {"kind": "columns", "parts": [part for child in node for part in _parts(child)]}
    else:
        yield from [{"kind": "sheet"}] if "sheet" in look.split() else []
        for child in node:
            yield from _parts(child)


def _cell(node: ET.Element, row: str) -> Part:
    """Return a cell; depth in a tree, which its class or that of its row tells, is a few blanks."""
    look = node.get("class", "")
    depth = DEPTH.fullmatch(row) or DEPTH.fullmatch(look)
    blanks = [_text("\u2002" * int(depth[1]))] if depth and node.tag + look != "tdn" and not node.findall("svg") else []
    return {"head": node.tag == "th" and (depth is None or int(depth[1]) < 2), "look": look, "runs": blanks + _runs(node)}


def _runs(node: ET.Element, style: str = "") -> list[Part]:
    out = [_text(node.text, style)] if node.text else []
    for child in node:
        look, tail = child.get("class", ""), child.tail
        if child.tag == "svg":
            out.append(_picture(child))
        elif look in {"line", "room"}:
            out.append(_text(LINE if look == "line" else "\n" + f"{2 * LINE}\n" * 4))
        else:
            out += [_text("\n")] if child.tag == "br" else _runs(child, STYLES.get(look, STYLES.get(child.tag, style)))
        out += [_text(tail, style)] if tail else []
    return out


def _without_end(runs: list[Part]) -> list[Part]:
    """Return runs without the blanks and line breaks at their end."""
    while runs and not runs[-1].get("text", "picture").strip():
        runs.pop()
    return runs


def _text(text: str, style: str = "") -> Part:
    return {"text": re.sub(r"[ \t\n]+", " ", text) if text.strip("\n") else text, "style": style}


def _picture(node: ET.Element) -> Part:
    """Return a picture that needs nothing of the page: with its size, its name space and the patterns that fill it."""
    width = node.get("width", "")
    wide, mark = width == "100%", "mark" in node.get("class", "") or width.isdigit()  # a swatch is as small as a mark
    node.tail = None
    size = {"width": "260", "height": "28" if node.find("text") is not None else "16"} if wide else {}
    node.attrib |= {"xmlns": "http://www.w3.org/2000/svg"} | size
    svg = ET.tostring(node, encoding="unicode")
    fills = "".join(re.findall("<defs>.*</defs>", macro("patterns"))) if "url(#fill-" in svg else ""
    style = "mark" if mark else "wide" if wide else ""
    return {"words": node.get("aria-label", ""), "svg": svg.replace(">", f">{fills}", 1), "style": style}
