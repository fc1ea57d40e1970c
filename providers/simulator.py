"""The simulator of this project: a provider that needs no network and no key."""

from __future__ import annotations

from providers.base import Capabilities
from providers.openai_style import OpenAIStyle
from providers.tails import CONTROLS
from providers.tails import SECRETS


class Simulator(OpenAIStyle):
    """It speaks OpenAI's GA protocol, on loopback unless the account says otherwise."""

    kind = "simulator"
    title = "the simulator"
    home = "http://127.0.0.1:8790"
    roots = ("/v1",)
    subprotocols = ("realtime",)
    capabilities = Capabilities(
        dialects=("openai", "openai-translation"),
        requests=("calls", *CONTROLS, *SECRETS),
        transcription=True,
        translation=True,
        sideband=True,
        gates=True,
        transcriber="gpt-transcribe",
    )
