"""The environment of a child of `run`: it goes through the proxy, trusts its CA, and holds no upstream credential."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from typing import Final

_PROXY: Final = ("HTTP_PROXY", "HTTPS_PROXY", "WS_PROXY", "WSS_PROXY", "ALL_PROXY")
_CA_BUNDLE: Final = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
    "PERL_LWP_SSL_CA_FILE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "WEBSOCKET_CLIENT_CA_BUNDLE",
)
"""These replace the program's own list of authorities, so they get the system's together with ours."""

_CA_EXTRA: Final = ("NODE_EXTRA_CA_CERTS", "DENO_CERT")
"""These add to the program's own list, so they get ours alone."""


def child_environment(
    outer: Mapping[str, str], *, proxy: str, ca: str, bundle: str, scrub: Collection[str], bypass: Collection[str]
) -> tuple[dict[str, str], list[str]]:
    """The child's variables, and which of `scrub` were there and are gone.

    `proxy` is `HOST:PORT`, `ca` and `bundle` are PEM files. Hosts of `bypass` are reached directly, as are those the user excluded.
    """
    made = {name: value for name, value in outer.items() if name not in scrub}
    for name in _PROXY:
        made[name] = made[name.lower()] = f"http://{proxy}"
    excluded = ",".join(filter(None, (outer.get("NO_PROXY") or outer.get("no_proxy"), ",".join(bypass))))
    made["NO_PROXY"] = made["no_proxy"] = excluded
    made |= dict.fromkeys(_CA_BUNDLE, bundle) | dict.fromkeys(_CA_EXTRA, ca)
    made["NODE_USE_ENV_PROXY"] = "1"
    return made, sorted(name for name in scrub if name in outer)
