"""What the demos run on: a simulator and a proxy as real processes, a key made for the occasion, and the records of what went on."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Final

from cli.errors import Failure
from cli.options import ROOT
from cli.proxyprocess import Served
from cli.proxyprocess import end
from cli.proxyprocess import proxy_process
from cli.records import Record
from cli.records import read_sessions
from rules.keys import hash_key
from rules.keys import new_key

MODEL: Final = "gpt-realtime"
SCRIPT: Final = ROOT / "simulator" / "scripts" / "demo.yaml"
"""Of the conversation over a WebSocket: what is said in it, and what is answered."""

_RECORD_SECONDS: Final = 20.0
_UNDER_WAY: Final = ("recording", "making")

_RULES: Final = """\
version: 1
listen: {{gateway: 127.0.0.1:0, control: 127.0.0.1:0}}
providers:
  simulator: {{kind: simulator, url: "http://{simulator}"}}
keys:
  - {{id: demo, hash: {hash}}}
routes:
  - {{name: demo, match: {{door: gateway}}, provider: simulator}}
log: {{content: full, frames: events, audio: wav, retention: {{content: 1d, audio: 1d}}}}
prices:
  {model}: {{text_in: 4, text_out: 16, audio_in: 32, audio_out: 64, cached_text: 0.4, cached_audio: 0.4, source: the demo}}
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A proxy that serves, the key for it, and its log."""

    served: Served
    key: str = field(repr=False)
    data: Path
    before: frozenset[str]
    """Sessions of earlier demos in the same log."""

    @property
    def base_url(self) -> str:
        return f"http://{self.served.gateway}/v1"

    def ended(self) -> list[Record]:
        """The sessions of this demo that are over, oldest first."""
        found = [record for record in read_sessions(self.data) if record["id"] not in self.before and record["ended_at"] is not None]
        return sorted(found, key=lambda record: str(record["started_at"]))

    def recorded(self) -> Record:
        """The record of the conversation, once it is closed and its sound can be played. Raises Failure VT107."""
        until = time.monotonic() + _RECORD_SECONDS
        while time.monotonic() < until:
            if (found := self.ended()) and (found[-1].get("recording") or {}).get("state") not in _UNDER_WAY:
                return found[-1]
            time.sleep(0.05)
        raise Failure("VT107", "the conversation did not reach the log", f"{ROOT / 'run.sh'} doctor")

    def link(self, path: str = "/") -> str:
        """What opens a page of the control port in a browser."""
        return f"http://{self.served.control}{path}?token={self.served.token}"


@contextlib.contextmanager
def staged(data: Path | None, pace: float, script: Path | None = None) -> Iterator[Stage]:
    """All of it while the block runs; the log in `data`, else in a temporary folder.

    `pace` 1 speaks in real time, by `script` if one is given. Texts, messages and sound are kept.
    """
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voicetap-demo-")))
        folder = data or work / "data"
        simulator = stack.enter_context(_simulator(pace, script))
        key = new_key(os.urandom(32))
        rules = work / "rules.yaml"
        rules.write_text(_RULES.format(simulator=simulator, hash=hash_key(key), model=MODEL))
        served = stack.enter_context(proxy_process(rules, folder))
        yield Stage(served, key, folder, frozenset(record["id"] for record in read_sessions(folder)))


@contextlib.contextmanager
def _simulator(pace: float, script: Path | None) -> Iterator[str]:
    """A simulator that serves while the block runs; its HOST:PORT."""
    command = [sys.executable, "-m", "simulator", "--pace", str(pace), *(["--script", str(script)] if script else [])]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line.startswith("simulator ready "):
            raise Failure("VT107", "the simulator did not start", "see above")
        yield line.split()[-1]
    finally:
        end(child)
