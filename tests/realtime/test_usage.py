"""Usage in every spelling reads the same, and a number that cannot be meant counts as absent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.usage import NAMES
from realtime.usage import Usage
from realtime.usage import read_usage
from realtime.usage import usage_of

GA = {
    "total_tokens": 260,
    "input_tokens": 200,
    "output_tokens": 60,
    "input_token_details": {
        "text_tokens": 120,
        "audio_tokens": 80,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 40, "audio_tokens": 24, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 15, "audio_tokens": 45},
}
GA_READ = {
    "total_tokens": 260,
    "input_tokens": 200,
    "output_tokens": 60,
    "input_text": 120,
    "input_audio": 80,
    "cached_text": 40,
    "cached_audio": 24,
    "output_text": 15,
    "output_audio": 45,
}
GEMINI = {
    "promptTokenCount": 210,
    "responseTokenCount": 70,
    "thoughtsTokenCount": 5,
    "toolUsePromptTokenCount": 10,
    "totalTokenCount": 295,
    "cachedContentTokenCount": 30,
    "promptTokensDetails": [
        {"modality": "AUDIO", "tokenCount": 130},
        {"modality": "TEXT", "tokenCount": 78},
        {"modality": "VIDEO", "tokenCount": 2},
    ],
    "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 70}],
    "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 30}],
    "toolUsePromptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}],
}


def totals(tokens_in: int, tokens_out: int, total: int | None = None) -> dict[str, int]:
    return {"total_tokens": tokens_in + tokens_out if total is None else total, "input_tokens": tokens_in, "output_tokens": tokens_out}


@pytest.mark.parametrize(
    ("reported", "read"),
    [
        pytest.param(GA, GA_READ, id="OpenAI GA"),
        pytest.param(
            {
                "input_tokens": 40,
                "output_tokens": 10,
                "input_tokens_details": {"text_tokens": 30, "audio_tokens": 8, "video_tokens": 2},
                "output_tokens_details": {"text_tokens": 2, "audio_tokens": 8},
            },
            {**totals(40, 10), "input_text": 30, "input_audio": 8, "input_image": 2, "output_text": 2, "output_audio": 8},
            id="Bailian: plural details, images as video, no total",
        ),
        pytest.param(
            {
                "input_tokens": 90,
                "output_tokens": 40,
                "total_tokens": 130,
                "input_token_details": {"text_tokens": 50, "audio_tokens": 20, "grok_tokens": 20},
                "billable_audio_seconds": 3,
            },
            {**totals(90, 40), "input_text": 70, "input_audio": 20, "seconds": 3.0},
            id="xAI: grok tokens are text, billable seconds",
        ),
        pytest.param({"prompt_tokens": 10, "completion_tokens": 2}, totals(10, 2), id="vLLM: chat spelling, no kinds"),
        pytest.param(
            {"prompt_tokens": 10, "prompt_tokens_details": {"audio_tokens": 4}},
            {**totals(10, 0), "input_text": 6, "input_audio": 4},
            id="what details leave unnamed is text",
        ),
        pytest.param(
            GEMINI,
            {
                **totals(220, 75, 295),
                "input_text": 88,
                "input_audio": 130,
                "input_image": 2,
                "cached_audio": 30,
                "output_text": 5,
                "output_audio": 70,
                "reasoning": 5,
            },
            id="Gemini: thoughts and tool prompts are on top",
        ),
        pytest.param({"promptTokenCount": 3, "candidatesTokenCount": 4}, totals(3, 4), id="Gemini on older Vertex"),
        pytest.param(
            {
                "input_tokens": 300,
                "input_tokens_details": {"cached_tokens": 100},
                "output_tokens": 40,
                "output_tokens_details": {"reasoning_tokens": 16},
            },
            {**totals(300, 40), "input_text": 300, "cached_text": 100, "output_text": 40, "reasoning": 16},
            id="Responses: reasoning is part of the output",
        ),
        pytest.param(
            {"output_tokens": 60, "output_token_details": {"text_tokens": 10, "audio_tokens": 40, "reasoning_tokens": 10}},
            {**totals(0, 60), "output_text": 20, "output_audio": 40, "reasoning": 10},
            id="reasoning that the text does not include joins it",
        ),
        pytest.param(
            {"input_tokens": 14, "output_tokens": 3, "total_tokens": 17, "input_token_details": {"audio_tokens": 14, "text_tokens": 0}},
            {**totals(14, 3), "input_audio": 14},
            id="transcription in tokens",
        ),
        pytest.param({"type": "duration", "seconds": 1.4}, {**totals(0, 0), "seconds": 1.4}, id="transcription in seconds"),
        pytest.param({"seconds": 31.2}, {**totals(0, 0), "seconds": 31.2}, id="Live"),
        pytest.param({"characters": 12}, {**totals(0, 0), "characters": 12}, id="speech synthesis"),
        pytest.param({"total_tokens": 9}, totals(0, 0, 9), id="a total alone"),
    ],
)
def test_spellings(reported: dict[str, Any], read: dict[str, int | float]) -> None:
    usage = usage_of(reported)
    assert usage is not None
    assert usage.record() == read


@pytest.mark.parametrize(
    ("details", "cached"),
    [
        ({"text_tokens": 80, "audio_tokens": 20, "cached_tokens": 64}, {"cached_text": 64}),
        ({"text_tokens": 10, "audio_tokens": 90, "cached_tokens": 64}, {"cached_text": 10, "cached_audio": 54}),
        ({"text_tokens": 0, "audio_tokens": 60, "image_tokens": 40, "cached_tokens": 64}, {"cached_audio": 60, "cached_image": 4}),
        ({"audio_tokens": 100, "cached_tokens_details": {"audio_tokens": 30}}, {"cached_audio": 30}),
        ({"text_tokens": 100, "cached_tokens": 9, "cached_tokens_details": {}}, {"cached_text": 9}),
        ({"text_tokens": 100, "cached_tokens": 999}, {"cached_text": 100}),
    ],
)
def test_cached_tokens_are_parts_of_their_kind(details: dict[str, Any], cached: dict[str, int]) -> None:
    usage = usage_of({"input_tokens": 100, "input_token_details": details})
    assert usage is not None
    assert {name: value for name, value in usage.record().items() if name.startswith("cached")} == cached


def test_cached_tokens_without_details_are_text() -> None:
    usage = usage_of({"input_tokens": 100, "cached_tokens": 30})
    assert usage is not None
    assert usage.cached_text == 30


@pytest.mark.parametrize(
    ("event", "total"),
    [
        ({"response": {"usage": {"total_tokens": 1}}, "usage": {"total_tokens": 2}}, 1),
        ({"response": {"usage": {}}, "usage": {"total_tokens": 2}}, 2),
        ({"response": {"usage": None}, "usageMetadata": {"totalTokenCount": 3}}, 3),
        ({"response": {"usage": {"total_tokens": 0}}, "usage": {"total_tokens": 2}}, 2),
        ({"response": [], "usage": {"total_tokens": 2}}, 2),
        ({"usage": {"total_tokens": 0}}, 0),
    ],
)
def test_where_usage_stands(event: dict[str, Any], total: int) -> None:
    usage = read_usage(event)
    assert usage is not None
    assert usage.total_tokens == total


@pytest.mark.parametrize(
    "usage", [None, {}, [], "12", 12, {"total_tokens": None}, {"note": "free"}, {"input_token_details": {"text_tokens": 3}}]
)
def test_no_usage(usage: Any) -> None:
    assert read_usage({"response": {"usage": usage}}) is None


@pytest.mark.parametrize("value", [-1, True, 1.5, "7", None, 1 << 60, [], {}, float("nan")])
def test_a_count_that_cannot_be_meant_is_absent(value: Any) -> None:
    usage = usage_of({"input_tokens": value, "output_tokens": 4, "input_token_details": {"audio_tokens": value, "cached_tokens": value}})
    assert usage == Usage(total_tokens=4, output_tokens=4)


@pytest.mark.parametrize("value", [-0.1, True, "7", None, 1e300, float("inf"), float("nan"), []])
def test_seconds_that_cannot_be_meant_are_absent(value: Any) -> None:
    assert usage_of({"seconds": value}) is None


def test_the_sum_of_two() -> None:
    first, second = usage_of(GA), usage_of({"seconds": 2.0})
    assert first is not None
    assert second is not None
    assert (first + second).record() == {**GA_READ, "seconds": 2.0}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*GA, *GEMINI, "text_tokens", "cached_tokens", "modality"]), inner)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["usage", "response", "usageMetadata"]), VALUES))
def test_any_shape_is_read_or_left(event: dict[str, Any]) -> None:
    usage = read_usage(event)
    if usage is not None:
        assert all(0 <= getattr(usage, name) < 1 << 62 for name in NAMES)
        assert usage.cached_text + usage.cached_audio + usage.cached_image <= max(
            usage.input_tokens, usage.input_text + usage.input_audio + usage.input_image
        )
