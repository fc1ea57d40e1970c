"""The client of one media worker: its control API over a unix socket, each request bounded in time, each failure a `SidecarError`."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import Final
from typing import Literal

import httpx2

Scope = Literal["local", "private", "any", "global"]
"""Which remote addresses a leg may use: those of this machine, private networks too, everything unicast, public ones alone."""

SECONDS: Final = 10.0
"""The longest one request may take; gathering with a dead STUN server takes 5 s."""

DROP_SECONDS: Final = 5.0


class SidecarError(Exception):
    """A call cannot be carried. `status` and `code` are fit for the client's answer; `retry_after` is in seconds, where it helps."""

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Recording:
    """Where the sound of a call goes: a folder that exists, and the most bytes of each of its two files."""

    folder: str
    limit: int


@dataclass(frozen=True, slots=True)
class OfferedCall:
    """A call as it is handed to a worker. The tickets open the two ends of its events session."""

    id: str
    offer: str
    ticket: str
    upstream_ticket: str
    client_scope: Scope
    upstream_scope: Scope
    record: Recording | None = None
    hold: bool = False
    """Whether the provider's sound waits until it is told to go on."""


class WorkerClient:
    """Speaks to the worker at one socket. Use `close` when done."""

    def __init__(self, socket: Path, token: str) -> None:
        self._http = httpx2.AsyncClient(
            transport=httpx2.AsyncHTTPTransport(uds=str(socket), limits=httpx2.Limits(max_keepalive_connections=1)),
            base_url="http://sidecar",
            headers={"authorization": f"Bearer {token}"},
            timeout=SECONDS,
            trust_env=False,
        )

    async def offer(self, call: OfferedCall) -> str:
        """Set up both legs; returns the offer for the provider. Raises SidecarError."""
        made = await self._ask("POST", "/calls", json=asdict(call))
        return str(made["offer"])

    async def answer(self, call: str, sdp: str) -> str:
        """Hand over the provider's answer; returns the one for the client. Raises SidecarError, 502 for an answer that is of no use."""
        try:
            made = await self._ask("POST", f"/calls/{call}/answer", json={"answer": sdp})
        except SidecarError as error:
            if error.status in (400, 404):
                raise SidecarError(502, error.code, error.message) from None
            raise
        return str(made["answer"])

    async def sound(self, call: str, order: Mapping[str, Any]) -> None:
        """What becomes of the provider's sound of a held call, as the worker's API has it. Raises SidecarError."""
        await self._ask("POST", f"/calls/{call}/sound", json=order, timeout=DROP_SECONDS)

    async def drop(self, call: str, reason: str) -> None:
        """End a call; nothing for one that is not there. Raises SidecarError when the worker does not answer."""
        try:
            await self._ask("DELETE", f"/calls/{call}", params={"reason": reason}, timeout=DROP_SECONDS)
        except SidecarError as error:
            if error.status != 404:
                raise

    async def metrics(self, seconds: float) -> dict[str, Any]:
        """The worker's figures, which also show that it is alive. Raises SidecarError when they take longer than `seconds`."""
        return await self._ask("GET", "/metrics", timeout=seconds)

    async def events(self) -> AsyncGenerator[dict[str, Any]]:
        """What happens to calls from now on, after one `{"event": "hello"}`. Ends with the worker. Raises SidecarError."""
        try:
            async with self._http.stream("GET", "/events", timeout=httpx2.Timeout(SECONDS, read=None)) as response:
                if response.status_code != 200:
                    raise SidecarError(502, "sidecar_failed", f"the media worker refused its events with {response.status_code}")
                async for line in response.aiter_lines():
                    yield json.loads(line)
        except httpx2.HTTPError as error:
            raise _silent(error) from None

    async def close(self) -> None:
        await self._http.aclose()

    async def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            response = await self._http.request(method, path, **options)
        except httpx2.HTTPError as error:
            raise _silent(error) from None
        if response.is_success:
            body: dict[str, Any] = response.json() if response.content else {}
            return body
        raise _refused(response)


def _silent(error: httpx2.HTTPError) -> SidecarError:
    """For a worker that is gone or hangs."""
    return SidecarError(503, "sidecar_unavailable", f"the media worker does not answer ({type(error).__name__})", 1)


def _refused(response: httpx2.Response) -> SidecarError:
    try:
        said = response.json()["error"]
        code, message = str(said["code"]), str(said["message"])
    except (ValueError, KeyError, TypeError):
        code, message = "sidecar_failed", f"the media worker failed with {response.status_code}"
    status = response.status_code if response.status_code in (400, 404, 409, 503) else 502
    return SidecarError(status, code, message, int(response.headers.get("retry-after", "1")) if status == 503 else None)
