"""Alibaba Bailian (DashScope): the omni, audio, recognition and translation models, all on one path whatever the base's path was.

Sources: the dashscope package 2.0.2 and Alibaba's Model Studio pages.
"""

from __future__ import annotations

import re

from providers.address import Base
from providers.base import Account
from providers.base import Ask
from providers.base import Capabilities
from providers.base import Family
from providers.base import Native
from providers.base import Pairs
from providers.base import ProviderError
from providers.provider import Provider
from providers.provider import Shape
from providers.refusals import unsupported

_PATH = "/api-ws/v1/realtime"
_CALLS = "/api/v1/webrtc/realtime"
_SHARED = re.compile(r"([a-z0-9-]+\.)?dashscope(-[a-z0-9-]+)?\.aliyuncs\.com")
_FAMILIES: dict[str, Family] = {"-asr-": "transcription", "livetranslate": "translation"}


class Bailian(Provider):
    """A model's name says whether it recognises, translates or talks; there is no intent. Keys belong to a region.

    Its WebRTC calls are at the host of a workspace, and the answer to an offer has no id by which a call could be controlled.
    """

    kind = "bailian"
    title = "Bailian"
    session_path = _PATH
    home = "https://dashscope.aliyuncs.com"
    hosts = ("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "cn-hongkong.dashscope.aliyuncs.com", "*.*.maas.aliyuncs.com")
    shapes = (
        Shape(_PATH, Native("bailian", "dashscope")),
        Shape(_CALLS, Native("bailian", "webrtc", endpoint="calls")),
    )
    passes = ("x-dashscope-*",)
    capabilities = Capabilities(requests=("calls",), transcription=True)

    def target(self, account: Account, base: Base, ask: Ask) -> tuple[str, Pairs]:
        return _PATH, (("model", ask.model or ""),)

    def request_target(self, account: Account, base: Base, ask: Ask) -> tuple[str, Pairs]:
        if _SHARED.fullmatch(base.host):
            raise unsupported(
                self.title, "calls", f" at {base.host}, but at a workspace's host https://<workspace>.<region>.maas.aliyuncs.com"
            )
        if not ask.model:
            raise ProviderError(400, "missing_model", "no model was named; add ?model=<model> to the URL")
        return _CALLS, (("model", ask.model),)

    def needs_model(self, ask: Ask) -> bool:
        return True

    def family(self, account: Account, ask: Ask) -> Family:
        return next((family for part, family in _FAMILIES.items() if part in (ask.model or "")), ask.family)
