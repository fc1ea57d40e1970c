"""Every spelling of an audio format, and the seconds that follow from it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.audio import OTHER
from realtime.audio import PCM16_16K
from realtime.audio import PCM16_24K
from realtime.audio import AudioFormat
from realtime.audio import base64_size
from realtime.audio import parse_format
from realtime.meter_audio import AudioMeter
from realtime.signals import AudioIn
from realtime.signals import AudioOut
from realtime.signals import ProviderError
from realtime.signals import SessionConfig
from realtime.signals import SpeechStarted

ULAW = AudioFormat("pcmu", 8_000)
ALAW = AudioFormat("pcma", 8_000)
PCM16_8K = AudioFormat("pcm16", 8_000)
PCM16_48K = AudioFormat("pcm16", 48_000)


@pytest.mark.parametrize(
    ("declared", "read"),
    [
        ("pcm16", PCM16_24K),
        ("PCM", PCM16_24K),
        ("pcm24", PCM16_24K),
        ("pcm_16000", PCM16_16K),
        ("pcm_48000", PCM16_48K),
        ("pcm16-8000hz", PCM16_8K),
        ("pcm16_16000hz", PCM16_16K),
        ("g711_ulaw", ULAW),
        ("g711_alaw", ALAW),
        ("ulaw_8000", ULAW),
        ("alaw", ALAW),
        ("audio/pcm", PCM16_24K),
        ("audio/pcm;rate=16000", PCM16_16K),
        (' audio/PCM; rate="16000" ; channels=2', AudioFormat("pcm16", 16_000, 2)),
        ("audio/L16;rate=16000", PCM16_16K),
        ("audio/pcmu", ULAW),
        ("audio/pcma", ALAW),
        ("audio/x-mulaw", ULAW),
        ({"type": "audio/pcm", "rate": 24_000}, PCM16_24K),
        ({"type": "audio/pcm", "rate": 48_000}, PCM16_48K),
        ({"type": "audio/pcmu"}, ULAW),
        ({"type": "pcm", "sample_rate": 16_000}, PCM16_16K),
        ({"type": "pcm16", "sample_rate": 16_000, "channels": 2}, AudioFormat("pcm16", 16_000, 2)),
        ({"type": "wav", "sample_rate": 16_000}, OTHER),
        ("mp3", OTHER),
        ("wav", OTHER),
        ("mp3_44100_128", OTHER),
        ("opus_48000_32", OTHER),
        ("something new", OTHER),
        ("", None),
        (None, None),
        (16_000, None),
        ({}, None),
        ({"type": 5}, None),
        ({"type": ["pcm"]}, None),
    ],
)
def test_spellings(declared: object, read: AudioFormat | None) -> None:
    assert parse_format(declared) == read


@pytest.mark.parametrize("rate", [0, -1, 1, 10**9, True, 16_000.0, "16000", None])
def test_a_rate_that_cannot_be_meant_is_absent(rate: Any) -> None:
    assert parse_format({"type": "audio/pcm", "rate": rate}, 16_000) == PCM16_16K


def test_the_rate_of_pcm_that_names_none() -> None:
    assert parse_format("pcm16", 16_000) == PCM16_16K
    assert parse_format("audio/pcmu", 16_000) == ULAW


@given(st.binary(max_size=200))
def test_bytes_behind_base64(audio: bytes) -> None:
    encoded = base64.b64encode(audio).decode()
    assert base64_size(len(encoded), encoded.count("=")) == len(audio)
    assert base64_size(len(encoded.rstrip("="))) == len(audio)


@given(st.text(max_size=40) | st.dictionaries(st.sampled_from(["type", "rate", "channels"]), st.text() | st.integers() | st.none()))
def test_any_declaration_is_read_or_left(declared: object) -> None:
    read = parse_format(declared)
    assert read is None or read is OTHER or read.seconds(100) is not None


def asked(**formats: AudioFormat) -> SessionConfig:
    return SessionConfig(confirmed=False, **formats)  # type: ignore[arg-type]


def confirmed(**formats: AudioFormat) -> SessionConfig:
    return SessionConfig(confirmed=True, **formats)  # type: ignore[arg-type]


def measured(*signals: Any) -> AudioMeter:
    meter = AudioMeter((PCM16_24K, PCM16_24K))
    for signal in signals:
        meter.add(signal)
    return meter


def test_both_directions_in_their_own_format() -> None:
    meter = measured(confirmed(input_format=ULAW), AudioIn(8_000), AudioOut(48_000), SpeechStarted())
    assert (meter.bytes_in, meter.bytes_out) == (8_000, 48_000)
    assert (meter.seconds_in, meter.seconds_out) == (1.0, 1.0)


def test_a_format_counts_from_when_it_was_declared() -> None:
    meter = measured(AudioIn(48_000), confirmed(input_format=PCM16_16K), AudioIn(48_000))
    assert meter.seconds_in == 1.0 + 1.5


def test_audio_that_states_its_own_format() -> None:
    assert measured(AudioIn(32_000, PCM16_16K), AudioOut(32_000, format=PCM16_16K)).seconds_in == 1.0


@pytest.mark.parametrize("unknown", [OTHER, AudioFormat("other", 44_100)])
def test_an_unknown_format_counts_bytes_alone(unknown: AudioFormat) -> None:
    meter = measured(confirmed(output_format=unknown), AudioOut(1_000))
    assert (meter.bytes_out, meter.seconds_out) == (1_000, 0.0)


def test_without_any_format_bytes_count_alone() -> None:
    meter = AudioMeter()
    meter.add(AudioIn(10))
    assert (meter.bytes_in, meter.seconds_in) == (10, 0.0)


def test_a_wish_that_is_not_confirmed_cannot_shorten_the_seconds() -> None:
    meter = measured(asked(input_format=PCM16_48K), AudioIn(96_000))
    assert meter.seconds_in == 2.0


def test_a_wish_for_a_slower_format_counts_at_once() -> None:
    assert measured(asked(input_format=ULAW), AudioIn(8_000)).seconds_in == 1.0


def test_a_confirmation_that_names_no_format_grants_the_wish() -> None:
    assert measured(asked(input_format=PCM16_48K), confirmed(), AudioIn(96_000)).seconds_in == 1.0


def test_a_refused_wish_is_forgotten() -> None:
    meter = measured(asked(input_format=ULAW), ProviderError("invalid_request_error", "invalid_value", "no"), AudioIn(48_000))
    assert meter.seconds_in == 1.0
