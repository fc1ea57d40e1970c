"""Azure OpenAI (Microsoft Foundry): the GA surface by default, the preview surface by `api_version`, and Voice Live on its own path.

Sources: the openai package's Azure client, the azure-ai-voicelive package, Microsoft's guide from preview to GA.
"""

from __future__ import annotations

import re

from providers.address import Base
from providers.base import Account
from providers.base import Ask
from providers.base import Capabilities
from providers.base import Native
from providers.base import Pairs
from providers.base import ProviderError
from providers.openai_style import selector
from providers.provider import Provider
from providers.provider import Shape
from providers.provider import kept
from providers.refusals import unsupported
from providers.tails import CONTROLS
from providers.tails import SECRETS

_OLDEST = "2024-10-01"
_V1 = "/openai/v1"
_PREVIEW = {"sessions": "/openai/realtimeapi/sessions", "transcription_sessions": "/openai/realtime/transcription_sessions"}
"""Where the preview surface makes ephemeral keys; its WebRTC has hosts of its own and is not offered here."""

_CUT = re.compile(r"/openai(/v1|/deployments/[^/]+)?(/realtime)?$|/voice-live(/realtime)?$", re.IGNORECASE)


class Azure(Provider):
    """One resource. The model on the wire is the name of a deployment."""

    kind = "azure"
    title = "Azure OpenAI"
    session_path = f"{_V1}/realtime"
    hosts = ("*.openai.azure.com", "*.services.ai.azure.com", "*.cognitiveservices.azure.com")
    roots = (_V1,)
    shapes = (
        Shape("/openai/realtime", Native("azure", "preview"), needs=("api-version",)),
        Shape("/voice-live/realtime", Native("azure", "voice-live", model_in_url=False)),
        Shape("/openai/realtimeapi/sessions", Native("azure", "preview", endpoint="sessions"), needs=("api-version",)),
        Shape(
            "/openai/realtime/transcription_sessions",
            Native("azure", "preview", endpoint="transcription_sessions", family="transcription"),
            needs=("api-version",),
        ),
    )
    auths = ("api-key", "bearer")
    subprotocols = ("realtime",)
    capabilities = Capabilities(
        requests=("calls", *CONTROLS, *SECRETS),
        transcription=True,
        sideband=True,
        oldest_api_version=f"{_OLDEST}-preview",
        gates=True,
    )

    def check(self, account: Account) -> None:
        super().check(account)
        if account.api_version:
            _realtime_version(account.api_version, 500)

    def target(self, account: Account, base: Base, ask: Ask) -> tuple[str, Pairs]:
        root = _root(base)
        shape = self._shape(account, ask)
        if shape == "voice-live":
            return f"{root}/voice-live/realtime", kept(ask.query) + ((("model", ask.model),) if ask.model else ())
        if shape == "preview":
            return f"{root}/openai/realtime", self._preview(account, ask)
        return f"{root}{_V1}/realtime", selector(ask)

    def request_target(self, account: Account, base: Base, ask: Ask) -> tuple[str, Pairs]:
        """The beta's paths are those of the preview surface, all others of the GA one."""
        endpoint = ask.endpoint.endpoint
        preview = self._shape(account, ask) == "preview"
        if preview != (endpoint in _PREVIEW):
            where = "the preview surface; leave api_version out" if preview else "the GA surface; api_version chooses the other"
            raise unsupported(self.title, endpoint, f" on {where}")
        if preview:
            return _root(base) + _PREVIEW[endpoint], (("api-version", self._version(account, ask)),)
        return super().request_target(account, base, ask)

    def root(self, base: Base) -> str:
        return _root(base) + _V1

    def request_query(self, ask: Ask) -> Pairs:
        return super().request_query(ask) + tuple(pair for pair in ask.query if pair[0] == "webrtcfilter")

    def needs_model(self, ask: Ask) -> bool:
        of_agent = any(name.startswith("agent-") and value.strip() for name, value in ask.query)
        return super().needs_model(ask) and not (of_agent and ask.endpoint.path == "/voice-live/realtime")

    def _shape(self, account: Account, ask: Ask) -> str:
        native = ask.endpoint.native
        if native is not None and native.kind == self.kind:
            return native.shape
        return "preview" if account.api_version else "ga"

    def _preview(self, account: Account, ask: Ask) -> Pairs:
        """The client's own `api-version` stays; one from the rules serves clients on OpenAI's path."""
        others = tuple((name, value) for name, value in self._own(ask) if name != "api-version")
        return (("api-version", self._version(account, ask)), *selector(ask, "deployment"), *others)

    def _version(self, account: Account, ask: Ask) -> str:
        sent = next((value.strip() for name, value in self._own(ask) if name == "api-version"), None)
        return _realtime_version(sent or account.api_version or "", 400 if sent else 500)

    def _own(self, ask: Ask) -> Pairs:
        """The parameters of a client that is on a path of Azure's own."""
        return kept(ask.query) if ask.endpoint.native is not None and ask.endpoint.native.kind == self.kind else ()


def _root(base: Base) -> str:
    return _CUT.sub("", base.path)


def _realtime_version(version: str, status: int) -> str:
    """The version, when it is a date that has realtime. Raises ProviderError `bad_api_version` with `status` otherwise."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(-preview)?", version):
        told = f"api-version {version[:40]!r} is not a date such as 2025-04-01-preview"
        raise ProviderError(status, "bad_api_version", f"{told}; leave it out for the GA surface")
    if version[:10] < _OLDEST:
        told = f"api-version {version} is too old for realtime; the oldest is {_OLDEST}-preview"
        raise ProviderError(status, "bad_api_version", f"{told}; leave it out for the GA surface")
    return version
