"""All addons of voicetap in hook order, around one `Tap`."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from collections.abc import Mapping
from functools import partial
from typing import Any

from addons.access import Access
from addons.admission import Admission
from addons.bills import bill
from addons.bills import complete
from addons.breaking import Breaks
from addons.callcontrol import CallControl
from addons.calls import Calls
from addons.cors import CorsHeaders
from addons.cors import Origins
from addons.deadlines import Answered
from addons.deadlines import Deadlines
from addons.dialling import Dialling
from addons.doors import Doors
from addons.doors import gateway_address
from addons.figures import Figures
from addons.frames import Pin
from addons.frames import Secrecy
from addons.frames import Turns
from addons.gating import Gating
from addons.hinting import Hinting
from addons.inspection import FrameHook
from addons.keyring import Keyring
from addons.meter import Meter
from addons.mint import Mint
from addons.policing import Policing
from addons.recorder import Recorders
from addons.refusals import Refusals
from addons.relay import RelayLayer
from addons.retention import Retention
from addons.room import Room
from addons.routing import Routing
from addons.rules import RulesWatch
from addons.rules import generation
from addons.rules import unsupported
from addons.seam import install
from addons.sessions import Sessions
from addons.sideband import Sideband
from addons.sidecar import Sidecar
from addons.sidecar import SidecarError
from addons.sidecar import WorkerConfig
from addons.sidecar import worker_config
from addons.simulator import LocalSimulator
from addons.sounds import Sounds
from addons.tap import Settings
from addons.tap import Tap
from addons.telemetry import Telemetry
from addons.tokens import TokenRing
from addons.unattended import Unattended
from addons.watching import Allowing
from addons.watching import Watching
from rules.credentials import Unresolved
from rules.credentials import read_secret
from rules.files import private_reader
from rules.load import load_file
from store.clock import utc_now
from store.errors import StoreError
from store.files import private_folder
from store.log import Log


class NotReady(RuntimeError):
    """The proxy cannot be put together; `exit_code` is 2 for rules that are not valid, else 1."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def prepare(settings: Settings, environment: Mapping[str, str] = os.environ) -> Tap:
    """Read the rules and open the log. Raises NotReady with everything that is wrong."""
    try:
        keyring = Keyring(private_folder(settings.data))
        tokens = TokenRing(settings.data)
    except (StoreError, OSError) as error:
        raise NotReady(f"the data folder {settings.data} cannot be used: {error}") from None
    loaded = load_file(settings.rules, environment, stored_keys=keyring.usable())
    if loaded.rules is None:
        raise NotReady(f"{settings.rules} is not valid:\n{loaded.render()}", exit_code=2)
    if (lacking := unsupported(loaded.rules)) is not None:
        raise NotReady(f"{settings.rules}: {lacking}", exit_code=2)
    try:
        seal = loaded.rules.log.seal
        anchor = None if seal.file is None else settings.rules.parent / seal.file
        log = Log.open(settings.data, seal_every=seal.every, anchor=anchor)
        log.recover(utc_now(), partial(complete, log))
    except (StoreError, OSError) as error:
        raise NotReady(f"the log in {settings.data} cannot be opened: {error}") from None
    return Tap(settings, generation(1, loaded.rules, monitor=settings.monitor), log, environment, keyring.keys, tokens)


class Pipeline:
    """The addons, and what starts and stops with them."""

    def __init__(self, tap: Tap) -> None:
        install(RelayLayer)
        self.tap = tap
        self.simulator = LocalSimulator()
        self.doors = Doors(tap)
        self.sounds = Sounds(tap)
        policing = Policing(tap)
        self.gating = Gating(tap, policing)
        self.breaks = Breaks(tap, policing.watch, self.gating.withdrawn)
        self.recorders = Recorders(tap)
        meter = Meter(tap)
        tap.over.append(partial(bill, tap.log))
        self.retention = Retention(tap, self.sounds)
        self.telemetry = Telemetry(tap)
        self.sessions = Sessions(tap, self._hooks(tap), self.sounds, meter, self.recorders)
        self.gating.show = self.sessions.inspection.show
        policing.catch_up = self.sessions.inspection.read
        self.breaks.inspection = self.sessions.inspection
        self.sessions.parting = self.breaks.part
        self.sessions.look = self.breaks.look
        admission = Admission(tap, Room(tap, meter), self.simulator.url)
        dialling = Dialling(tap)
        deadlines = Deadlines(tap)
        self.sidecar = Sidecar(self._worker_config, self._call_event, self._calls_lost)
        self.gating.sound = self.sidecar.sound
        self.figures = Figures(tap, self.sidecar.health, self.telemetry)
        sideband = Sideband(tap, dialling, gateway_address)
        self.calls = Calls(tap, admission, dialling, self.sidecar, sideband, self.sounds, policing)
        self.sessions.reason = policing.reason
        self.unattended = Unattended(tap, self.sessions.known, self.calls.hang_up)
        self.sessions.unattended = self.unattended.look
        self.is_running = False
        self.addons: list[Any] = [
            RulesWatch(tap),
            deadlines,
            Origins(tap),
            Access(tap),
            Mint(tap, admission),
            Routing(tap, admission, dialling),
            self.calls,
            CallControl(tap, admission, self.sidecar),
            meter,
            Refusals(tap),
            self.doors,
            self.sessions,
            self.sounds,
            self.recorders,
            self.retention,
            self.telemetry,
            CorsHeaders(),
            Answered(deadlines),
        ]
        """mitmproxy's name for the addons that an addon consists of."""

    def running(self) -> None:
        self.is_running = True

    def _hooks(self, tap: Tap) -> list[FrameHook]:
        """Those that look at frames, in the order in which they do."""
        judging: list[FrameHook] = [Secrecy(tap.findings), Pin(tap.findings), Allowing(tap), self.gating]
        return [self.breaks.first, *judging, self.breaks, Watching(tap), Turns(), Hinting(tap)]

    async def drain(self) -> None:
        """Shut down in order: nothing new, live sessions told and recorded, then the rest."""
        await self.sessions.drain()
        await self.calls.drain()
        await self.recorders.drain()
        await self.telemetry.drain()
        await self.retention.drain()
        await self.sounds.drain()
        await self.simulator.stop()

    def _worker_config(self) -> WorkerConfig:
        """How the sidecar's workers run, by the active rules. Raises SidecarError where they cannot."""
        webrtc = self.tap.rules.webrtc
        secret = None
        try:
            if webrtc.turn is not None:
                secret = read_secret(webrtc.turn.credential, self.tap.environment, private_reader(self.tap.settings.rules.parent))
            return worker_config(webrtc, gateway=gateway_address(), data=self.tap.settings.data, turn_secret=secret)
        except (Unresolved, LookupError) as error:
            raise SidecarError(501, "webrtc_off", f"calls cannot be relayed: {error}") from None

    def _call_event(self, call: str, event: dict[str, Any]) -> None:
        self.calls.on_event(call, event)

    def _calls_lost(self, calls: Collection[str], reason: str) -> None:
        self.calls.on_lost(calls, reason)

    def live(self) -> list[dict[str, Any]]:
        """The open sessions as records, newest first."""
        return [session.record(time.monotonic()) for session, _ in reversed(self.tap.live.values())]
