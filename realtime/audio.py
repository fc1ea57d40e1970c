"""Audio formats and the arithmetic from bytes to seconds; audio itself is never decoded here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from typing import Final
from typing import Literal

import msgspec

Encoding = Literal["pcm16", "pcmu", "pcma", "other"]

Sound = bytes | str | msgspec.Raw
"""Audio as a message carries it: the bytes themselves, base64 as text, or base64 as a JSON text that was not parsed."""

_BYTES_PER_SAMPLE: dict[Encoding, int] = {"pcm16": 2, "pcmu": 1, "pcma": 1}


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """A declared format; `rate` in Hz. `other` (mp3, wav, opus) has no fixed byte rate, so no seconds."""

    encoding: Encoding
    rate: int
    channels: int = 1

    def seconds(self, size: int) -> float | None:
        """Duration of `size` bytes, or None where the encoding has no fixed byte rate."""
        width = _BYTES_PER_SAMPLE.get(self.encoding)
        return size / (width * self.rate * self.channels) if width else None


PCM16_24K = AudioFormat("pcm16", 24_000)
PCM16_16K = AudioFormat("pcm16", 16_000)
OTHER = AudioFormat("other", 0)
"""Something was declared that has no fixed byte rate, or that nobody here knows: bytes count, seconds do not."""

_G711_RATE: Final = 8_000
_RATES: Final = range(4_000, 192_001)

_NAMES: Final[dict[str, tuple[Encoding, int | None]]] = {
    "pcm": ("pcm16", None),
    "pcm16": ("pcm16", None),
    "l16": ("pcm16", None),
    "pcm24": ("pcm16", 24_000),
    "pcmu": ("pcmu", _G711_RATE),
    "ulaw": ("pcmu", _G711_RATE),
    "mulaw": ("pcmu", _G711_RATE),
    "g711_ulaw": ("pcmu", _G711_RATE),
    "pcma": ("pcma", _G711_RATE),
    "alaw": ("pcma", _G711_RATE),
    "g711_alaw": ("pcma", _G711_RATE),
}
"""Name to encoding and the rate that the name alone fixes. `pcm24` is Bailian's 24 kHz output, not 24-bit samples."""

_SPELLING: Final = re.compile(
    r"(?:audio/)?(?:x-)?(?P<name>[a-z0-9_]+?)(?:[_-](?P<rate>[0-9]{4,6})(?:_?hz)?)?(?P<parameters>;.*)?",
    re.DOTALL,
)
_PARAMETER: Final = re.compile(r";\s*(rate|channels)\s*=\s*\"?([0-9]{1,6})(?![0-9])")


def parse_format(declared: object, rate: int = PCM16_24K.rate) -> AudioFormat | None:
    """The format behind any provider's spelling of it; None where nothing was declared (not text, not an object).

    Read are names (`pcm16`, `g711_ulaw`), names with a rate (`pcm_16000`, `pcm16-8000hz`, `ulaw_8000`), media types
    (`audio/pcm;rate=16000`) and objects `{type, rate | sample_rate, channels}`. `rate` counts where PCM names none.
    """
    if isinstance(declared, str):
        return _of_text(declared, rate) if declared.strip() else None
    return _of_object(declared, rate) if isinstance(declared, dict) else None


def _of_text(declared: str, rate: int) -> AudioFormat:
    found = _SPELLING.fullmatch(declared.strip().lower())
    encoding, fixed = _NAMES.get(found["name"], (None, None)) if found else (None, None)
    if found is None or encoding is None:
        return OTHER
    parameters = dict(_PARAMETER.findall(found["parameters"] or ""))
    stated = parameters.get("rate") or found["rate"]
    return AudioFormat(encoding, _sane(stated and int(stated), fixed or rate), _channels(int(parameters.get("channels", 1))))


def _of_object(declared: dict[str, Any], rate: int) -> AudioFormat | None:
    made = parse_format(declared["type"], rate) if isinstance(declared.get("type"), str) else None
    if made is None or made is OTHER:
        return made
    stated = declared.get("rate", declared.get("sample_rate"))
    return AudioFormat(made.encoding, _sane(stated, made.rate), _channels(declared.get("channels", made.channels)))


def _sane(rate: object, otherwise: int) -> int:
    return rate if isinstance(rate, int) and not isinstance(rate, bool) and rate in _RATES else otherwise


def _channels(count: object) -> int:
    return 2 if type(count) is int and count == 2 else 1


def base64_size(length: int, padding: int = 0) -> int:
    """Bytes behind a base64 text of `length` characters of which `padding` are `=`."""
    return length * 3 // 4 - padding
