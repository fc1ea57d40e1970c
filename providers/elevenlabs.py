"""ElevenLabs: the Agents socket in its own dialect, and the OpenAI-compatible Eleven Realtime.

Sources: the elevenlabs package 2.78; for Eleven Realtime third parties who run the OpenAI SDK against it, hence Bearer there.
"""

from __future__ import annotations

import re

from providers.address import Base
from providers.base import Account
from providers.base import Ask
from providers.base import Auth
from providers.base import Capabilities
from providers.base import Native
from providers.base import Pairs
from providers.base import ProviderError
from providers.openai_style import selector
from providers.provider import Provider
from providers.provider import Shape
from providers.provider import kept

_CONVAI = "/v1/convai"
_AGENT = f"{_CONVAI}/conversation"
_REALTIME = f"{_CONVAI}/realtime"


class ElevenLabs(Provider):
    """The agents' socket natively, and the OpenAI-style one."""

    kind = "elevenlabs"
    title = "ElevenLabs"
    session_path = _REALTIME
    home = "https://api.elevenlabs.io"
    hosts = ("api.elevenlabs.io", "api.*.elevenlabs.io", "api.*.residency.elevenlabs.io")
    shapes = (
        Shape(_AGENT, Native("elevenlabs", "agent", "elevenlabs", model_in_url=False)),
        Shape(_REALTIME, Native("elevenlabs", "realtime")),
        Shape(f"{_REALTIME}/client_secrets", Native("elevenlabs", "realtime", endpoint="client_secrets")),
    )
    auths = ("xi-api-key", "bearer")
    subprotocols = ("realtime", "convai")
    capabilities = Capabilities(dialects=("openai", "elevenlabs"), requests=("client_secrets",))

    def target(self, account: Account, base: Base, ask: Ask) -> tuple[str, Pairs]:
        root = _root(base)
        return (root + _AGENT, self._agent(ask)) if _with_agent(ask) else (root + _REALTIME, selector(ask))

    def root(self, base: Base) -> str:
        return _root(base) + _CONVAI

    def needs_model(self, ask: Ask) -> bool:
        return not _with_agent(ask)

    def auth(self, account: Account, ask: Ask) -> Auth:
        return account.auth or ("xi-api-key" if _with_agent(ask) else "bearer")

    def _agent(self, ask: Ask) -> Pairs:
        query = kept(ask.query)
        if not any(name == "agent_id" and value.strip() for name, value in query):
            raise ProviderError(400, "missing_agent", "no agent was named; add ?agent_id=<agent> to the URL")
        return query


def _root(base: Base) -> str:
    return re.sub(r"/v1(/convai(/conversation|/realtime)?)?$", "", base.path)


def _with_agent(ask: Ask) -> bool:
    return ask.endpoint.dialect == "elevenlabs"
