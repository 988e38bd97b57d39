"""Pictures as data, and the one place that draws them with matplotlib."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from competency_dx.arrays import Floats, freeze, value
from competency_dx.display.theme import ACCENT, FAINT, GREY, PAPER
from competency_dx.errors import MissingDependencyError, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Mark = Literal["line", "point", "bar", "interval"]
INKS = (ACCENT, "0.45", "0.65")
DASHES = ("-", "--", ":", "-.")
POINTS = "os^D"
HATCHES = ("", "////", "....")
LABEL_ROOM = 40


@value
class Series:
    """One set of marks: positions `x`, `y` of equal length; `low` and `high` bound an interval along the x axis."""

    name: str
    mark: Mark
    x: Floats
    y: Floats
    low: Floats | None = None
    high: Floats | None = None

    def __post_init__(self) -> None:
        freeze(self, x=float, y=float)
        for bound in ("low", "high"):
            if getattr(self, bound) is not None:
                freeze(self, **{bound: float})


@value
class Chart:
    """A picture before it is drawn: series, axis labels, reference lines; `y_names` makes the y axis categorical."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    y_names: tuple[str, ...] = ()
    x_lines: tuple[float, ...] = ()


def interval_chart(  # the six columns of an interval table
    *,
    labels: Sequence[str],
    values: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    title: str,
    x_label: str,
    x_lines: Sequence[float] = (),
) -> Chart:
    """Return a chart of estimates with intervals, one row per label, the first label at the bottom."""
    rows = [float(k) for k in range(len(labels))]
    series = Series(name="", mark="interval", x=values, y=rows, low=low, high=high)  # type: ignore[arg-type]
    return Chart(
        title=title, x_label=x_label, y_label="", series=(series,), y_names=tuple(labels), x_lines=tuple(x_lines)
    )


def draw(chart: Chart) -> Figure:
    """Draw a chart; the figure belongs to no window and is never shown by itself."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise _missing() from None
    rows = len(chart.y_names)
    figure = Figure(figsize=(7.2, min(max(3.4, 0.24 * rows + 1.4), 60.0)), layout="constrained")
    axes = figure.add_subplot()
    for k, series in enumerate(chart.series):
        _add(axes, series, k)
    for x in chart.x_lines:
        axes.axvline(x, color=GREY, linestyle=(0, (5, 3)), linewidth=1)
    if chart.y_names:
        axes.set_yticks(range(rows), [_short(name) for name in chart.y_names], fontsize=9 if rows <= 40 else 7)
        axes.set_ylim(-0.7, rows - 0.3)
    _finish(axes, chart)
    return figure


def chart_svg(chart: Chart, prefix: str) -> str:
    """Draw a chart as inline SVG: text as outlines, no date, no reference to the network.

    Parameters
    ----------
    chart : Chart
        The picture.
    prefix : str
        Put before every id, so that several pictures can stand on one page.
    """
    try:
        from matplotlib import rc_context
    except ImportError:
        raise _missing() from None
    out = io.StringIO()
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": prefix}):
        draw(chart).savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    body = out.getvalue()
    body = re.sub(r"<metadata>.*?</metadata>", "", body[body.index("<svg") :], flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = body.replace('id="', f'id="{prefix}-').replace('="#', f'="#{prefix}-').replace("url(#", f"url(#{prefix}-")
    body = body.replace("xlink:href", "href")
    return re.sub(
        r"<svg [^>]*viewBox=(\"[^\"]*\")[^>]*>", r'<svg class="picture" role="img" viewBox=\1>', body, count=1
    )


def _missing() -> MissingDependencyError:
    return require("matplotlib", "plot", "plot()")


def _short(name: str) -> str:
    return name if len(name) <= LABEL_ROOM else name[: LABEL_ROOM - 1].rstrip() + "…"


def _finish(axes: Axes, chart: Chart) -> None:
    if any(s.name for s in chart.series):
        axes.legend(frameon=False, fontsize=9)
    axes.set_title(chart.title, loc="left", fontsize=11, fontweight="bold", color=ACCENT)
    axes.set_xlabel(chart.x_label, color=GREY)
    axes.set_ylabel(chart.y_label, color=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors="0.2", length=3)
    axes.grid(axis="x" if chart.y_names else "both", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)


def _add(axes: Axes, series: Series, k: int) -> None:
    ink, label = INKS[k % len(INKS)], series.name or None
    if series.mark == "line":
        axes.plot(series.x, series.y, color=ink, linestyle=DASHES[k % len(DASHES)], label=label)
    elif series.mark == "bar":
        width = 0.9 * float(series.x[1] - series.x[0]) if len(series.x) > 1 else 0.8
        face, hatch = (PAPER if k else ink), HATCHES[k % len(HATCHES)]
        axes.bar(series.x, series.y, width=width, facecolor=face, edgecolor=ink, hatch=hatch, label=label)
    else:
        if series.mark == "interval":
            assert series.low is not None
            assert series.high is not None
            axes.hlines(series.y, series.low, series.high, color=ink, linewidth=1.5)
        shape = POINTS[k % len(POINTS)]
        axes.plot(series.x, series.y, shape, color=ink, markersize=4, label=label)
