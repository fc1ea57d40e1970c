"""The same pipeline inside stock mitmproxy tools, configured by two options of theirs.

Unless the user chose modes or a port, the doors of the rules are opened in the place of mitmproxy's default listener.
There is no control port: the tool has an interface of its own.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any
from typing import Final

from mitmproxy import ctx
from mitmproxy import exceptions
from mitmproxy.addonmanager import Loader

from addons.doors import OPTIONS
from addons.doors import modes
from addons.pipeline import NotReady
from addons.pipeline import Pipeline
from addons.pipeline import prepare
from addons.tap import Settings
from store.log import Log

logger = logging.getLogger(__name__)

SHUTDOWN_SECONDS: Final = 10.0
_ROOT: Final = Path(__file__).resolve().parents[1]


class Stock:
    """The script that mitmproxy loads: takes its options and puts the pipeline at the end of the tool's chain."""

    def load(self, loader: Loader) -> None:
        loader.add_option("voicetap_rules", str, str(_ROOT / "rules.yaml"), "The rules file of voicetap.")
        loader.add_option("voicetap_data", str, str(_ROOT / "data"), "The folder for voicetap's log, keys and state.")

    def configure(self, updated: set[str]) -> None:
        """Once, before the tool listens. Raises OptionsError when the pipeline cannot be put together."""
        if ctx.master.addons.get(Loaded.name) is not None:
            return
        if ctx.master.addons.get("scriptloader").is_running:
            raise exceptions.OptionsError("voicetap has to be there when the tool starts: give it with -s")
        settings = Settings(_path(ctx.options.voicetap_rules), _path(ctx.options.voicetap_data))
        try:
            pipeline = Pipeline(prepare(settings))
        except NotReady as error:
            raise exceptions.OptionsError(str(error)) from None
        ctx.master.addons.add(Loaded(pipeline))
        ctx.options.update(**OPTIONS)
        logger.info("voicetap is loaded with %s", settings.rules)

    def running(self) -> None:
        """mitmproxy opens its default listener before it loads scripts, so that can only be exchanged now. Port 0 is no choice."""
        if not ctx.options.has_changed("mode") and not ctx.options.listen_port:
            loaded: Loaded = ctx.master.addons.get(Loaded.name)
            ctx.options.update(mode=modes(loaded.pipeline.tap))


class Loaded:
    """Stands behind every script in the tool's chain: whatever they change is checked, and where they fail ours still run."""

    name: Final = "voicetap"

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.addons: list[Any] = [pipeline, LogEnd(pipeline.tap.log)]

    async def done(self) -> None:
        try:
            await asyncio.wait_for(self.pipeline.drain(), SHUTDOWN_SECONDS)
        except TimeoutError:
            logger.warning("sessions that did not close within %g s are cut", SHUTDOWN_SECONDS)


class LogEnd:
    """The last one to stop."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def done(self) -> None:
        self.log.close()


def _path(option: str) -> Path:
    return Path(option).expanduser().resolve()
