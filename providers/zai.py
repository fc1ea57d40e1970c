"""Zhipu GLM-Realtime on Z.ai and on open.bigmodel.cn: one path whatever the base's path was.

Sources: Zhipu's AsyncAPI document (for open.bigmodel.cn); the host at Z.ai is known from third parties only.
"""

from __future__ import annotations

from providers.address import Base
from providers.base import Account
from providers.base import Ask
from providers.base import Capabilities
from providers.base import Native
from providers.base import Pairs
from providers.provider import Provider
from providers.provider import Shape

_PATH = "/api/paas/v4/realtime"


class Zai(Provider):
    """The model comes with the first `session.update`; it is put into the URL too when it is known by then."""

    kind = "zai"
    title = "Z.ai"
    session_path = _PATH
    home = "https://api.z.ai"
    hosts = ("api.z.ai", "open.bigmodel.cn")
    shapes = (Shape(_PATH, Native("zai", "glm", model_in_url=False)),)
    capabilities = Capabilities(model_in_url=False)

    def target(self, account: Account, base: Base, ask: Ask) -> tuple[str, Pairs]:
        return _PATH, (("model", ask.model),) if ask.model else ()
