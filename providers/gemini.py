"""Google's Live API (BidiGenerateContent) in its own dialect, on AI Studio and on Vertex; the client's path and version are kept.

Sources: the google-genai package for Python 3.4 and JavaScript 2.32.
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
from providers.provider import Provider
from providers.provider import Shape
from providers.provider import kept

_STUDIO = "generativelanguage.googleapis.com"
_STUDIO_PATH = r"/ws/google\.ai\.generativelanguage\.v1(alpha|beta)?\.GenerativeService\.BidiGenerateContent(Constrained)?"
_VERTEX_PATH = r"/ws/google\.cloud\.aiplatform\.v1(beta1)?\.LlmBidiService/BidiGenerateContent"
_VERTEX_HOST = re.compile(r"([a-z0-9-]+-)?aiplatform(\.[a-z0-9-]+\.rep)?\.googleapis\.com")


class Gemini(Provider):
    """The model comes with the first message (`setup.model`). An account on one of Google's surfaces serves only clients of that one."""

    kind = "gemini"
    title = "Gemini"
    session_path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    home = f"https://{_STUDIO}"
    hosts = (_STUDIO, "aiplatform.googleapis.com", "*-aiplatform.googleapis.com", "aiplatform.*.rep.googleapis.com")
    shapes = (
        Shape(_STUDIO_PATH, Native("gemini", "studio", "gemini", model_in_url=False)),
        Shape(_VERTEX_PATH, Native("gemini", "vertex", "gemini", model_in_url=False)),
    )
    auths = ("x-goog-api-key", "bearer", "token")
    passes = ("x-goog-user-project",)
    capabilities = Capabilities(dialects=("gemini",), model_in_url=False)

    def target(self, account: Account, base: Base, ask: Ask) -> tuple[str, Pairs]:
        flavour = _flavour(base.host)
        if flavour not in (None, _shape(ask)):
            told = f"provider {account.name!r} is on {flavour}, the client's path is one of {_shape(ask)}"
            raise ProviderError(400, "wrong_path", f"{told}; their messages name the model differently")
        return base.path + ask.endpoint.path, kept(ask.query)

    def auth(self, account: Account, ask: Ask) -> Auth:
        """Ephemeral tokens and OAuth have schemes of their own; a Vertex key (express mode) needs `auth: x-goog-api-key`."""
        if account.auth:
            return account.auth
        if (account.credential or "").strip().startswith("auth_tokens/"):
            return "token"
        return "bearer" if _shape(ask) == "vertex" else "x-goog-api-key"


def _shape(ask: Ask) -> str:
    return ask.endpoint.native.shape if ask.endpoint.native else "studio"


def _flavour(host: str) -> str | None:
    """Which of Google's two surfaces a host is; None where it is somebody else's server in between."""
    if host == _STUDIO:
        return "studio"
    return "vertex" if _VERTEX_HOST.fullmatch(host) else None
