"""Any server modelled on OpenAI's Realtime API, by base URL: LocalAI, Speaches, vLLM, StepFun, Inworld and others.

It is taken to offer whatever is asked; what it does not, it refuses itself.
"""

from __future__ import annotations

from providers.address import Base
from providers.base import Account
from providers.base import Ask
from providers.base import Capabilities
from providers.base import Dialect
from providers.base import Family
from providers.base import Pairs
from providers.openai_style import OpenAIStyle
from providers.openai_style import selector
from providers.provider import kept
from providers.tails import CONTROLS
from providers.tails import SECRETS


class Compatible(OpenAIStyle):
    """A transcription intent keeps its model beside it, and other parameters (`language`) pass: Speaches wants both."""

    kind = "compatible"
    title = "the compatible server"
    roots = ("/v1",)
    subprotocols = ("realtime",)
    unmarked = ("openai", "vllm")
    capabilities = Capabilities(
        dialects=("openai", "openai-translation", "vllm"),
        requests=("calls", *CONTROLS, *SECRETS),
        transcription=True,
        translation=True,
        sideband=True,
        beta=True,
        model_in_url=False,
        gates=True,
    )

    def query(self, ask: Ask) -> Pairs:
        model = (("model", ask.model),) if ask.model and ask.transcribes and not ask.call_id else ()
        return selector(ask) + model + kept(ask.query)

    def request_target(self, account: Account, base: Base, ask: Ask) -> tuple[str, Pairs]:
        """An offer that came on the path of the socket goes to that path too: older servers know no other."""
        path, query = super().request_target(account, base, ask)
        legacy = ask.endpoint.endpoint == "calls" and ask.endpoint.path.endswith("/realtime")
        return path.removesuffix("/calls") if legacy else path, query

    def request_query(self, ask: Ask) -> Pairs:
        return super().request_query(ask) + kept(ask.query)

    def dialect(self, account: Account, ask: Ask) -> Dialect:
        return "vllm" if account.dialect == "vllm" else super().dialect(account, ask)

    def family(self, account: Account, ask: Ask) -> Family:
        return "transcription" if account.dialect == "vllm" else ask.family
