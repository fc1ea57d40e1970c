"""Whether a message that cannot be read in one way only may say what is forbidden to say."""

from __future__ import annotations

import re
from typing import Final

from realtime.frame import Frame
from realtime.frame import may_be_json

CODE: Final = "ambiguous_event"
"""Of the error that its sender gets."""


def doubt(frame: Frame, signs: re.Pattern[bytes]) -> str | None:
    """Why a message cannot be read with certainty; None where it can, or has none of the `signs` and nothing that could spell them.

    `signs` is searched without zero bytes, which ASCII has in UTF-16 and UTF-32. Escapes may spell anything.
    """
    flaw = frame.flaw
    if flaw is None:
        return None
    if not frame.text and not may_be_json(frame.payload):
        return None
    text = frame.payload.replace(b"\0", b"")
    says = b"\\u" in text or signs.search(text) is not None
    return f"this message cannot be checked: {flaw}" if says else None
