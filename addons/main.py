"""Starts the proxy: rules, log, certificate authority, one mitmproxy Master with few addons, and an orderly end.

`serve` is what the command line calls. Loaded as a script into stock mitmproxy tools, `addons/__init__.py` makes the same
pipeline without any of this.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mitmproxy import options
from mitmproxy.addons import core
from mitmproxy.addons import next_layer
from mitmproxy.addons import proxyserver
from mitmproxy.addons import script
from mitmproxy.addons import tlsconfig
from mitmproxy.exceptions import OptionsError
from mitmproxy.master import Master

from addons import pipeline
from addons.control import Control
from addons.control import MakeApp
from addons.doors import OPTIONS
from addons.doors import modes
from addons.seam import UnsupportedMitmproxy
from addons.seam import abandon_all
from addons.tap import Settings
from addons.tap import Tap
from store.files import private_folder

__all__ = ["Ready", "Settings", "StartError", "serve"]

logger = logging.getLogger(__name__)

SHUTDOWN_SECONDS: Final = 30.0
"""The longest a shutdown may take; what is not closed by then is cut."""

HANG_UP_SECONDS: Final = 2.0
"""The longest that cutting may take."""


class StartError(RuntimeError):
    """The proxy cannot start; `exit_code` is 2 for rules that are not valid, else 1."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Ready:
    """Where a started proxy listens (HOST:PORT) and the token of its control port."""

    gateway: str
    intercept: str | None
    control: str
    token: str


async def serve(settings: Settings, make_app: MakeApp, *, on_ready: Callable[[Ready], None]) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code. `make_app` is what answers on the control port. Raises StartError."""
    try:
        tap = pipeline.prepare(settings)
    except pipeline.NotReady as error:
        raise StartError(str(error), error.exit_code) from None
    try:
        return await _run(tap, make_app, on_ready)
    except UnsupportedMitmproxy as error:
        raise StartError(str(error)) from None
    finally:
        tap.log.close()


async def _run(tap: Tap, make_app: MakeApp, on_ready: Callable[[Ready], None]) -> int:
    ca = private_folder(tap.settings.data / "ca")
    master = Master(options.Options(confdir=str(ca)))
    master._legacy_log_events.uninstall()
    chain = pipeline.Pipeline(tap)
    control = Control(tap, chain.live, chain.figures.snapshot, chain.unattended, chain.breaks, make_app)
    servers = proxyserver.Proxyserver()
    scripts = script.ScriptLoader()
    master.addons.add(core.Core(), servers, next_layer.NextLayer(), tlsconfig.TlsConfig(), scripts, chain)
    master.options.update(**OPTIONS, mode=modes(tap))
    try:
        master.options.update(scripts=[str(path) for path in tap.settings.scripts])
    except OptionsError as error:
        raise StartError(str(error)) from None
    running = asyncio.create_task(master.run(), name="mitmproxy")
    stop = asyncio.Event()
    _on_signals(stop.set)
    try:
        await _until_running(chain, running)
        _check_scripts(scripts)
        ready = await _ready(servers, control)
        chain.doors.own.add(control.port)
        tap.pages = control.origins
        _settle_memory()
        on_ready(ready)
        await asyncio.wait({running, asyncio.ensure_future(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
        async with asyncio.timeout(SHUTDOWN_SECONDS):
            await chain.drain()
            await control.stop()
    except TimeoutError:
        logger.warning("what was not closed within %g s is cut", SHUTDOWN_SECONDS)
    finally:
        master.shutdown()
        await running
        await _hang_up(servers)
    return 0


async def _hang_up(servers: proxyserver.Proxyserver) -> None:
    """What is kept alive, or is not closed yet, ends before the event loop does."""
    try:
        async with asyncio.timeout(HANG_UP_SECONDS):
            await abandon_all(servers)
    except TimeoutError:
        logger.warning("%d connections did not end within %g s", len(servers.connections), HANG_UP_SECONDS)


async def _until_running(chain: pipeline.Pipeline, running: asyncio.Task[None]) -> None:
    """Wait until mitmproxy has started. Raises StartError."""
    while not chain.is_running:
        if running.done():
            await running
            raise StartError("mitmproxy stopped while it was starting")
        await asyncio.sleep(0.005)


async def _ready(servers: proxyserver.Proxyserver, control: Control) -> Ready:
    """Open the control port behind the doors. Raises StartError for one that does not listen."""
    for instance in servers.servers:
        if instance.last_exception is not None:
            raise StartError(f"cannot listen: {instance.last_exception}; choose another address under `listen` in rules.yaml")
    addresses = {instance.mode.type_name: _shown(instance.listen_addrs[0]) for instance in servers.servers}
    try:
        address = await control.start(addresses["reverse"])
    except OSError as error:
        raise StartError(
            f"cannot listen on {control.address} for the control port: {error.strerror}; change listen.control in rules.yaml"
        ) from None
    return Ready(addresses["reverse"], addresses.get("regular"), address, control.token)


def _check_scripts(loader: script.ScriptLoader) -> None:
    """A session must not run without a script that is meant to watch it. Raises StartError."""
    for loaded in loader.addons:
        if loaded.ns is None:
            raise StartError(f"script {loaded.path} cannot be loaded; the error above says why")


def _settle_memory() -> None:
    """Everything loaded so far stays for good: keep the garbage collector from looking through it again and again.

    Half a million objects of libraries and price lists would stop every session for a tenth of a second at each full collection.
    """
    gc.collect()
    gc.freeze()


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _shown(address: tuple[str, int]) -> str:
    host, port, *_ = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


os.umask(0o077)
