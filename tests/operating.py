"""An operator of breakpoints, who asks the control port as a page or a command would."""

from __future__ import annotations

from typing import Any
from typing import Final

import httpx2
from proxying import Proxy
from waiting import eventually

AGENT: Final = "operating/1"

Record = dict[str, Any]


class Operator:
    """Asks the control port."""

    def __init__(self, proxy: Proxy) -> None:
        headers = {"Authorization": f"Bearer {proxy.token}", "User-Agent": AGENT}
        self.http = httpx2.AsyncClient(base_url=f"http://{proxy.control}", headers=headers, trust_env=False)

    async def ask(self, method: str, path: str, body: Record | None = None, *, code: int = 200) -> Record:
        answer = await self.http.request(method, path, json=body)
        assert answer.status_code == code, answer.text
        found: Record = answer.json()
        return found

    async def stop_at(self, q: str, *, timeout: float = 60, once: bool = False) -> str:
        """Set a breakpoint; returns its id."""
        made = await self.ask("POST", "/api/breakpoints", {"q": q, "timeout": timeout, "once": once}, code=201)
        return str(made["id"])

    async def remove(self, point: str) -> None:
        await self.ask("DELETE", f"/api/breakpoints/{point}")

    async def all(self) -> Record:
        return await self.ask("GET", "/api/breakpoints")

    async def paused(self, point: str, count: int = 1) -> list[Record]:
        """What this breakpoint has paused, once it is so much."""

        async def found() -> list[Record] | None:
            listed = [one for one in (await self.all())["paused"] if one["breakpoint"] == point]
            return listed if len(listed) >= count else None

        listed: list[Record] = await eventually(found)
        return listed

    async def one(self, point: str) -> Record:
        """The message that it has paused, with what is in it."""
        (listed,) = await self.paused(point)
        return await self.ask("GET", f"/api/paused/{listed['id']}")

    async def resume(self, paused: str, body: Record | None = None, *, code: int = 200) -> Record:
        return await self.ask("POST", f"/api/paused/{paused}/resume", body or {}, code=code)

    async def drop(self, paused: str, *, code: int = 200) -> Record:
        return await self.ask("POST", f"/api/paused/{paused}/drop", code=code)

    async def inject(self, session: str, side: str, payload: str, *, code: int = 202) -> Record:
        return await self.ask("POST", f"/api/sessions/{session}/inject", {"from": side, "payload": payload}, code=code)
