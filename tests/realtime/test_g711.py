"""The G.711 tables against FFmpeg's."""

from __future__ import annotations

from array import array
from typing import Any

import av
import pytest

from realtime.g711 import LAWS

EVERY = bytes(range(256))


@pytest.mark.parametrize(("law", "codec"), [("pcmu", "pcm_mulaw"), ("pcma", "pcm_alaw")])
def test_every_code_is_what_ffmpeg_says_it_is(law: str, codec: str) -> None:
    decoder: Any = av.CodecContext.create(codec, "r")
    decoder.sample_rate, decoder.layout = 8_000, "mono"
    (frame,) = decoder.decode(av.Packet(EVERY))
    assert LAWS[law].decode(EVERY) == bytes(frame.planes[0])[:512]


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_codes_stay_themselves(law: str) -> None:
    samples = array("h", LAWS[law].decode(EVERY))
    again = array("h", LAWS[law].decode(LAWS[law].encode(samples)))
    assert again == samples
    assert LAWS[law].decode(b"") == b""
