"""The same pipeline inside stock mitmproxy tools, configured by two options of theirs.

Unless the user chose modes or a port, the doors of the rules are opened in the place of mitmproxy's default listener.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from mitmproxy import ctx
from mitmproxy import exceptions
from mitmproxy.addonmanager import Loader

from addons.doors import OPTIONS
from addons.doors import modes
from addons.pipeline import NotReady
from addons.pipeline import Pipeline
from addons.pipeline import prepare
from addons.tap import Settings

logger = logging.getLogger(__name__)
_ROOT = Path(__file__).resolve().parents[1]


class Stock:
    """One addon that becomes all of ours once the options are known."""

    def __init__(self) -> None:
        self.addons: list[Any] = []
        self.pipeline: Pipeline | None = None

    def load(self, loader: Loader) -> None:
        loader.add_option("voicetap_rules", str, str(_ROOT / "rules.yaml"), "The rules file of voicetap.")
        loader.add_option("voicetap_data", str, str(_ROOT / "data"), "The folder for voicetap's log, keys and state.")

    def configure(self, updated: set[str]) -> None:
        if self.pipeline is not None:
            return
        settings = Settings(Path(ctx.options.voicetap_rules), Path(ctx.options.voicetap_data))
        try:
            self.pipeline = Pipeline(prepare(settings))
        except NotReady as error:
            raise exceptions.OptionsError(str(error)) from None
        self.addons = [self.pipeline]

    def running(self) -> None:
        assert self.pipeline is not None
        chosen = ctx.options.has_changed("mode") or ctx.options.has_changed("listen_port")
        ctx.options.update(**OPTIONS, **({} if chosen else {"mode": modes(self.pipeline.tap)}))
        logger.info("voicetap is loaded with %s", self.pipeline.tap.settings.rules)

    def done(self) -> None:
        if self.pipeline is not None:
            self.pipeline.tap.log.close()
