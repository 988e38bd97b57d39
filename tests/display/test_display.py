"""Words, numbers and pictures: correct Russian, escaped texts, one mark for each thing shown."""

from __future__ import annotations

import numpy as np
import pytest

from competency_dx.display import IntervalRow, charts, decimal, interval_svg, percent, plural
from competency_dx.display.charts import Chart, Series, interval_chart


@pytest.mark.parametrize(
    ("n", "form"),
    [
        (0, 2),
        (1, 0),
        (2, 1),
        (4, 1),
        (5, 2),
        (11, 2),
        (12, 2),
        (14, 2),
        (21, 0),
        (22, 1),
        (25, 2),
        (101, 0),
        (111, 2),
        (112, 2),
    ],
)
def test_russian_plurals(n: int, form: int) -> None:
    words = ("задание", "задания", "заданий")
    assert words[form] in plural(n, words, "ru")


def test_numbers_follow_the_language() -> None:
    assert decimal(0.456, 2, "ru") == "0,46"
    assert decimal(0.456, 2, "en") == "0.46"
    assert percent(60, "ru") == "60\u00a0%"


def rows() -> list[IntervalRow]:
    from competency_dx.display import LOOKS

    return [
        IntervalRow(
            label="A <b>", depth=0, point=40.0, low=30.0, high=55.0, look=LOOKS[0], figures="40 %", words="yes"
        ),
        IntervalRow(
            label="B", depth=1, point=float("nan"), low=0.0, high=0.0, look=LOOKS[4], figures="", words="unknown"
        ),
    ]


def test_interval_picture_escapes_and_marks() -> None:
    picture = interval_svg(rows(), [(60.0, "cut"), (80.0, "top")], title="<t>", axis="percent")
    assert "<b>" not in picture
    assert "&lt;b&gt;" in picture
    assert picture.count("cut") == 1
    assert picture.startswith("<svg")
    assert picture.rstrip().endswith("</svg>")


@pytest.mark.parametrize("mark", ["line", "point", "bar", "interval"])
def test_every_mark_is_drawn(mark: charts.Mark) -> None:
    x = np.arange(4.0)
    low, high = (x - 1, x + 1) if mark == "interval" else (None, None)
    series = Series(name="s", mark=mark, x=x, y=x, low=low, high=high)
    figure = charts.draw(Chart(title="t", x_label="x", y_label="y", series=(series,), x_lines=(1.0,)))
    axes = figure.axes[0]
    assert "t" in {axes.get_title(), axes.get_title(loc="left"), axes.get_title(loc="right")}
    assert axes.has_data()


def test_interval_chart_has_a_row_for_each_label() -> None:
    chart = interval_chart(labels=["a", "b"], values=[1, 2], low=[0, 1], high=[2, 3], title="t", x_label="x")
    assert chart.y_names == ("a", "b")
    assert chart.series[0].x.tolist() == [1.0, 2.0]
    assert not chart.series[0].x.flags.writeable
