"""Small banks of given-score items with known parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from competency_dx.bank import Item, ItemBank, ParameterRecord

MakeBank = Callable[..., ItemBank]


def _item(item: str, points: int, competency: str) -> Item:
    return Item.model_validate(
        {
            "id": item,
            "type": "scored",
            "title": {"ru": f"Задание {item}", "en": f"Item {item}"},
            "scoring": {"rule": "given", "points": points},
            "competencies": {competency: 1.0},
        }
    )


@pytest.fixture(scope="session")
def scored_bank(make_bank: MakeBank) -> MakeBank:
    """Make a bank of (id, a, steps, competency) with the SE of every a and b, provisional when there is one."""

    def make(
        rows: Sequence[tuple[str, float, Sequence[float], str]], *, se: float | None = None, reference_set: object = "all"
    ) -> ItemBank:
        records = [
            ParameterRecord(
                item=item,
                model="2PL" if len(b) == 1 else "GPCM",
                a=a,
                b=tuple(b),
                se_a=None if se is None else se / 2,
                se_b=(se,) * len(b),
                status="calibrated" if se is None else "provisional",
            )
            for item, a, b, _ in rows
        ]
        items = [_item(item, len(b), competency) for item, _, b, competency in rows]
        return make_bank(items, records, reference_set=reference_set)

    return make
