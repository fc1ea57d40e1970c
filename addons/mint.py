"""Ephemeral keys for browsers, on the gateway door: the provider's stays here, sealed, and the app gets one of ours in the same answer.

Whoever mints is checked as for a session, before the provider is asked. The request goes up with the provider's credential.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from secrets import token_hex
from typing import Final

from mitmproxy import http

from addons.access import CALLER
from addons.access import Caller
from addons.admission import Admission
from addons.admission import NotAdmitted
from addons.answers import answer
from addons.answers import refusal
from addons.awaited import Awaited
from addons.handshake import REQUEST
from addons.handshake import body_for_log
from addons.handshake import rate_limit
from addons.handshake import relayed
from addons.handshake import rewrite
from addons.handshake import send_body
from addons.mintdraft import Draft
from addons.mintdraft import drafted
from addons.refusals import LATE
from addons.seam import ANSWERED
from addons.tap import Tap
from addons.tap import door_of
from providers import KINDS
from providers.base import ProviderError
from providers.minted import Answer
from providers.minted import local_answer
from providers.minting import read_wish
from providers.minting import session_in
from providers.tails import SECRETS
from realtime.secrecy import Secret
from store.errors import StoreError
from store.tokens import MOST_OF_A_KEY
from store.tokens import Token
from store.tokens import sealed

logger = logging.getLogger(__name__)

MAX_BODY: Final = 128 << 10
"""Bytes of a request: the provider repeats it in its answer, and where no provider is asked it is kept."""

_JOB: Final = "voicetap.minting"
_JSON: Final = "application/json"
_LATER: Final = 60


@dataclass(slots=True)
class Job:
    """A key being minted at a provider, which has to answer in time."""

    draft: Draft
    awaited: Awaited


class Mint:
    """Takes the requests that ask for ephemeral keys; every other one passes."""

    def __init__(self, tap: Tap, admission: Admission) -> None:
        self.tap = tap
        self.admission = admission

    async def request(self, flow: http.HTTPFlow) -> None:
        caller: Caller | None = flow.metadata.get(CALLER)
        asks = caller is not None and caller.endpoint.endpoint in SECRETS and door_of(flow) == "gateway"
        if flow.response is not None or caller is None or not asks:
            return
        try:
            await self._ask(flow, caller)
        except Exception as error:
            flow.response = _failed(error)

    async def response(self, flow: http.HTTPFlow) -> None:
        job: Job | None = flow.metadata.get(_JOB)
        if job is None or flow.response is None:
            return
        job.awaited.over()
        if ANSWERED in flow.metadata:
            return
        try:
            flow.response = await self._wrapped(job.draft, flow.response)
        except Exception as error:
            flow.response = _failed(error)
            flow.metadata[LATE] = isinstance(error, NotAdmitted)

    def error(self, flow: http.HTTPFlow) -> None:
        if (job := flow.metadata.get(_JOB)) is not None:
            job.awaited.over()

    async def _ask(self, flow: http.HTTPFlow, caller: Caller) -> None:
        request, endpoint, sent = flow.request, caller.endpoint.endpoint, flow.request.content or b""
        if caller.token is not None or caller.foreign:
            raise NotAdmitted(403, "key_needed", "an ephemeral key makes no others; send the key itself, from your server")
        if len(sent) > MAX_BODY:
            raise NotAdmitted(413, "body_too_large", f"request body of {len(sent)} bytes, at most {MAX_BODY} are allowed")
        wish = read_wish(endpoint, request.headers.get("content-type", ""), sent)
        admitted = await self.admission.admit(flow, caller, model=wish.model)
        draft = drafted(self.tap, caller, admitted, wish)
        if admitted.config.mint == "local":
            flow.response = await self._alone(draft)
            return
        upstream = KINDS[admitted.config.kind].http(admitted.account, admitted.ask)
        rewrite(flow, caller.presented, admitted.config, upstream, REQUEST)
        send_body(request, _JSON, draft.body)
        flow.metadata[_JOB] = Job(draft, Awaited(self.tap, flow, draft.token.provider))

    async def _alone(self, draft: Draft) -> http.Response:
        """The answer where no provider is asked: the gateway's own key is all that the app needs."""
        session = session_in(json.loads(draft.body), draft.endpoint)
        await self._keep(draft, replace(draft.token, session=session))
        return answer(200, local_answer(draft.endpoint, session, f"sess_{token_hex(10)}", draft.text, _unix(draft.token.expires)))

    async def _wrapped(self, draft: Draft, response: http.Response) -> http.Response:
        """The provider's answer with our key in it, or what its refusal reads like."""
        provider = draft.token.provider
        if not 200 <= response.status_code < 300:
            return _refused(draft, response)
        try:
            found = Answer(response.get_content(strict=False) or b"")
        except ValueError as error:
            logger.warning("%s answered without an ephemeral key: %s", provider, error)
            return refusal(502, f"provider {provider} answered without an ephemeral key: {error}", code="bad_answer")
        token = replace(draft.token, secret=found.secret, expires=_earlier(draft.token.expires, found.expires_at))
        await self._keep(draft, token)
        made = draft.upstream.blanked(found.rewritten(draft.text, _unix(token.expires)))
        made = Secret(found.secret.encode(errors="surrogatepass")).blanked(made)
        headers = {"content-type": _JSON, "cache-control": "no-store", **rate_limit(response, draft.upstream)}
        return http.Response.make(response.status_code, made, headers)

    async def _keep(self, draft: Draft, token: Token) -> None:
        if not await self.tap.tokens.keep(sealed(token, draft.text)):
            message = f"key {token.principal} has {MOST_OF_A_KEY} ephemeral keys that still work, which is the most it may have"
            raise NotAdmitted(429, "too_many_ephemeral_keys", message, retry_after=_LATER)
        self.admission.room.minted(token.id)
        logger.info("%s: ephemeral key of %s for %s at %s", token.id, token.principal, token.model, token.provider)


def _refused(draft: Draft, response: http.Response) -> http.Response:
    """A provider's refusal."""
    provider = draft.token.provider
    logger.warning("%s refused an ephemeral key: %s %s", provider, response.status_code, body_for_log(response, draft.upstream))
    return relayed(provider, response, draft.upstream)


def _failed(error: Exception) -> http.Response:
    if isinstance(error, NotAdmitted):
        return error.answer()
    if isinstance(error, ProviderError):
        return refusal(error.status, error.message, code=error.code)
    if isinstance(error, StoreError | OSError):
        logger.error("an ephemeral key cannot be kept: %s", error)
        return refusal(503, "the ephemeral key cannot be kept; the log says why", code="state_unavailable", headers={"retry-after": "5"})
    logger.exception("an ephemeral key could not be minted", exc_info=error)
    return refusal(500, "the proxy failed to mint; its log says why", code="internal_error")


def _earlier(ours: datetime, theirs: int | None) -> datetime:
    """The earlier of two expiries; one of the provider that no clock has counts as none."""
    try:
        return min(ours, datetime.fromtimestamp(theirs, UTC)) if theirs is not None else ours
    except (ValueError, OverflowError, OSError):
        return ours


def _unix(moment: datetime) -> int:
    return int(moment.timestamp())
