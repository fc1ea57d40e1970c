"""A synthetic voice: deterministic, made of vowels with real formants, one syllable of 150 ms a chunk.

It is no speech, but it has the sound, the pauses, the length and the message sizes of speech, costs nothing after the
first use (each of its syllables is made once), and the simulator's own voice detector hears it.
"""

from __future__ import annotations

import math
import re
from array import array
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from sys import byteorder
from typing import Final

from realtime.audio import PCM16_24K
from realtime.audio import AudioFormat
from realtime.g711 import LAWS

CHUNK_MS: Final = 150
"""Length of one audio delta: 7,200 bytes of 24 kHz PCM16, 1,200 of G.711."""

_RATE: Final = 24_000
_FORMANTS: Final = {"a": (730, 1090), "e": (530, 1840), "i": (270, 2290), "o": (570, 840), "u": (300, 870)}
_PITCHES: Final = (120, 132, 108)
_VOWELS: Final = re.compile(r"[aeiouy]+", re.IGNORECASE)
_WORD: Final = re.compile(r"\s*\S+")
_PAUSES: Final = ".,;:!?"
_SILENCE: Final = ("", 0)
_MOST_SYLLABLES: Final = 5

Syllable = tuple[str, int]
"""A vowel ("" is silence) and the index of its pitch."""


@dataclass(frozen=True, slots=True)
class Beat:
    """A word of a spoken text, with its leading space, and the base64 chunks of `CHUNK_MS` that voice it."""

    text: str
    chunks: tuple[str, ...]


def beats(text: str, form: AudioFormat = PCM16_24K) -> Iterator[Beat]:
    """`text` word by word with its sound; the words joined are the text up to trailing space."""
    for word, syllables in _spoken(text):
        yield Beat(word, tuple(_chunk(syllable, form) for syllable in syllables))


def speak(text: str, form: AudioFormat = PCM16_24K) -> bytes:
    """The whole of `text` as sound, for a client that wants to talk to the simulator."""
    return b"".join(_encoded(syllable, form) for _, syllables in _spoken(text) for syllable in syllables)


def silence(milliseconds: int, form: AudioFormat = PCM16_24K) -> bytes:
    """Quiet of the wanted length: ends an utterance for the voice detector."""
    one = b"\0\0" if form.encoding == "pcm16" else LAWS[form.encoding].encode([0])
    return one * (form.rate * milliseconds // 1000)


def _spoken(text: str) -> Iterator[tuple[str, tuple[Syllable, ...]]]:
    for position, word in enumerate(_WORD.findall(text)):
        vowels = _VOWELS.findall(word) or ["e"]
        syllables = [(_vowel(group), (position + index) % len(_PITCHES)) for index, group in enumerate(islice(vowels, _MOST_SYLLABLES))]
        if word[-1] in _PAUSES:
            syllables.append(_SILENCE)
        yield word, tuple(syllables)


def _vowel(group: str) -> str:
    first = group[0].lower()
    return first if first in _FORMANTS else "i"


@cache
def _chunk(syllable: Syllable, form: AudioFormat) -> str:
    return b64encode(_encoded(syllable, form)).decode()


@cache
def _encoded(syllable: Syllable, form: AudioFormat) -> bytes:
    samples = _samples(syllable)[:: _RATE // form.rate] if form.rate in (8_000, 12_000, _RATE) else _resampled(syllable, form.rate)
    if form.encoding in LAWS:
        return LAWS[form.encoding].encode(samples)
    if byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def _resampled(syllable: Syllable, rate: int) -> array[int]:
    samples = _samples(syllable)
    return array("h", (samples[index * _RATE // rate] for index in range(CHUNK_MS * rate // 1000)))


def _samples(syllable: Syllable) -> array[int]:
    vowel, pitch = syllable
    count = CHUNK_MS * _RATE // 1000
    if not vowel:
        return array("h", bytes(2 * count))
    period = _period(_FORMANTS[vowel], _PITCHES[pitch])
    swell = (math.sin(math.pi * index / count) ** 0.5 for index in range(count))
    return array("h", (int(loudness * period[index % len(period)]) for index, loudness in enumerate(swell)))


def _period(formants: tuple[int, int], pitch: int) -> list[float]:
    """One period of the voice: the harmonics of `pitch`, each as loud as its distance to the formants lets it be."""
    length = _RATE // pitch
    gains = [(k, sum(1 / (1 + ((k * pitch - formant) / 90) ** 2) for formant in formants)) for k in range(1, 3_500 // pitch)]
    wave = [sum(gain * math.sin(2 * math.pi * k * index / length) for k, gain in gains) for index in range(length)]
    peak = max(abs(value) for value in wave)
    return [value / peak * 12_000 for value in wave]
