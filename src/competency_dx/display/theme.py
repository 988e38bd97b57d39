"""How pictures look: one dark ink and greys, and five marks told apart by shape and pattern, never by colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

FONT = "'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
INK = "#1a1a1a"
ACCENT = "#1f3a5f"
GREY = "#5c5c5c"
PALE = "#b8b8b8"
FAINT = "#e4e4e4"
PAPER = "#ffffff"

Look = Literal["solid", "half", "diamond", "open", "none"]
LOOKS: tuple[Look, ...] = ("solid", "half", "diamond", "open", "none")

_PATTERNS: Mapping[Look, str] = MappingProxyType(
    {
        "solid": f'<rect width="6" height="6" fill="{ACCENT}"/>',
        "half": f'<rect width="6" height="6" fill="{PAPER}"/>'
        f'<path d="M-1.5 1.5 1.5 -1.5M0 6 6 0M4.5 7.5 7.5 4.5" stroke="{ACCENT}" stroke-width="2"/>',
        "diamond": f'<rect width="6" height="6" fill="{PAPER}"/><circle cx="3" cy="3" r="1.1" fill="{ACCENT}"/>',
        "open": f'<rect width="6" height="6" fill="{PAPER}"/>',
        "none": f'<rect width="6" height="6" fill="{FAINT}"/>',
    }
)


def fill(look: Look) -> str:
    """Return the reference to the fill of a look; the page needs `patterns` once."""
    return f"url(#fill-{look})"


def patterns() -> str:
    """Return an invisible SVG with the five fills, once for a page."""
    tiles = "".join(
        f'<pattern id="fill-{look}" width="6" height="6" patternUnits="userSpaceOnUse">{tile}</pattern>'
        for look, tile in _PATTERNS.items()
    )
    return f'<svg width="0" height="0" style="position: absolute" aria-hidden="true"><defs>{tiles}</defs></svg>'


def marker(look: Look, x: float, y: float, r: float = 5.0) -> str:
    """Return the SVG mark of a look at a point: filled square, half-filled square, diamond, open circle, cross."""
    pen = f'stroke="{ACCENT}" stroke-width="1.6"'
    box = f'x="{x - r:.1f}" y="{y - r:.1f}" height="{2 * r:.1f}"'
    if look == "solid":
        return f'<rect {box} width="{2 * r:.1f}" fill="{ACCENT}" {pen}/>'
    if look == "half":
        return f'<rect {box} width="{2 * r:.1f}" fill="{PAPER}" {pen}/><rect {box} width="{r:.1f}" fill="{ACCENT}"/>'
    if look == "diamond":
        d = 1.25 * r
        return f'<path d="M{x - d:.1f} {y:.1f}l{d:.1f} {-d:.1f} {d:.1f} {d:.1f} {-d:.1f} {d:.1f}z" fill="{PAPER}" {pen}/>'
    if look == "open":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="{PAPER}" {pen}/>'
    c = 0.7 * r
    return (
        f'<path d="M{x - c:.1f} {y - c:.1f}l{2 * c:.1f} {2 * c:.1f}M{x - c:.1f} {y + c:.1f}l{2 * c:.1f} {-2 * c:.1f}" '
        f'stroke="{GREY}" stroke-width="1.6" fill="none"/>'
    )


def symbol(look: Look) -> str:
    """Return the mark of a look as a small inline picture for running text and tables."""
    return f'<svg class="mark" viewBox="-8 -8 16 16" width="12" height="12" aria-hidden="true">{marker(look, 0, 0)}</svg>'
