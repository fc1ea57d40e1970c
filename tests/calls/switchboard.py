"""The real program with a simulator behind it, phones that call through it, and what it holds while they do and afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import httpx2
import psutil
from phone import PATIENCE
from phone import SDP
from phone import Phone
from proxying import KEY
from proxying import OTHER_KEY
from proxying import Proxy
from proxying import hash_of
from proxying import started_proxy
from recorded import Shown
from recorded import shown
from typer.testing import CliRunner
from waiting import eventually

from cli.__main__ import app
from simulator import Simulator
from simulator.webcall import WebCall
from store.reader import LogReader

CENSUS = Path(__file__).parent / "census.py"
MODEL = "gpt-realtime"
CALLS = "/v1/realtime/calls"
FORM = "multipart/form-data; boundary=xyz"
UPSTREAM = "cnry-UPSTREAM-0123456789abcdefghij"
"""The credential of the provider, which nobody but the provider may ever see."""

RULES = f"""version: 1
listen: {{gateway: "127.0.0.1:0", intercept: "127.0.0.1:0", control: "127.0.0.1:0"}}
limits: {{handshake: 10s, idle: 15m, session: 60m, sessions: 100, per_key: 50}}
log: {{content: full}}
webrtc: {{bind: 127.0.0.1, grace: 1s, setups: 1000/s}}
keys:
  - {{id: tester, hash: "{hash_of(KEY)}"}}
  - {{id: narrow, hash: "{hash_of(OTHER_KEY)}", models: ["gpt-realtime", "whisper-1"]}}
providers:
  openai: {{kind: openai, url: "http://SIMULATOR", credential: "env:UPSTREAM_KEY", models: ["gpt-*", whisper-1]}}
  other: {{kind: openai, url: "http://SIMULATOR", credential: "env:UPSTREAM_KEY"}}
  dead: {{kind: openai, url: "http://127.0.0.1:1", credential: "env:UPSTREAM_KEY"}}
  azure: {{kind: azure, url: "http://SIMULATOR", credential: "env:UPSTREAM_KEY", models: {{dep-rt: gpt-realtime, dep-tx: whisper-1}}}}
  here: {{kind: openai, url: "http://SIMULATOR", credential: "env:UPSTREAM_KEY", mint: local}}
  bailian: {{kind: bailian, url: "http://SIMULATOR", credential: "env:UPSTREAM_KEY"}}
  app: {{kind: openai}}
routes:
  - {{name: aside, match: {{door: gateway, model: "aside-*"}}, provider: openai, webrtc: sideband}}
  - {{name: brief, match: {{door: gateway, model: "brief-*"}}, provider: openai, webrtc: signal}}
  - {{name: apps, match: {{door: intercept, host: localhost}}, provider: app}}
  - {{name: apps-aside, match: {{door: intercept, host: 127.0.0.1}}, provider: app, webrtc: sideband}}
  - {{name: elsewhere, match: {{door: gateway, model: "other/*"}}, provider: other}}
  - {{name: workspace, match: {{door: gateway, model: "qwen*"}}, provider: bailian, webrtc: sideband}}
  - {{name: minted-here, match: {{door: gateway, model: "here/*"}}, provider: here}}
  - {{name: deployed, match: {{door: gateway, model: "azure/*"}}, provider: azure}}
  - {{name: nobody, match: {{door: gateway, model: "dead/*"}}, provider: dead}}
  - {{name: calls, match: {{door: gateway, model: "gpt-*"}}, provider: openai}}
prices:
  gpt-realtime: {{text_in: 4, text_out: 16, audio_in: 32, audio_out: 64, cached_text: 0.4, cached_audio: 0.4, source: test}}
"""


@dataclass(frozen=True)
class Count:
    """What a proxy and its media worker hold."""

    descriptors: int
    worker_descriptors: int
    worker_ports: int
    """UDP sockets of the worker."""
    tasks: tuple[str, ...]
    worker_tasks: int
    sessions: int
    calls: int

    def __le__(self, other: Count) -> bool:
        ours, theirs = list(self.tasks), list(other.tasks)
        return all(ours.count(name) <= theirs.count(name) for name in ours) and all(
            getattr(self, name) <= getattr(other, name) for name in vars(self) if name != "tasks"
        )


@dataclass
class Switchboard:
    """`told` is everything that clients were told."""

    proxy: Proxy
    simulator: Simulator
    http: httpx2.AsyncClient
    told: bytearray = field(default_factory=bytearray)

    async def offer(
        self,
        body: str | bytes,
        *,
        model: str | None = MODEL,
        key: str | None = KEY,
        name: str = "",
        path: str = CALLS,
        **headers: str,
    ) -> httpx2.Response:
        """The answer to an offer. A media worker that is busy with others is asked again, as it wants it."""
        shown = {"Authorization": f"Bearer {key}"} if key else {}
        fields = {**SDP, **shown, **({"baggage": f"session-id={name}"} if name else {}), **dashed(headers)}
        target = self.proxy.url(f"{path}?model={model}" if model else path, "http")
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = await self.http.post(target, content=body, headers=fields)
            if answer.status_code != 503 or code_of(answer) != "busy" or time.monotonic() > deadline:
                break
            await asyncio.sleep(float(answer.headers["retry-after"]))
        self.heed(answer)
        return answer

    async def post(self, path: str, body: Any = b"", *, key: str | None = KEY, **headers: str) -> httpx2.Response:
        """Any other request."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        shown = {"Authorization": f"Bearer {key}"} if key else {}
        fields = {"Content-Type": "application/json", **shown, **dashed(headers)}
        answer = await self.http.post(self.proxy.url(path, "http"), content=content, headers=fields)
        self.heed(answer)
        return answer

    def heed(self, answer: httpx2.Response) -> None:
        self.told += b"".join(name + value for name, value in answer.headers.raw) + answer.content

    async def dial(self, phone: Phone, **options: Any) -> str:
        """A call that is answered; its id."""
        answer = await self.offer(await phone.offer(), **options)
        assert answer.status_code == 201, answer.text
        await phone.accept(answer.text)
        return answer.headers["location"].rpartition("/")[2]

    @asynccontextmanager
    async def call(self, *, label: str | None = "oai-events", greeted: bool = True, **options: Any) -> AsyncIterator[tuple[Phone, str]]:
        """A phone in a call, and the id of the call; it hangs up when the block ends."""
        phone = Phone(label)
        try:
            call = await self.dial(phone, **options)
            if greeted:
                await phone.until("session.created")
            yield phone, call
        finally:
            self.told += repr(phone.messages).encode()
            await phone.close()

    async def record(self, name: str) -> Shown:
        """The session of this name, once it has ended."""
        return await shown(self.proxy.data, name)

    def sessions(self, name: str) -> list[dict[str, Any]]:
        """Those of this name in the log."""
        return [row for row in LogReader(self.proxy.data).sessions(limit=None) if row["grouping"] == name]

    async def live(self) -> list[dict[str, Any]]:
        """The sessions that are open."""
        return [row for row in (await self.control("GET", "/api/sessions")).json()["sessions"] if row["ended_at"] is None]

    async def other_side(self, call_id: str) -> WebCall:
        """The provider's end of a call that is live."""
        link = next(row["call"] for row in await self.live() if row["call"] and row["call"]["id"] == call_id)
        return next(call for call in self.simulator.calls if call.id == link["upstream_id"])

    async def kill(self, session: str) -> None:
        """As an operator does it."""
        answer = await self.control("POST", f"/api/sessions/{session}/kill")
        assert answer.is_success, answer.text

    async def control(self, method: str, path: str) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.proxy.token}"}
        return await self.http.request(method, f"http://{self.proxy.control}{path}", headers=headers)

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over its other labels."""
        page = (await self.control("GET", "/metrics")).text
        found = re.findall(rf"(?m)^{name}(?:{{(.*)}})? (\S+)$", page)
        return sum(float(value) for said, value in found if all(f'{label}="{wanted}"' in said for label, wanted in labels.items()))

    def worker(self) -> psutil.Process | None:
        """The media worker's process, where there is one."""
        children = psutil.Process(self.proxy.process.pid).children()
        return next((child for child in children if "sidecar" in child.cmdline()), None)

    async def idle(self) -> bool:
        """Whether no call is left, as the proxy and the media worker see it."""
        names = ("voicetap_sessions_active", "voicetap_sessions_opening", "voicetap_sidecar_calls")
        return sum([await self.metric(name) for name in names]) == 0

    async def looked_at(self) -> None:
        """Wait until the proxy has asked its media worker for figures once more: it does so every other second."""
        used = await self.metric("voicetap_sidecar_cpu_seconds_total")

        async def newer() -> bool:
            return await self.metric("voicetap_sidecar_cpu_seconds_total") != used

        await eventually(newer)

    async def count(self) -> Count:
        worker = self.worker()
        return Count(
            descriptors=_descriptors(self.proxy.process.pid),
            worker_descriptors=_descriptors(worker.pid) if worker else 0,
            worker_ports=len(worker.net_connections("udp")) if worker else 0,
            tasks=await self._tasks(),
            worker_tasks=int(await self.metric("voicetap_sidecar_tasks")),
            sessions=int(await self.metric("voicetap_sessions_active") + await self.metric("voicetap_sessions_opening")),
            calls=int(await self.metric("voicetap_sidecar_calls")),
        )

    async def _tasks(self) -> tuple[str, ...]:
        """The proxy's tasks by what they do, as the script counted them."""
        file = self.proxy.data.parent / "tasks.json"
        file.unlink(missing_ok=True)
        self.proxy.process.send_signal(signal.SIGUSR1)
        await eventually(file.exists)
        return tuple(json.loads(file.read_text()))

    def run(self, *words: str) -> str:
        """What a command prints, run in this process."""
        result = CliRunner().invoke(app, [*words, "--data", str(self.proxy.data)])
        assert result.exit_code == 0, result.output
        return result.stdout

    def cli(self, *words: str) -> Any:
        """The same as JSON."""
        return json.loads(self.run(*words, "--json"))


def _descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def form(*parts: tuple[str, str | bytes], end: str = "--xyz--\r\n") -> bytes:
    """A multipart body of these parts by name."""
    made = b""
    for name, data in parts:
        content = data.encode() if isinstance(data, str) else data
        made += f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + content + b"\r\n"
    return made + end.encode()


def dashed(headers: dict[str, str]) -> dict[str, str]:
    """`Content_Type=…` as a header."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def code_of(answer: httpx2.Response) -> str:
    found: str = answer.json()["error"]["code"]
    return found


@asynccontextmanager
async def switchboard(folder: Path, rules: str = RULES, *, pace: float = 0) -> AsyncIterator[Switchboard]:
    """All of it, for as long as the block lasts."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(pace=pace))
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=PATIENCE, headers={"Connection": "close"}))
        words, env = ("--script", str(CENSUS)), {"UPSTREAM_KEY": UPSTREAM, "CENSUS": str(folder / "tasks.json")}
        proxy = await stack.enter_async_context(started_proxy(folder, rules.replace("SIMULATOR", simulator.address), env=env, words=words))
        yield Switchboard(proxy, simulator, http)
