"""A page taken apart: headings, paragraphs, lists, tables and pictures, of which text documents and prints are made.

What stands in a text document or a print is what stands on the page, word by word: nothing is written anew for them. The elements
that pages use are those of ``templates/parts.html``; what else stands on a page is passed by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from competency_dx.display import patterns
from competency_dx.reports.files import UNWRITABLE

SKIPPED = {"filter", "back"}  # classes of what can only be used on a screen
BLOCKS = {"h1": "h1", "h2": "h2", "h3": "h3", "summary": "h3", "p": "p"}
STYLES = {"strong": "strong", "lead": "strong", "dt": "strong", "hint": "hint", "code": "hint", "points": "points"}
SCRIPT = re.compile("<script>.*?</script>", re.DOTALL)
EMPTY = re.compile(r"<(br|input)\b([^>]*)>")
DEPTH = re.compile(r"[rd](\d)")
LINE = "_" * 24
Part = dict[str, Any]


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
            yield {"kind": "li", "look": look, "sign": f"{k}." if tag == "ol" else "•", "runs": _runs(item)}
    elif tag == "dl":
        between, pairs = _text("\u2003 " if "facts" in look else "\n"), zip(node.iter("dt"), node.iter("dd"), strict=True)
        facts = [[*_runs(name, "strong"), _text(" " if "facts" in look else ": "), *_runs(said), between] for name, said in pairs]
        yield {"kind": "p", "look": look, "sign": "", "runs": [run for fact in facts for run in fact][:-1]}
    elif tag == "table":
        rows = [[_cell(cell, row.get("class", "")) for cell in row] for row in node.iter("tr")]
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


def _text(text: str, style: str = "") -> Part:
    return {"text": re.sub(r"[ \t\n]+", " ", text) if text.strip("\n") else text, "style": style}


def _picture(node: ET.Element) -> Part:
    """Return a picture that needs nothing of the page: with its size, its name space and the patterns that fill it."""
    width = node.get("width", "")
    wide, mark = width == "100%", "mark" in node.get("class", "") or width.isdigit()  # a swatch is as small as a mark
    node.tail = None
    node.attrib |= {"xmlns": "http://www.w3.org/2000/svg"} | (
        {"width": "260", "height": "28" if node.find("text") is not None else "16"} if wide else {}
    )
    svg = ET.tostring(node, encoding="unicode")
    fills = "".join(re.findall("<defs>.*</defs>", patterns())) if "url(#fill-" in svg else ""
    return {
        "words": node.get("aria-label", ""),
        "svg": svg.replace(">", f">{fills}", 1),
        "style": "mark" if mark else "wide" if wide else "",
    }
