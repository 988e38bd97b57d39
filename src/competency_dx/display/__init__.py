"""The only room that knows matplotlib and HTML: arrays, frames and plain text in. Its front door is for rooms of this library."""

from competency_dx.display.charts import Chart, Series, chart_svg, draw, histogram_chart, interval_chart, item_map, point_chart
from competency_dx.display.theme import FONT, LOOKS, IntervalRow, notebook
from competency_dx.wording import (
    MINUS,
    NBSP,
    NONE,
    chance,
    code_word,
    column_title,
    count,
    counted,
    decimal,
    interval,
    number,
    percent,
    plural,
    result_words,
    sentences,
    setting_name,
    setting_word,
    tied,
    toml_content,
)
