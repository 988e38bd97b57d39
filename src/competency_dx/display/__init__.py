"""The only room that knows matplotlib and HTML: it takes arrays, frames and plain text."""

from competency_dx.display.charts import Chart, Series, chart_svg, draw, histogram_chart, interval_chart, point_chart
from competency_dx.display.row_pictures import IntervalRow, correlation_bar, interval_table, stacked_bar, swatch
from competency_dx.display.theme import FONT, LOOKS, Look, notebook, patterns, symbol
from competency_dx.display.words import (
    chance,
    code_word,
    column_title,
    counted,
    decimal,
    interval,
    percent,
    result_words,
    sentences,
    setting_name,
    setting_word,
    tied,
)
from competency_dx.display.wright import wright_svg
from competency_dx.wording import MINUS, NBSP, count, number, plural, toml_content

__all__ = [
    "FONT",
    "LOOKS",
    "MINUS",
    "NBSP",
    "Chart",
    "IntervalRow",
    "Look",
    "Series",
    "chance",
    "chart_svg",
    "code_word",
    "column_title",
    "correlation_bar",
    "count",
    "counted",
    "decimal",
    "draw",
    "histogram_chart",
    "interval",
    "interval_chart",
    "interval_table",
    "notebook",
    "number",
    "patterns",
    "percent",
    "plural",
    "point_chart",
    "result_words",
    "sentences",
    "setting_name",
    "setting_word",
    "stacked_bar",
    "swatch",
    "symbol",
    "tied",
    "toml_content",
    "wright_svg",
]
