from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from competency_dx.responses.normalise import LIKE, fold_code, fold_text, header_form, plain, read_number, read_points, tidy
from competency_dx.responses.reading.not_answers import again

if TYPE_CHECKING:
    from fractions import Fraction


@pytest.mark.parametrize(
    ("text", "expected"), [("  Ёлка\u00a0 —  «да» ", 'Ёлка - "да"'), ("a\u200bb", "ab"), ("5\u22123", "5-3"), ("и\u0306", "й")]
)
def test_tidy(text: str, expected: str) -> None:
    assert tidy(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("«Ёлка».", "елка"), ("Да!", "да"), ("XIV в.", "xiv в"), ("—", "-"), (" ... ", "")])
def test_fold_text(text: str, expected: str) -> None:
    assert fold_text(text) == expected


def test_look_alike_letters_are_one_code() -> None:
    cyrillic, latin = "АВЕКМНОРСТУХ", "ABEKMHOPCTYX"
    assert [fold_code(c) for c in cyrillic] == list(latin)
    assert [fold_code(c.lower()) for c in cyrillic] == list(latin)
    assert fold_code("Б") != fold_code("B")


@pytest.mark.parametrize(
    ("text", "expected"), [("PersonID", "person id"), ("педагог_код", "педагог код"), ("ФИО участника:", "фио участника")]
)
def test_header_form(text: str, expected: str) -> None:
    assert header_form(text) == expected


@given(st.fractions(min_value=-1000, max_value=1000, max_denominator=64))
def test_numbers_survive_writing_and_reading(number: Fraction) -> None:
    assert read_number(plain(number)) == number
    assert read_number(plain(number).replace(".", ",")) == number


@given(st.integers(min_value=0, max_value=10**12))
def test_thousands_may_be_apart(number: int) -> None:
    assert read_number(f"{number:,}".replace(",", " ")) == number


@given(st.text(st.characters(max_codepoint=127)))
def test_a_plain_text_is_tidied_as_one_with_other_letters(text: str) -> None:
    assert tidy(text + " ё") == f"{tidy(text)} ё".strip()


@given(st.text("0123456789", min_size=1, max_size=12))
def test_digits_are_read_as_with_words_around_them(digits: str) -> None:
    assert read_number(digits) == read_number(f"Ответ: {digits}")
    assert read_points(digits) == read_points(f"{digits} б")


@given(st.lists(st.text("ab1 (2)*-_", min_size=1, max_size=5), unique=True))
def test_second_attempts_are_those_whose_mark_is_behind_another_id(ids: list[str]) -> None:
    first = {i: LIKE["again"].sub("", i) for i in ids}
    marked = {i for i in ids if first[i] != i and first[i] in first}
    assert again(ids) == [i for i in ids if i in marked or i in {first[m] for m in marked}]
