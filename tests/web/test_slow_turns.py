"""What is shown of slow turns: the longest wait of a session, bars of their own colour."""

from __future__ import annotations

import pytest

from store.cells import SLOW_MS
from store.cells import slowest
from web.rendering import bars
from web.rendering import spark


@pytest.mark.parametrize(
    ("waits", "index"),
    [
        ([], None),
        ([300.0], None),
        ([None, 2_600.0], None),
        ([300.0, None, 250.0], 1),
        ([200.0, 210.0, None, 2_600.0, 180.0], 4),
        ([500.0, 500.0], 1),
    ],
)
def test_the_longest_wait_is_one_of_several(waits: list[float | None], index: int | None) -> None:
    turns = [{"index": number, "clocks": {} if wait is None else {"first_audio": wait}} for number, wait in enumerate(waits, 1)]
    assert slowest(turns) == index


def test_each_turn_is_one_bar_of_one_colour() -> None:
    waits = [200.0, 2_600.0, SLOW_MS, SLOW_MS + 1]
    usual, slow = spark(waits), spark(waits, slow=True)
    assert [path.count("M") for path in (usual, slow)] == [2, 2]
    assert {part.split()[0] for part in usual.split("M")[1:]}.isdisjoint(part.split()[0] for part in slow.split("M")[1:])
    assert "V1.0" in slow, "the longest is as high as there is room"


def test_bars_of_counts_are_never_slow() -> None:
    assert bars([1, 5_000, 20]).count("M") == 3
