"""`demo`: a whole voice conversation through the proxy, with no key and no network: simulator, proxy and client as real processes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import AsyncIterator
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Final

import typer
from rich.progress import Progress
from rich.text import Text

from cli.demokept import keep
from cli.demokept import print_link
from cli.demostage import MODEL
from cli.demostage import SCRIPT
from cli.demostage import Stage
from cli.demostage import staged
from cli.errors import Failure
from cli.options import ROOT
from cli.options import AsJson
from cli.output import err
from cli.output import out
from cli.output import print_json
from cli.output import progress
from cli.plain import plain
from cli.records import Record
from cli.records import read_turns
from cli.show import print_session

if TYPE_CHECKING:
    from cli.conversation import Said

_SECONDS: Final = 60.0
_STYLES: Final = {"call": "green", "user": "cyan", "model": "magenta", "tool": "yellow"}
_SOCKET: Final = ("cli.democonversation", 0.8, SCRIPT)
_CALL: Final = ("cli.callconversation", 1.0, None)
"""The module that holds the conversation, how fast the simulator answers, and by which script; the sound of a call takes its time."""


def demo(
    data: Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Keep the log here instead of in a temporary folder.")] = None,
    webrtc: Annotated[
        bool, typer.Option("--webrtc", help="Talk over WebRTC instead of a WebSocket: a call, with a client secret.")
    ] = False,
    browser: Annotated[
        bool, typer.Option("--browser", help="Serve a page that calls by microphone, until Ctrl-C; implies --webrtc.")
    ] = False,
    stay: Annotated[
        bool | None,
        typer.Option(
            "--keep/--exit", show_default="keep in a terminal", help="Serve the dashboard until Ctrl-C; --exit ends with the call."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Talk through the proxy with a simulated provider: spoken turns, a tool, a slow answer; then see and hear what the log has of it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if browser:
        _call_by_browser(data, as_json=as_json)
        return
    module, pace, script = _CALL if webrtc else _SOCKET
    stays = stay if stay is not None else out().is_terminal and not as_json
    tells = err() if as_json else out()
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(progress("starting the simulator and the proxy"))
        threading.Thread(target=import_module, args=(module,)).start()  # takes as long as the proxy takes to start
        stage = stack.enter_context(staged(data, pace, script))
        if stays:
            print_link(bar.console if bar.console.is_terminal else tells, "see it as it happens:", stage.link())
        asyncio.run(_talk(stage, module, bar, quiet=as_json))
        record = stage.recorded()
        bar.stop()
        if not as_json:
            out().print()
        turns = read_turns(stage.data, record["id"])
        _print(record, turns, as_json=as_json)
        if stays:
            keep(tells, stage, record, turns)


async def _talk(stage: Stage, module: str, bar: Progress, *, quiet: bool) -> None:
    converse: Callable[[str, str, str], AsyncIterator[Said]] = import_module(module).converse
    console = bar.console if bar.console.is_terminal else out()
    bar.update(bar.task_ids[0], description="talking")
    if not quiet:
        console.print(Text(f"an app talks to {stage.base_url}", style="dim"), soft_wrap=True)
    try:
        async with asyncio.timeout(_SECONDS):
            async for line in converse(stage.base_url, stage.key, MODEL):
                if not quiet:
                    console.print(_line(line), soft_wrap=True)
    except (RuntimeError, TimeoutError) as error:
        raise Failure("VT107", f"the conversation broke off: {str(error) or 'no answer in time'}", f"{ROOT / 'run.sh'} doctor") from None


def _line(line: Said) -> Text:
    return Text.assemble((f"{line.who:>7}  ", _STYLES[line.who]), plain(line.text))


def _call_by_browser(data: Path | None, *, as_json: bool) -> None:
    """The page of the control port with a key in its link; each call is printed when it has ended."""
    with contextlib.suppress(KeyboardInterrupt), staged(data, pace=1.0) as stage:
        link = f"http://{stage.served.control}/call#key={stage.key}&model={MODEL}"
        print_link(out(), "open this in a browser on this computer, and press Call:", link)
        out().print(Text("The key in it works until Ctrl-C. What the log has of a call is printed when you hang up.", style="dim"))
        print_link(out(), "See and hear it here:", stage.link())
        _print_calls(stage, as_json=as_json)


def _print_calls(stage: Stage, *, as_json: bool) -> None:
    printed: set[str] = set()
    while True:
        for record in stage.ended():
            if record["id"] not in printed:
                printed.add(record["id"])
                out().print()
                _print(record, read_turns(stage.data, record["id"]), as_json=as_json)
        time.sleep(0.5)


def _print(record: Record, turns: list[Record], *, as_json: bool) -> None:
    if as_json:
        print_json({"session": record, "turns": turns})
    else:
        print_session(record, turns)
