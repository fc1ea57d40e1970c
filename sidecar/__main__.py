"""The media process: `python -m sidecar --socket PATH`, its settings as one line of JSON on standard input.

It serves until it is asked to end (SIGTERM: calls are ended gracefully, at most 5 s) or its standard input closes, which means that the
proxy is gone: then it says goodbye to its calls and exits within 2 s, so that no worker is ever left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import uvicorn

from sidecar.api import make_api
from sidecar.calls import Calls
from sidecar.eventserver import events_server
from sidecar.limits import EXIT_SECONDS
from sidecar.limits import ORPHAN_SECONDS
from sidecar.news import News
from sidecar.settings import Settings
from sidecar.settings import SettingsError
from sidecar.settings import read_settings
from sidecar.versions import UnsupportedVersion
from sidecar.versions import check_versions

BACKLOG: Final = 128


class _Server(uvicorn.Server):
    """Signals are handled here, not by uvicorn."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> int:
    """Exit code 0 after an orderly end, 2 for what cannot be started with."""
    parser = argparse.ArgumentParser(prog="python -m sidecar", description="Carries WebRTC calls; started by the proxy.")
    parser.add_argument("--socket", required=True, type=Path, help="the unix socket of the control API")
    path = parser.parse_args().socket
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        check_versions()
        settings = read_settings(sys.stdin.buffer.readline())
        listener = _listen(path)
        ours = path.stat()
    except (SettingsError, UnsupportedVersion, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    threading.Thread(target=_exit_with_the_proxy, args=(path, ours), name="orphan", daemon=True).start()
    try:
        asyncio.run(_serve(settings, listener))
    finally:
        _remove(path, ours)
    return 0


def _listen(path: Path) -> socket.socket:
    """A unix socket that only this user can open. Raises OSError."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {path}: {error.strerror or error}") from None
    finally:
        os.umask(before)
    listener.listen(BACKLOG)
    return listener


def _exit_with_the_proxy(path: Path, ours: os.stat_result) -> None:
    """Waits for the end of standard input, on a thread of its own: it works even when the event loop hangs."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ORPHAN_SECONDS)
    _remove(path, ours)
    os._exit(0)


def _remove(path: Path, ours: os.stat_result) -> None:
    """The next proxy's worker may have put its own socket in the place of ours."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(path.stat(), ours):
            path.unlink()


async def _serve(settings: Settings, listener: socket.socket) -> None:
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    news = News()
    calls = Calls(settings, news.tell)
    events = await events_server(calls.events)
    config = uvicorn.Config(
        make_api(calls, news, settings.token), log_config=None, access_log=False, lifespan="off", ws="none", loop="none"
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    lag = asyncio.create_task(calls.lag.run())
    gc.collect()
    gc.freeze()
    host, port = events.sockets[0].getsockname()[:2]
    sys.stdout.write(f"sidecar ready {host}:{port}\n")
    sys.stdout.flush()
    await asked.wait()
    late = threading.Timer(EXIT_SECONDS, os._exit, (1,))
    late.daemon = True
    late.start()
    await calls.close("the media worker is shutting down")
    news.end()
    events.close()
    server.should_exit = True
    await serving
    lag.cancel()


if __name__ == "__main__":
    sys.exit(main())
