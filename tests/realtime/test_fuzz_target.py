"""What the fuzzer runs keeps its promises on the inputs it begins with, and on others; it notices where they are broken."""

import fuzzing
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from realtime.policies import PolicySet


def test_the_inputs_to_begin_with() -> None:
    for seed in fuzzing.seeds():
        fuzzing.one(seed)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(fuzzing.seeds()), st.integers(0, 500), st.binary(max_size=6), st.integers(0, 255))
def test_inputs_like_them(seed: bytes, place: int, noise: bytes, way: int) -> None:
    at = 1 + place % len(seed)
    fuzzing.one(bytes((way,)) + seed[1:at] + noise + seed[at:])


def test_a_number_that_crosses_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = fuzzing.Crossing

    def careless(dialect: str) -> fuzzing.Crossing:
        crossing = made(dialect)
        crossing.judge.policies = PolicySet()
        return crossing

    monkeypatch.setattr(fuzzing, "Crossing", careless)
    with pytest.raises(AssertionError):
        fuzzing.one(b"\1say " + fuzzing.CARD.encode())
