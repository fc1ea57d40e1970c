"""A collector of OpenTelemetry, as one who delivers to it sees it: what is worth another try, when, and what is lost.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response and -throttling: 429, 502, 503 and 504 are tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final
from typing import NamedTuple

import httpx2
import msgspec

from store.export.otlp import PATH

SECONDS: Final = 10.0
"""How long a try may take."""
TRIES: Final = 6
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
_AGAIN: Final = frozenset({429, 502, 503, 504})
_MOST_READ: Final = 64 << 10


class Delivered(NamedTuple):
    """What became of a request: how many of its spans or points were refused, and why, where something went wrong."""

    rejected: int = 0
    why: str = ""


class _Partial(msgspec.Struct, rename="camel"):
    rejected_spans: int | str = 0
    rejected_data_points: int | str = 0
    error_message: str = ""


class _Answer(msgspec.Struct, rename="camel"):
    partial_success: _Partial | None = None


class Collector:
    """Delivers to the base URL of a collector; `headers` carry its credentials. Goes through no proxy of the environment."""

    def __init__(self, endpoint: str, headers: Mapping[str, str], *, first_pause: float = FIRST_PAUSE) -> None:
        self.endpoint = endpoint
        self._headers = {**headers, "content-type": "application/json"}
        self._first_pause = first_pause
        self._http = httpx2.AsyncClient(timeout=SECONDS, trust_env=False, follow_redirects=False)

    async def deliver(self, body: bytes, count: int, *, path: str = PATH, tries: int = TRIES) -> Delivered:
        """Deliver `count` spans, or points of metrics, waiting longer before each new try. Raises nothing but CancelledError."""
        pause = self._first_pause
        for left in range(tries - 1, -1, -1):
            status, asked, told = await self._post(path, body)
            if status is not None and 200 <= status < 300:
                return _of_answer(told, count)
            why = told.decode(errors="replace") if status is None else f"it answered {status}"
            if not left or (status is not None and status not in _AGAIN):
                return Delivered(count, why)
            await asyncio.sleep(min(LONGEST_PAUSE, max(pause, asked)))
            pause *= 2
        raise AssertionError("at least one try")

    async def close(self) -> None:
        """Let go of its connections."""
        await self._http.aclose()

    async def _post(self, path: str, body: bytes) -> tuple[int | None, float, bytes]:
        """Status, how many seconds the collector asks to wait, and what it says; no status where there is no answer."""
        try:
            async with self._http.stream("POST", self.endpoint + path, content=body, headers=self._headers) as response:
                told = b""
                async for chunk in response.aiter_bytes():
                    told += chunk
                    if len(told) > _MOST_READ:
                        break
                return response.status_code, _seconds(response.headers.get("retry-after")), told
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            return None, 0.0, f"{type(error).__name__}: {error}".encode()


def _of_answer(told: bytes, count: int) -> Delivered:
    """A collector may take a part and say how much it did not."""
    try:
        partial = msgspec.json.decode(told, type=_Answer).partial_success if told else None
        rejected = int(partial.rejected_spans) + int(partial.rejected_data_points) if partial is not None else 0
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return Delivered()
    return Delivered(min(count, max(0, rejected)), partial.error_message[:200] if partial is not None else "")


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isascii() and text.isdigit() else 0.0
