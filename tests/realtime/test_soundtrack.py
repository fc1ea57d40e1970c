"""Sound on the time line, at 1,000 samples a second so that a sample is a millisecond."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.soundtrack import Arrival
from realtime.soundtrack import Cancel
from realtime.soundtrack import Delta
from realtime.soundtrack import Truncate
from realtime.soundtrack import played
from realtime.soundtrack import spoken

RATE = 1_000


def starts(*arrivals: tuple[int, int]) -> list[int]:
    return spoken([Arrival(*arrival) for arrival in arrivals], RATE)


def heard(*events: Delta | Truncate | Cancel) -> list[tuple[int, int]]:
    """Where each delta begins of which anything is heard, and how much."""
    return [(piece.start, piece.length) for piece in played(events, RATE) if piece.length]


def test_a_steady_microphone_ends_where_it_arrives() -> None:
    assert starts(*((1_000 + 100 * number, 100) for number in range(5))) == [900, 1_000, 1_100, 1_200, 1_300]


def test_jitter_is_no_pause() -> None:
    assert starts((1_000, 100), (1_130, 100), (1_190, 100), (1_310, 100)) == [890, 990, 1_090, 1_190]


def test_a_stall_that_is_made_up_for_is_no_pause() -> None:
    stalled = [(1_000, 100), (1_100, 100), *((2_300, 100) for _ in range(12)), (2_400, 100)]
    assert starts(*stalled) == [900 + 100 * number for number in range(15)]


def test_a_pause_stays_where_it_was() -> None:
    assert starts((1_000, 100), (1_100, 100), (6_000, 100), (6_100, 100)) == [900, 1_000, 5_900, 6_000]


def test_an_utterance_sent_at_once_ends_where_it_came() -> None:
    assert starts(*((5_000, 100) for _ in range(10))) == [4_000 + 100 * number for number in range(10)]


def test_more_than_can_have_been_spoken_begins_with_the_session() -> None:
    assert starts((300, 1_000), (310, 1_000), (9_000, 500)) == [0, 1_000, 8_500]


def test_what_comes_after_a_turn_does_not_move_it() -> None:
    arrivals = [Arrival(1_500, 1_000), Arrival(1_700, 1_000)]
    assert spoken(arrivals, RATE) == [0, 1_000]
    assert spoken(arrivals, RATE, [1_510]) == [500, 1_500]
    assert spoken(arrivals, RATE, [1_500, 1_700]) == [500, 1_500]


@given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 2_000)), max_size=60), st.lists(st.integers(0, 60_000)))
def test_pieces_never_overlap_and_none_is_lost(steps: list[tuple[int, int]], ends: list[int]) -> None:
    at, arrivals, ends = 0, [], sorted(ends)
    for step, length in steps:
        at += step
        arrivals.append(Arrival(at, length))
    found = spoken(arrivals, RATE, ends)
    ends = [start + arrival.length for start, arrival in zip(found, arrivals, strict=True)]
    assert all(end <= start for end, start in zip(ends, found[1:], strict=False))
    assert all(start >= 0 for start in found)


def test_an_answer_plays_without_gaps_from_its_first_delta() -> None:
    assert heard(Delta(500, 400, 1, 1), Delta(510, 400, 1, 1), Delta(520, 400, 1, 1)) == [(500, 400), (900, 400), (1_300, 400)]


def test_answers_play_one_after_the_other() -> None:
    assert heard(Delta(500, 2_000, 1, 1), Delta(1_000, 300, 2, 2), Delta(9_000, 300, 3, 3)) == [(500, 2_000), (2_500, 300), (9_000, 300)]


def test_a_provider_may_be_a_little_late_within_an_answer() -> None:
    assert heard(Delta(0, 100, 1, 1), Delta(180, 100, 1, 1), Delta(900, 100, 1, 1)) == [(0, 100), (100, 100), (900, 100)]


def test_truncation_cuts_to_the_sample_and_later_deltas_are_not_heard() -> None:
    events: list[Delta | Truncate] = [
        Delta(1_000, 500, 1, 1),
        Delta(1_010, 500, 1, 1),
        Delta(1_020, 500, 1, 1),
        Truncate(1_800, 1, 777),
        Delta(1_900, 500, 1, 1),
    ]
    assert heard(*events) == [(1_000, 500), (1_500, 277)]
    assert heard(*events, Delta(2_100, 100, 2, 2))[-1] == (2_100, 100)


def test_a_cancelled_answer_ends_at_the_moment_of_the_cancellation() -> None:
    assert heard(Delta(1_000, 500, 1, 1), Delta(1_010, 500, 1, 1), Cancel(1_600, 1), Delta(1_700, 500, 1, 1), Delta(1_800, 50, 2, 2)) == [
        (1_000, 500),
        (1_500, 100),
        (1_800, 50),
    ]


def test_what_the_client_says_it_played_counts_more_than_the_cancellation() -> None:
    deltas = [Delta(1_000, 500, 1, 1), Delta(1_010, 500, 1, 1)]
    assert heard(*deltas, Cancel(1_300, 1), Truncate(1_320, 1, 700)) == [(1_000, 500), (1_500, 200)]
    assert heard(*deltas, Truncate(1_320, 1, 700), Cancel(1_330, 1)) == [(1_000, 500), (1_500, 200)]
    assert heard(*deltas, Truncate(1_320, 1, 700), Truncate(1_330, 1, 700)) == [(1_000, 500), (1_500, 200)]


def test_an_answer_that_was_all_heard_is_not_cut() -> None:
    assert heard(Delta(1_000, 500, 1, 1), Cancel(5_000, 1)) == [(1_000, 500)]
    assert heard(Delta(1_000, 500, 1, 1), Truncate(5_000, 1, 9_999)) == [(1_000, 500)]
    assert heard(Delta(1_000, 500, 1, 1), Truncate(1_200, 7, 0), Cancel(1_200, 0)) == [(1_000, 500)]
