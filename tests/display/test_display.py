"""Words, numbers and pictures: correct Russian, escaped texts, one mark for each thing shown."""

from __future__ import annotations

import numpy as np
import pytest

from competency_dx.display import charts, count, decimal, percent, plural
from competency_dx.display.charts import Chart, Series, interval_chart
from competency_dx.wording import worded


@pytest.mark.parametrize(
    ("n", "form"),
    [(0, 2), (1, 0), (2, 1), (4, 1), (5, 2), (11, 2), (12, 2), (14, 2), (21, 0), (22, 1), (25, 2), (101, 0), (111, 2), (112, 2)],
)
def test_russian_plurals(n: int, form: int) -> None:
    words = ("задание", "задания", "заданий")
    assert words[form] in plural(n, words, "ru")


def test_numbers_follow_the_language() -> None:
    assert decimal(0.456, 2, "ru") == "0,46"
    assert decimal(0.456, 2, "en") == "0.46"
    assert percent(60, "ru") == "60\u00a0%"


def test_whole_numbers_are_grouped_in_threes_as_a_language_does() -> None:
    assert [count(n, "ru") for n in (1234, 12345, -1234567)] == ["1234", "12\u202f345", "−1\u202f234\u202f567"]
    assert [count(n, "en") for n in (999, 1234, -1234567)] == ["999", "1,234", "−1,234,567"]
    assert worded("{hours:,} h", {"hours": 14984.4}, "en") == "14,984 h"
    assert worded("{hours:,} ч", {"hours": 14984.4}, "ru") == "14\u202f984 ч"


@pytest.mark.parametrize("mark", ["line", "point", "bar", "interval"])
def test_every_mark_is_drawn(mark: charts.Mark) -> None:
    x = np.arange(4.0)
    low, high = (x - 1, x + 1) if mark == "interval" else (None, None)
    series = Series(name="s", mark=mark, x=x, y=x, low=low, high=high)
    figure = charts.draw(Chart(title="t", x_label="x", y_label="y", series=(series,), x_lines=(1.0,)))
    axes = figure.axes[0]
    assert figure.get_suptitle() == "t"
    assert axes.has_data()


def test_interval_chart_has_a_row_for_each_label() -> None:
    chart = interval_chart(["a", "b"], ([1, 2], [0, 1], [2, 3]), title="t", x_label="x")
    assert chart.y_names == ("a", "b")
    assert chart.series[0].x.tolist() == [1.0, 2.0]
    assert not chart.series[0].x.flags.writeable
