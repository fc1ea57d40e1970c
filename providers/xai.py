"""xAI: Grok Voice, an OpenAI-style socket with agents and a reasoning parameter of its own.

Sources: xAI's Voice reference and the adapters of pipecat, livekit and litellm.
"""

from __future__ import annotations

from providers.base import Ask
from providers.base import Capabilities
from providers.base import Pairs
from providers.openai_style import OpenAIStyle
from providers.openai_style import selector
from providers.provider import kept

_OWN = ("agent_id", "reasoning.effort")


class XAI(OpenAIStyle):
    """A named agent brings its model, so `agent_id` may stand without one. Its calls are those of telephones; there is no WebRTC."""

    kind = "xai"
    title = "xAI"
    home = "https://api.x.ai"
    hosts = ("api.x.ai", "*.api.x.ai")
    roots = ("/v1",)
    capabilities = Capabilities(
        requests=("client_secrets", "refer", "hangup"), sideband=True, binary_audio=True, gates=True, transcriber="grok-transcribe"
    )

    def query(self, ask: Ask) -> Pairs:
        return selector(ask) + tuple((name, value) for name, value in kept(ask.query) if name in _OWN)

    def needs_model(self, ask: Ask) -> bool:
        return super().needs_model(ask) and not any(name == "agent_id" and value.strip() for name, value in ask.query)
