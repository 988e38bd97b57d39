"""Pictures as data, and the one place that draws them with matplotlib; item maps (Wright maps), which pages draw themselves too."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from competency_dx.arrays import Floats, value
from competency_dx.display.theme import ACCENT, FAINT, GREY, INK, PAPER
from competency_dx.errors import needing
from competency_dx.wording import decimal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Mark = Literal["line", "thin", "point", "bar", "interval", "area", "text"]
INKS = (ACCENT, "0.45", "0.65")
DASHES = ("-", "--", ":", "-.")
POINTS = "os^D"
HATCHES = ("", "////", "....")
LABEL_ROOM = 40
WIDTH, ROW, LEGEND_ROWS = 7.2, 0.24, 6
SMALL = 7.5
LEVELS = 34  # rows of names of an item map: persons left, items by difficulty right, on one vertical scale
SHEET, NARROWEST = 100, 34  # width of all columns, and the least of one, in characters
PEOPLE = 0.26  # share of a column that the densities take
LONGEST, GAP, MORE = 16, 2, 4  # characters of a name, between names, and of "+12"
CHARACTER, LEVEL = 0.066, 0.17  # inches
BEYOND = 2.0
MAP_WIDTH, AXIS, TOP, MAP_ROW, BINS = 780.0, 250.0, 34.0, 15.0, 28  # of the map of pages, in units of its own
LETTER = 5.6


@value
class Series:
    """One set of marks at positions `x`, `y` of equal length.

    `low` and `high` bound an "interval" along the x axis (NaN draws none); an "area" lies between `low` and `x`, y going up; "text"
    writes `labels` that begin at the positions; a "thin" line is one of many. `style` is ink, dash and shape; None takes the place in
    the chart.
    """

    name: str
    mark: Mark
    x: Floats
    y: Floats
    low: Floats | None = None
    high: Floats | None = None
    labels: tuple[str, ...] = ()
    style: int | None = None


@value
class Cells:
    """A table drawn as shades: `values` (R, C) in -1 … 1, row 0 at the top, NaN left blank, with a text in each cell."""

    values: Floats
    texts: tuple[tuple[str, ...], ...]


@value
class Chart:
    """A picture before it is drawn.

    `x_lines` are places of vertical reference lines; `x_names`, `y_names` make an axis categorical, names at 0, 1, 2 …, those of the x
    axis moved by `x_places`; the ranges are what is shown of an axis. `naming` puts names of series in a legend, or "beside" where each
    line is highest. `cells` are a shaded table instead of series; `panels` small pictures under one title, `across` of them in a row,
    everything else of this chart being empty. `size` is width and height in inches; None lets the contents decide.
    """

    title: str
    x_label: str = ""
    y_label: str = ""
    series: tuple[Series, ...] = ()
    y_names: tuple[str, ...] = ()
    x_lines: tuple[float, ...] = ()
    x_names: tuple[str, ...] = ()
    x_places: tuple[float, ...] = ()
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    naming: Literal["legend", "beside"] = "legend"
    cells: Cells | None = None
    panels: "tuple[Chart, ...]" = ()
    across: int = 1
    size: tuple[float, float] | None = None


def interval_chart(labels: Sequence[str], at: ArrayLike, *, title: str, x_label: str, x_lines: Sequence[float] = ()) -> Chart:
    """Return a chart of estimates with the ends of their intervals (3, N), a row for each label, the first at the bottom."""
    x, low, high = np.asarray(at, dtype=np.float64)
    series = Series(name="", mark="interval", x=x, y=np.arange(float(len(labels))), low=low, high=high)
    return Chart(title=title, x_label=x_label, series=(series,), y_names=tuple(labels), x_lines=tuple(x_lines))


def point_chart(
    names: Sequence[str], columns: Mapping[str, Floats], *, title: str, x_label: str, x_lines: tuple[float, ...] = ()
) -> Chart:
    """Return a chart of numbers (N,) by the names of their rows, the first on top; each column is a series."""
    series = tuple(Series(name=name, mark="point", x=x[::-1], y=np.arange(len(names), dtype=float)) for name, x in columns.items())
    return Chart(title=title, x_label=x_label, series=series, y_names=tuple(names[::-1]), x_lines=x_lines)


def histogram_chart(x: Floats, *, title: str, x_label: str, y_label: str, bins: ArrayLike | None = None, sets: int = 1) -> Chart:
    """Return a histogram of numbers (N,), which may be several sets of the same persons; `bins` are the edges of the bars."""
    counts, edges = np.histogram(x, min(40, max(5, int(np.sqrt(len(x))))) if bins is None else np.asarray(bins))
    bars = Series(name="", mark="bar", x=(edges[1:] + edges[:-1]) / 2, y=counts / sets)
    return Chart(title=title, x_label=x_label, y_label=y_label, series=(bars,))


def draw(chart: Chart, language: str = "en") -> "Figure":
    """Draw a chart, numbers in the notation of the language; the figure belongs to no window and is never shown by itself."""
    with needing("matplotlib", "plot", "plot()"):
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator, ScalarFormatter

    class Comma(ScalarFormatter):
        """Numbers as Russian writes them."""

        def __call__(self, x: float, pos: int | None = None) -> str:
            return super().__call__(x, pos).replace(".", ",")

    panels = chart.panels or (chart,)
    across = min(chart.across, len(panels))
    rows, contents = -(-len(panels) // across), ROW * len(chart.y_names) + 1.4
    high = max(3.4, {1: 3.0, 2: 2.7}.get(chart.across, 2.1) * rows + 0.5) if chart.panels else min(max(3.4, contents), 60.0)
    figure = Figure(figsize=chart.size or (WIDTH, high), layout="constrained")
    names = {tuple(s.name for s in panel.series) for panel in panels if panel.series}
    alike = len(panels) > 1 and len(names) == 1 and panels[0].naming == "legend"
    places = figure.subplots(rows, across, squeeze=False).ravel()
    for axes, panel in zip(places, panels, strict=False):
        _paint(axes, panel, panel.title if chart.panels else "", named=not alike)
        if panel.series and not panel.x_names and all(np.array_equal(s.x, np.round(s.x)) for s in panel.series):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))  # there is no half an item
        for axis, named in ((axes.xaxis, panel.x_names), (axes.yaxis, panel.y_names)):
            if language == "ru" and not named and panel.cells is None:
                axis.set_major_formatter(Comma())
    for axes in places[len(panels) :]:
        axes.set_visible(False)
    if alike and (labelled := places[0].get_legend_handles_labels())[0]:  # one for all, beside the data of none
        figure.legend(*labelled, loc="outside lower left", ncols=len(labelled[0]), frameon=False, fontsize=9)
    figure.suptitle(chart.title, x=0.01, ha="left", fontsize=11, fontweight="bold", color=ACCENT, wrap=True)  # over several lines
    return figure


def chart_svg(chart: Chart, prefix: str, language: str = "en") -> str:
    """Draw a chart as inline SVG, text as outlines, no date, no network; the prefix of ids lets pictures stand on one page."""
    with needing("matplotlib", "plot", "plot()"):
        from matplotlib import rc_context
        from matplotlib.backends.backend_svg import FigureCanvasSVG
    out = io.StringIO()
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": prefix}):
        figure = draw(chart, language)
        FigureCanvasSVG(figure)
        layout = figure.get_layout_engine()
        assert layout is not None
        layout.execute(figure)  # once; savefig would draw the whole picture a second time to find the layout
        figure.set_layout_engine(None)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    body = out.getvalue().replace("xlink:href", "href")
    # rules of a style element would reach the whole page
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style[^>]*>.*?</style>", "", body[body.index("<svg") :], flags=re.DOTALL)
    body = body.replace('id="', f'id="{prefix}-').replace('="#', f'="#{prefix}-').replace("url(#", f"url(#{prefix}-")
    head = f'<svg class="picture" role="img" aria-label="{escape(chart.title)}" stroke-linejoin="round" stroke-linecap="butt" viewBox='
    return re.sub(r"<svg [^>]*viewBox=(\"[^\"]*\")[^>]*>", lambda found: f"{head}{found[1]}>", body, count=1)


def _short(name: str) -> str:
    return name if len(name) <= LABEL_ROOM else name[: LABEL_ROOM - 1].rstrip() + "…"


def _paint(axes: "Axes", chart: Chart, title: str, *, named: bool) -> None:
    """Draw one picture into its place."""
    for k, series in enumerate(chart.series):
        _add(axes, series, k if series.style is None else series.style)
    if chart.cells is not None:  # the further from 0, the darker, with the sign in the text
        values = chart.cells.values
        axes.imshow(np.ma.masked_invalid(np.abs(values)), cmap="Greys", vmin=0.0, vmax=1.6, aspect="auto")
        for (r, c), words in np.ndenumerate(chart.cells.texts):
            axes.text(c, r, words, ha="center", va="center", fontsize=9 if len(values) <= 8 else 6, color=INK)
    for x in chart.x_lines:
        axes.axvline(x, color=GREY, linestyle=(0, (5, 3)), linewidth=1)
    _name_axes(axes, chart)
    if chart.x_range is not None:
        axes.set_xlim(chart.x_range)
    if chart.y_range is not None:
        axes.set_ylim(chart.y_range)
    if named:
        _name_series(axes, chart)
    above = 1.0 if chart.y_names else None  # names leave no factor above the axis that a title must give way to
    axes.set_title(title, loc="left", y=above, fontsize=9, fontweight="bold", color=ACCENT)
    axes.set_xlabel(chart.x_label, color=GREY)
    axes.set_ylabel(chart.y_label, color=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors="0.2", length=3)
    if chart.cells is None:
        axes.grid(axis="x" if chart.y_names else "y" if chart.x_names else "both", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)


def _name_axes(axes: "Axes", chart: Chart) -> None:
    rows = len(chart.y_names)
    if chart.y_names:
        axes.set_yticks(range(rows), [_short(name) for name in chart.y_names], fontsize=9 if rows <= 40 else 7)
        if chart.cells is None:
            axes.set_ylim(-0.7, rows - 0.3)
    if chart.x_names:
        places = chart.x_places or tuple(map(float, range(len(chart.x_names))))
        axes.set_xticks(places, [_short(name) for name in chart.x_names], fontsize=9)
        if chart.cells is not None and max(map(len, chart.x_names)) > 8:
            axes.tick_params(axis="x", labelrotation=45)


def _name_series(axes: "Axes", chart: Chart) -> None:
    """Write the names of the series: in a legend, beside the picture when there are many, or on the lines."""
    named = [s for s in chart.series if s.name]
    if chart.naming == "beside":
        box = {"boxstyle": "round,pad=0.12", "facecolor": PAPER, "edgecolor": "none"}
        for series in named:
            top = int(np.argmax(series.y))
            side = {0: "left", len(series.x) - 1: "right"}.get(top, "center")
            axes.annotate(series.name, (float(series.x[top]), float(series.y[top])), ha=side, va="center", fontsize=SMALL, bbox=box)
    elif len(named) > LEGEND_ROWS:
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    elif named and chart.y_names:  # above the rows, any of which may reach to any corner
        axes.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(named))
    elif named:
        axes.legend(frameon=False, fontsize=9, loc="best")  # a default warns on slow machines


def _add(axes: "Axes", series: Series, k: int) -> None:
    ink, label = INKS[k % len(INKS)], series.name or None
    if series.mark == "line":
        axes.plot(series.x, series.y, color=ink, linestyle=DASHES[k % len(DASHES)], label=label)
    elif series.mark == "thin":
        axes.plot(series.x, series.y, color=ACCENT, linewidth=0.8, alpha=0.6)
    elif series.mark == "area":
        assert series.low is not None
        axes.fill_betweenx(series.y, series.low, series.x, color=ink, alpha=0.15, linewidth=0)
        axes.plot(series.x, series.y, color=ink, linestyle=DASHES[k % len(DASHES)], linewidth=1.2, label=label)
    elif series.mark == "text":
        for x, y, words in zip(series.x, series.y, series.labels, strict=True):
            axes.text(float(x), float(y), words, fontsize=SMALL, va="center", color=INK)
    elif series.mark == "bar":
        width = 0.9 * float(series.x[1] - series.x[0]) if len(series.x) > 1 else 0.8
        face, hatch = (PAPER if k else ink), HATCHES[k % len(HATCHES)]
        axes.bar(series.x, series.y, width=width, facecolor=face, edgecolor=ink, hatch=hatch, label=label)
    else:
        if series.mark == "interval":
            assert series.low is not None
            assert series.high is not None
            axes.hlines(series.y, series.low, series.high, color=ink, linewidth=1.5)
        axes.plot(series.x, series.y, POINTS[k % len(POINTS)], color=ink, markersize=4, label=label)


class WrightColumn(NamedTuple):
    """One competency: its name, densities (G, Q) of the populations, names of items or steps with their places (N,)."""

    label: str
    densities: Floats
    words: Sequence[str]
    places: Floats


def wright_chart(columns: Sequence[WrightColumn], theta: Floats, groups: Sequence[str], words: Sequence[str]) -> Chart:
    """Return the map, a column for each competency; `theta` (Q,) are the points of the densities, ascending, in logits.

    `words` are the title, what stands on either side of a line, the label of the scale, and the heads of the two sides.
    """
    title, sides, scale, *heads = words
    wide = max(NARROWEST, SHEET // len(columns))
    places, ends = np.concatenate([c.places for c in columns]), (float(theta[0]), float(theta[-1]))
    low = max(float(np.floor(places.min(initial=ends[0]))), ends[0] - BEYOND)  # wider than theta where items lie beyond
    high = min(float(np.ceil(places.max(initial=ends[1]))), ends[1] + BEYOND)
    edges = np.linspace(low, high, LEVELS + 1)
    series: list[Series] = []
    for k, column in enumerate(columns):
        axis = (k + PEOPLE) * wide
        names = groups if k == 0 and len(groups) > 1 else [""] * len(groups)
        left, base = axis - 0.95 * PEOPLE * wide * column.densities / column.densities.max(), np.full(len(theta), axis)
        for g, (name, x) in enumerate(zip(names, left, strict=True)):  # densities grow to the left of the axis
            series.append(Series(name=name, mark="area", x=x, y=theta, low=base, style=g))
        series.append(Series(name="", mark="line", x=np.full(2, axis), y=edges[[0, -1]], style=0))
        series.append(_names(column, edges, axis + 1.0, (k + 1) * wide))
    middles = tuple((k + (1 + PEOPLE) / 2) * wide for k in range(len(columns)))
    alone = len(columns) == 1
    return Chart(
        title=title,
        x_label="" if alone else sides,
        y_label=scale,
        series=tuple(series),
        x_names=tuple(heads) if alone else tuple(c.label for c in columns),
        x_places=(PEOPLE * wide / 2, *middles) if alone else middles,
        x_range=(0.0, float(wide * len(columns))),
        y_range=(low, high),
        size=(CHARACTER * wide * len(columns) + 1.0, LEVEL * LEVELS + 1.4),
    )


def _names(column: WrightColumn, edges: Floats, left: float, right: float) -> Series:
    """Return names side by side in the row of their place; an arrow marks those beyond the ends, +n those without room."""
    x, y, labels = [], [], []
    for row, members in _by_row(column.places, edges):
        words = [_marked(column.words[k], float(column.places[k]), edges) for k in members]
        for start, word in _side_by_side(words, right - left):
            x.append(left + start)
            y.append(float(edges[row] + edges[row + 1]) / 2)
            labels.append(word)
    return Series(name="", mark="text", x=np.array(x), y=np.array(y), labels=tuple(labels))


def _marked(word: str, place: float, edges: Floats) -> str:
    short = word if len(word) <= LONGEST else word[: LONGEST - 1] + "…"
    return f"{short}↑" if place > edges[-1] else f"{short}↓" if place < edges[0] else short


def _side_by_side(words: Sequence[str], room: float) -> Iterator[tuple[float, str]]:
    """Yield where each word starts and the word, as many as there is room for, then how many are left."""
    start = 0.0
    for done, word in enumerate(words):
        left = len(words) - done
        if done and start + len(word) + GAP + (MORE if left > 1 else 0) > room:
            yield start, f"+{left}"
            return
        yield start, word
        start += len(word) + GAP


def _by_row(places: Floats, edges: Floats) -> Iterator[tuple[int, list[int]]]:
    """Yield the rows between `edges` that hold a place, with the places of each in ascending order; NaN are left out."""
    rows = np.clip(np.searchsorted(edges, places, side="right") - 1, 0, len(edges) - 2).tolist()
    ascending = [i for i in np.argsort(places, kind="stable").tolist() if not np.isnan(places[i])]
    for row, members in groupby(ascending, key=rows.__getitem__):
        yield row, list(members)


def item_map(theta: Floats, difficulty: Floats, items: Sequence[str], *, hollow: Sequence[bool], language: str) -> dict[str, Any]:
    """Return what stands where on the item map of a page: ticks of the scale, bars of persons, marks and names of items.

    Positions of persons `theta` (P,) and difficulties (I,) are on one scale, NaN are left out; items without data behind their
    difficulty are `hollow` (I,). A row without room ends in the number of its other items, which has no mark.
    """
    theta, there = theta[np.isfinite(theta)], difficulty[np.isfinite(difficulty)]
    edges = np.linspace(np.floor(min([*theta, *there, -1.0]) * 2) / 2, np.ceil(max([*theta, *there, 1.0]) * 2) / 2, BINS + 1)
    bottom, counts, names = TOP + BINS * MAP_ROW, np.histogram(theta, edges)[0].tolist(), []
    for k, members in _by_row(difficulty, edges):
        x, y = AXIS + 48.0, bottom - (k + 1) * MAP_ROW
        for done, i in enumerate(members):
            wide = 22 + LETTER * len(items[i])
            if x + wide > MAP_WIDTH - 34:
                names.append((x, y, f"+{len(members) - done}", ""))
                break
            names.append((x, y, items[i], PAPER if hollow[i] else ACCENT))
            x += wide
    ticks = range(int(np.ceil(edges[0])), int(np.floor(edges[-1])) + 1)
    places = [TOP + BINS * MAP_ROW * float((edges[-1] - tick) / (edges[-1] - edges[0])) for tick in ticks]
    return {
        "ticks": [(y, decimal(tick, 0, language)) for y, tick in zip(places, ticks, strict=True)],
        "bars": [((AXIS - 40) * n / max(*counts, 1), bottom - (k + 1) * MAP_ROW, n) for k, n in enumerate(counts) if n],
        "names": names,
        "wide": MAP_WIDTH,
        "axis": AXIS,
        "top": TOP,
        "row": MAP_ROW,
        "bottom": bottom,
    }
