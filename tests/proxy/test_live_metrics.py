"""The metrics page of a running proxy: sessions are counted while they run and when they are over."""

from __future__ import annotations

import asyncio

import httpx
from prometheus_client.parser import text_string_to_metric_families
from proxying import Proxy
from proxying import StartProxy

from simulator import Simulator

RULE = """
providers: {{sim: {{kind: compatible, url: "http://{}/v1"}}}}
routes: [{{name: all, provider: sim}}]
"""


async def numbers(proxy: Proxy) -> dict[tuple[str, frozenset[str]], float]:
    async with httpx.AsyncClient(trust_env=False) as client:
        found = await client.get(f"http://{proxy.control}/metrics", headers={"authorization": f"Bearer {proxy.token}"})
    assert found.status_code == 200
    families = text_string_to_metric_families(found.text)
    return {(sample.name, frozenset(sample.labels.values())): sample.value for family in families for sample in family.samples}


async def when_over(proxy: Proxy, active: tuple[str, frozenset[str]]) -> dict[tuple[str, frozenset[str]], float]:
    """The numbers once no session is open any more."""
    async with asyncio.timeout(20):
        while True:
            if not (now := await numbers(proxy))[active]:
                return now
            await asyncio.sleep(0.05)


async def test_a_session_is_counted(start_proxy: StartProxy) -> None:
    async with Simulator(pace=0) as simulator:
        proxy = await start_proxy(RULE.format(simulator.address))
        active = "voicetap_sessions_active", frozenset({"websocket"})
        over = "voicetap_sessions_total", frozenset({"sim", "client", "closed"})
        assert (await numbers(proxy))[active] == 0
        async with proxy.connect("/v1/realtime?model=gpt-realtime") as session:
            await session.recv()
            now = await numbers(proxy)
            assert now[active] == 1
            assert over not in now
        now = await when_over(proxy, active)
        assert now[over] == 1
        assert now["voicetap_log_failing", frozenset()] == 0
        assert now["voicetap_log_dropped_total", frozenset()] == 0
        assert not [name for name, _ in now if name == "voicetap_sidecar_worker_up"], "no worker runs before the first call"
