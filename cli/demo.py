"""`demo`: a whole voice conversation through the proxy, with no key and no network: simulator, proxy and client as real processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Final

import typer
from rich.progress import Progress
from rich.text import Text

from cli.errors import Failure
from cli.options import ROOT
from cli.options import AsJson
from cli.output import out
from cli.output import print_json
from cli.output import progress
from cli.plain import plain
from cli.proxyprocess import end
from cli.proxyprocess import proxy_process
from cli.records import Record
from cli.records import read_sessions
from cli.records import read_turns
from cli.show import print_session
from rules.keys import hash_key
from rules.keys import new_key

if TYPE_CHECKING:
    from cli.conversation import Said

_MODEL: Final = "gpt-realtime"
_PACE: Final = "0.4"
_SECONDS: Final = 60.0
_RECORD_SECONDS: Final = 10.0
_STYLES: Final = {"user": "cyan", "model": "magenta", "tool": "yellow"}

_RULES: Final = """\
version: 1
listen: {{gateway: 127.0.0.1:0, control: 127.0.0.1:0}}
providers:
  simulator: {{kind: simulator, url: "http://{simulator}"}}
keys:
  - {{id: demo, hash: {hash}}}
routes:
  - {{name: demo, match: {{door: gateway}}, provider: simulator}}
log: {{content: full}}
prices:
  {model}: {{text_in: 4, text_out: 16, audio_in: 32, audio_out: 64, cached_text: 0.4, cached_audio: 0.4, source: the demo}}
"""


def demo(
    data: Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Keep the log here instead of in a temporary folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Talk through the proxy with a simulated provider: two spoken turns and a tool call, then what the log has of them."""
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voicetap-demo-")))
        folder = data or work / "data"
        bar = stack.enter_context(progress("starting the simulator"))
        simulator = stack.enter_context(_simulator())
        key = new_key(os.urandom(32))
        rules = work / "rules.yaml"
        rules.write_text(_RULES.format(simulator=simulator, hash=hash_key(key), model=_MODEL))
        threading.Thread(target=import_module, args=("cli.conversation",)).start()  # takes as long as the proxy takes to start
        bar.update(bar.task_ids[0], description="starting the proxy")
        served = stack.enter_context(proxy_process(rules, folder))
        before = {record["id"] for record in read_sessions(folder)}
        asyncio.run(_talk(f"http://{served.gateway}/v1", key, bar, quiet=as_json))
        record = _recorded(folder, before)
        bar.stop()
        turns = read_turns(folder, record["id"])
        if as_json:
            print_json({"session": record, "turns": turns})
        else:
            out().print()
            print_session(record, turns)


@contextlib.contextmanager
def _simulator() -> Iterator[str]:
    """A simulator that serves while the block runs; its HOST:PORT."""
    command = [sys.executable, "-m", "simulator", "--pace", _PACE]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line.startswith("simulator ready "):
            raise Failure("VT107", "the simulator did not start", "see above")
        yield line.split()[-1]
    finally:
        end(child)


async def _talk(base_url: str, key: str, bar: Progress, *, quiet: bool) -> None:
    from cli.conversation import converse  # the client takes a second to import, which no other command needs to pay

    console = bar.console if bar.console.is_terminal else out()
    bar.update(bar.task_ids[0], description="talking")
    if not quiet:
        console.print(Text(f"an app talks to {base_url}", style="dim"), soft_wrap=True)
    try:
        async with asyncio.timeout(_SECONDS):
            async for line in converse(base_url, key, _MODEL):
                if not quiet:
                    console.print(_line(line), soft_wrap=True)
    except (RuntimeError, TimeoutError) as error:
        raise Failure("VT107", f"the conversation broke off: {str(error) or 'no answer in time'}", f"{ROOT / 'run.sh'} doctor") from None


def _line(line: Said) -> Text:
    return Text.assemble((f"{line.who:>7}  ", _STYLES[line.who]), plain(line.text))


def _recorded(folder: Path, before: set[str]) -> Record:
    """The record of the conversation, once it is closed."""
    until = time.monotonic() + _RECORD_SECONDS
    while time.monotonic() < until:
        for record in read_sessions(folder):
            if record["id"] not in before and record["ended_at"] is not None:
                return record
        time.sleep(0.05)
    raise Failure("VT107", "the conversation did not reach the log", f"{ROOT / 'run.sh'} doctor")
