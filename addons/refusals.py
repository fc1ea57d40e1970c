"""Requests that are refused at the gateway and on the intercept door, as the client was told it."""

from __future__ import annotations

import json
from typing import Final

from mitmproxy import http

from addons.access import CALLER
from addons.access import SHOWN
from addons.access import Caller
from addons.floods import Refused
from addons.relay import REFUSED
from addons.tap import Tap
from addons.tap import door_of
from providers.credentials import credentials_of
from providers.paths import asked
from realtime.secrecy import Secret

STATUSES: Final = frozenset({401, 403, 421, 429})
LATE: Final = "voicetap.refused_late"
"""Key of `flow.metadata`: true where a request is refused although the provider has answered it."""


class Refusals:
    """Stands behind all that may refuse a request."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap

    def request(self, flow: http.HTTPFlow) -> None:
        """What has an answer before it went anywhere was answered here."""
        ours = door_of(flow) == "gateway" or CALLER in flow.metadata
        if ours and flow.response is not None and (flow.response.status_code in STATUSES or REFUSED in flow.metadata):
            self.tap.refusals.note(_refused(flow, flow.response))

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.metadata.get(LATE) and flow.response is not None and flow.response.status_code in STATUSES:
            self.tap.refusals.note(_refused(flow, flow.response))

    def done(self) -> None:
        self.tap.refusals.stop()


def _refused(flow: http.HTTPFlow, response: http.Response) -> Refused:
    """Everything that came with the request is free of the credential that came with it."""
    request, peer = flow.request, flow.client_conn.peername
    query = tuple(request.query.items(multi=True))
    shown = credentials_of(request.headers.items(multi=True), query).value

    def safe(text: str | None) -> str | None:
        return Secret(shown.encode(errors="surrogateescape")).blanked_text(text) if text and shown else text

    caller: Caller | None = flow.metadata.get(CALLER)
    code, message = _told(flow, response)
    return Refused(
        door=door_of(flow),
        status=None if REFUSED in flow.metadata else response.status_code,
        code=code,
        reason=safe(message),
        path=safe(request.path.partition("?")[0]) or "",
        address=peer[0] if peer else None,
        origin=safe(request.headers.get("origin")),
        agent=safe(request.headers.get("user-agent")),
        principal=caller.principal if caller is not None else flow.metadata.get(SHOWN),
        model=safe(asked(query)[0]),
    )


def _told(flow: http.HTTPFlow, response: http.Response) -> tuple[str | None, str]:
    """Code and message of the refusal."""
    text = flow.metadata[REFUSED][0] if REFUSED in flow.metadata else response.content or b""
    try:
        error = json.loads(text)["error"]
        return error["code"], error["message"]
    except (ValueError, LookupError, TypeError):
        return None, "refused by a script"
