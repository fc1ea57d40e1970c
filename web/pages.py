"""The pages of the control port: known files and nothing else, under a policy that lets them load their own and reach the gateway."""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response
from starlette.routing import Route

_FOLDER: Final = Path(__file__).parent / "call"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_EVERYWHERE: Final = ("0.0.0.0", "::")

Answer = Callable[[Request], Awaitable[Response]]

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {gateway}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy: no inline script or style, no other server but the gateway."""


def call_routes(gateway: str) -> list[Route]:
    """`/call` and its files: a page that calls through the gateway at HOST:PORT. It holds no secret and needs no token."""
    pages = Gateway(gateway)
    files = sorted(path for path in _FOLDER.iterdir() if path.suffix in _TYPES and path.name != "index.html")
    return [
        Route("/call", pages.file(_FOLDER / "index.html")),
        Route("/call/gateway.json", pages.gateway),
        *(Route(f"/call/{path.name}", pages.file(path)) for path in files),
    ]


def static(path: Path) -> Answer:
    """A file of pages, read once."""
    body = path.read_bytes()

    async def answer(request: Request) -> Response:
        return Response(body, headers={"content-type": _TYPES[path.suffix]})

    return answer


class Gateway:
    """Where the gateway is for a reader of a page, and the pages that call through it."""

    def __init__(self, gateway: str) -> None:
        parts = urlsplit(f"//{gateway}")
        self._host = parts.hostname or ""
        self._port = parts.port

    def file(self, path: Path) -> Answer:
        body = path.read_bytes()

        async def answer(request: Request) -> Response:
            headers = {
                "content-type": _TYPES[path.suffix],
                "content-security-policy": POLICY.format(gateway=self.url(request)),
                "permissions-policy": "microphone=(self), camera=(), geolocation=()",
            }
            return Response(body, headers=headers)

        return answer

    async def gateway(self, request: Request) -> Response:
        """`{"url"}`: where the page mints its secret and posts its offer."""
        return JSONResponse({"url": self.url(request)})

    def url(self, request: Request) -> str:
        """A gateway that listens on every address is reached by the name that the page was reached by."""
        host = (request.url.hostname or "") if self._host in _EVERYWHERE else self._host
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"
