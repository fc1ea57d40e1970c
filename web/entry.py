"""How a browser stays let in: a link with the token is answered with a cookie, which no page can read and no other site can use."""

from __future__ import annotations

import hmac
from typing import Final
from urllib.parse import parse_qsl
from urllib.parse import quote
from urllib.parse import urlencode
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.responses import Response
from starlette.types import Scope

_SAFE: Final = ("GET", "HEAD")
_OWN: Final = ("none", "same-origin")


class Entry:
    """The cookie holds what only this start of the program can have made, not the token itself; it ends with either of them."""

    def __init__(self, token: str) -> None:
        self._value = hmac.new(token.encode(), b"control port cookie", "sha256").hexdigest()

    def is_in(self, method: str, headers: Headers) -> bool:
        """Whether a request comes from a page of ours, or was typed or followed to one, in a browser that was let in.

        Cookies are not kept apart by port, and other programs of this computer serve pages too: what changes anything has to name
        its origin, which the guard has looked at by then, and what only reads is not for the pages of others.
        """
        shown = cookie_parser(headers.get("cookie", "")).get(_name(headers), "")
        if not hmac.compare_digest(shown.encode(), self._value.encode()):
            return False
        if method not in _SAFE:
            return "origin" in headers
        followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return followed or headers.get("sec-fetch-site", "none") in _OWN

    def opened(self, scope: Scope, headers: Headers) -> Response:
        """Leads to the same address without the token."""
        query = [(name, value) for name, value in parse_qsl(scope["query_string"].decode("latin-1")) if name != "token"]
        path = "/" + quote(scope["path"].lstrip("/"))
        answer = RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)
        answer.set_cookie(_name(headers), self._value, path="/", httponly=True, samesite="strict")
        return answer


def _name(headers: Headers) -> str:
    """Several proxies of one computer have cookies of their own."""
    return f"voicetap-{urlsplit('//' + headers.get('host', '')).port or 80}"
