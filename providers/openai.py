"""OpenAI: the GA Realtime API, its transcription and translation sessions, sidebands of calls, and the Live API.

Sources: the openai packages for Python 3.52 and JavaScript 7.55, and OpenAI's guide to Realtime over WebSocket.
"""

from __future__ import annotations

from providers.address import Base
from providers.base import Account
from providers.base import Ask
from providers.base import Capabilities
from providers.base import Native
from providers.base import Pairs
from providers.openai_style import OpenAIStyle
from providers.provider import Shape
from providers.tails import CONTROLS
from providers.tails import SECRETS

_FROM_SUBPROTOCOL = (("openai-organization.", "OpenAI-Organization"), ("openai-project.", "OpenAI-Project"))


class OpenAI(OpenAIStyle):
    """Browsers name organization and project in subprotocols; upstream they are headers, as an app on a server sends them."""

    kind = "openai"
    title = "OpenAI"
    home = "https://api.openai.com"
    hosts = ("api.openai.com", "us.api.openai.com", "eu.api.openai.com")
    roots = ("/v1",)
    shapes = (Shape("/v1/live/sessions", Native("openai", "live", "openai-live", "live", "live", model_in_url=False)),)
    subprotocols = ("realtime", "openai-agents-sdk.*")
    capabilities = Capabilities(
        dialects=("openai", "openai-translation", "openai-live"),
        transcription=True,
        translation=True,
        live=True,
        requests=("calls", *CONTROLS, *SECRETS),
        sideband=True,
        beta=True,
        gates=True,
        transcriber="gpt-transcribe",
    )

    def needs_model(self, ask: Ask) -> bool:
        return ask.family != "live" and super().needs_model(ask)

    def request_target(self, account: Account, base: Base, ask: Ask) -> tuple[str, Pairs]:
        """A Live call is made by a POST on the path of its socket, and controlled below that."""
        path, query = super().request_target(account, base, ask)
        if ask.family != "live":
            return path, query
        own = path.removeprefix(self.root(base)).removeprefix("/realtime/calls")
        return f"{self.root(base)}/live/sessions{own}", ()

    def extra_headers(self, ask: Ask) -> Pairs:
        named = (
            (header, token.removeprefix(prefix))
            for prefix, header in _FROM_SUBPROTOCOL
            for token in ask.subprotocols
            if token.startswith(prefix)
        )
        return super().extra_headers(ask) + tuple((header, value) for header, value in named if value)
