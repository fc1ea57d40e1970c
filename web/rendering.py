"""Pages from templates: everything that comes from records is escaped, and nothing a page loads comes from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import msgspec
from jinja2 import ChainableUndefined
from jinja2 import Environment
from jinja2 import FileSystemLoader
from markupsafe import Markup
from markupsafe import escape

from store import cells
from store.query import status_of
from web.body import Body

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.responses import Response

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Content-Security-Policy: no inline script or style, no other server."""

PAGES: Final = (
    ("sessions", "/", "Sessions"),
    ("findings", "/findings", "Findings"),
    ("usage", "/usage", "Usage"),
    ("rules", "/rules", "Rules"),
    ("breakpoints", "/breakpoints", Markup('Break<span class="spare">points</span>')),
    ("health", "/health", "Health"),
    ("call", "/call", "Call"),
)
"""Name, address and words of what every page leads to."""

_UNSEEN: Final = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\U000e0000-\\U000e007f\\ud800-\\udfff]"
)
"""Control and format characters: what changes how text looks without being seen; tab and line feed are text."""


def text(value: object) -> Markup:
    """A text of the wire as it may stand in a page: escaped, in its own direction, what cannot be seen shown by its number."""
    shown = _UNSEEN.sub(lambda found: f'<span class="unseen">{ord(found[0]):04X}</span>', str(escape(str(value))))
    return Markup("<bdi>{}</bdi>").format(Markup(shown))  # noqa: S704 - escaped above


def dollars(found: dict[str, Any] | None) -> str:
    """As `cells.cost`, with as many digits as one looks at in a list."""
    if not found or found.get("usd") is None:
        return cells.cost(found)
    usd, more = found["usd"], "+" if found.get("partial") else ""
    return f"${usd:,.2f}{more}" if usd >= 10 else f"${usd:.4f}{more}"


def count(value: Any) -> str:
    """A number as one reads it, with thin spaces; a dash where there is none."""
    return f"{value:,.0f}".replace(",", "\u202f") if isinstance(value, int | float) else "–"


def bars(values: list[float]) -> str:
    """As `spark`, on a scale of its own."""
    top = max(values, default=0) or 1
    return spark([value / top * cells.SLOW_MS for value in values])


def seconds(value: Any) -> str:
    """A time within a session: minutes, seconds and tenths."""
    return f"{int(value // 60)}:{value % 60:04.1f}" if isinstance(value, int | float) else "–"


def quantity(value: Any) -> str:
    """As `count`, with hundredths where there are any."""
    return count(value) if value == int(value) else f"{value:,.2f}"


def amount(value: Any) -> str:
    """Of a bill: dollars with all their digits, `unpriced` where no price is known."""
    return f"${value:.6f}" if isinstance(value, int | float) else "unpriced"


def spark(values: list[float], width: int = 64, height: int = 18, *, slow: bool = False) -> str:
    """The path of an SVG with a bar for each slow latency, or each other one: one scale for all sessions, as far as it goes."""
    top = max([*values, cells.SLOW_MS])
    step = min(4.0, width / max(1, len(values)))
    return "".join(
        f"M{index * step + step / 2:.1f} {height}V{height - max(1.0, value / top * (height - 1)):.1f}"
        for index, value in enumerate(values)
        if (value > cells.SLOW_MS) == slow
    )


def day(moment: str) -> str:
    """The local day of a moment."""
    return f"{cells.moment(moment).astimezone():%-d %b}"


def time_of_day(moment: str) -> str:
    """Local, to the second."""
    return f"{cells.moment(moment).astimezone():%H:%M:%S}"


def how_ended(record: dict[str, Any]) -> str:
    """Why a session is over, in words."""
    close = record.get("close") or {}
    return close.get("reason") or _BY.get(str(close.get("side")), "ended")


_BY: Final = {"client": "by the app", "upstream": "by the provider", "proxy": "by the proxy"}

ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=ChainableUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters |= {
    "text": text,
    "dollars": dollars,
    "count": count,
    "spark": spark,
    "bars": bars,
    "seconds": seconds,
    "quantity": quantity,
    "amount": amount,
    "day": day,
    "time": time_of_day,
    "how_ended": how_ended,
    "status": status_of,
    **{name: getattr(cells, name) for name in ("clock", "duration", "ending", "latency", "moment", "recorded", "found", "media")},
}
ENVIRONMENT.globals["pages"] = lambda: PAGES
ENVIRONMENT.tests["slow"] = lambda milliseconds: isinstance(milliseconds, int | float) and milliseconds > cells.SLOW_MS


def render(template: str, **values: Any) -> str:
    """A template, or a part of a page, as HTML."""
    return ENVIRONMENT.get_template(template).render(**values)


def page(template: str, *, status: int = 200, **values: Any) -> Response:
    """A whole page."""
    return whole(render(template, **values, status=status), status)


def whole(html: str, status: int = 200) -> Response:
    """A page that was put together."""
    from starlette.responses import HTMLResponse  # a process that puts pages together starts twice as fast without the server

    return HTMLResponse(html, status, {"content-security-policy": POLICY})


def encoded(value: Any) -> bytes:
    """As the JSON of an answer. Halves of UTF-16 pairs become question marks."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def as_json(body: bytes | Body) -> Response:
    """An answer of `encoded`, or of parts of it."""
    return answer(body, "application/json")


def answer(body: bytes | Body, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """The response that has this body."""
    from starlette.responses import Response
    from starlette.responses import StreamingResponse

    if isinstance(body, bytes):
        return Response(body, media_type=media_type, headers=headers)
    return StreamingResponse(body.sent(), media_type=media_type, headers={**(headers or {}), "content-length": str(len(body))})


def wants_page(headers: Headers) -> bool:
    """Whether a person reads the answer."""
    return "text/html" in headers.get("accept", "")


def readable(headers: Headers, refusal: Response) -> Response:
    """A refusal, which is JSON, as its reader can read it."""
    if not wants_page(headers):
        return refusal
    error = json.loads(bytes(refusal.body))["error"]
    return page("refused.html", status=refusal.status_code, message=error["message"])
