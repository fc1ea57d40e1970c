"""The listeners, and what may leave through them: which hosts are opened on the intercept door, where the gateway dials."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any
from typing import Final

from mitmproxy import connection
from mitmproxy import ctx
from mitmproxy import http
from mitmproxy import tls
from mitmproxy.proxy import server_hooks
from mitmproxy.proxy.mode_specs import ReverseMode

from addons.tap import DIALS
from addons.tap import Tap
from rules.match import decrypts

logger = logging.getLogger(__name__)

OPTIONS: Final[dict[str, Any]] = {
    "connection_strategy": "lazy",
    "http2": False,
    "http3": False,
    "keep_host_header": True,
    "rawtcp": True,
    "show_ignored_hosts": False,
}
"""mitmproxy's options that the doors need: nothing is dialled before a route is known, and sockets stay on HTTP/1."""

_NOWHERE: Final = "http://127.0.0.1:9"
"""The nominal target of the gateway listener; every request is answered or pointed elsewhere before it would be dialled."""

_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def modes(tap: Tap) -> list[str]:
    """mitmproxy's mode specifications for the configured doors."""
    listen, settings = tap.rules.listen, tap.settings
    intercept = settings.intercept or listen.intercept
    gateway = f"reverse:{_NOWHERE}@{_at(settings.gateway or listen.gateway)}"
    return [gateway, *([f"regular@{_at(intercept, choose=True)}"] if intercept else [])]


def host_and_port(address: str) -> tuple[str, int]:
    """`HOST:PORT` as its parts, brackets of an IPv6 host removed."""
    host, _, port = str(address).rpartition(":")
    return host.strip("[]"), int(port)


def _at(address: object, *, choose: bool = False) -> str:
    """An address in mitmproxy's spelling. It refuses port 0 on two doors, so a free one can be chosen here."""
    host, port = host_and_port(str(address))
    return f"{host}:{port or (_free_port(host) if choose else 0)}"


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def gateway_address() -> str:
    """HOST:PORT at which this computer reaches the gateway. Raises LookupError where there is no gateway door."""
    servers = ctx.master.addons.get("proxyserver").servers
    for instance in servers:
        if isinstance(instance.mode, ReverseMode) and instance.listen_addrs:
            host, port, *_ = instance.listen_addrs[0]
            reached = _ANYWHERE.get(host, host)
            return f"[{reached}]:{port}" if ":" in reached else f"{reached}:{port}"
    raise LookupError("there is no gateway door")


class Doors:
    """Keeps both doors shut for everything that no rule names."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self.allowed: dict[str, connection.Address] = {}
        """The one upstream that each gateway connection may dial now, by client id."""
        self.own: set[int] = set()
        """Ports of our own listeners, the control port among them."""

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """On the intercept door, only hosts named by a route are decrypted; all others are tunnelled untouched."""
        if isinstance(data.context.client.proxy_mode, ReverseMode):
            return
        address = data.context.server.address
        host = data.client_hello.sni or (address[0] if address else "")
        data.ignore_connection = not decrypts(self.tap.rules, host)

    def request(self, flow: http.HTTPFlow) -> None:
        """The last word before the wire: remember what this gateway connection may dial."""
        if isinstance(flow.client_conn.proxy_mode, ReverseMode) and DIALS in flow.metadata and flow.response is None:
            self.allowed[flow.client_conn.id] = flow.metadata[DIALS]

    async def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        address = data.server.address
        if isinstance(data.client.proxy_mode, ReverseMode):
            if address is None or self.allowed.get(data.client.id) != (address[0], address[1]):
                data.server.error = "no route allows this upstream"
        elif address is not None and address[1] in self.own | _listening():
            await self._keep_off_ourselves(data.server, address)

    async def _keep_off_ourselves(self, server: connection.Server, address: connection.Address) -> None:
        """Look at what the name stands for, in every spelling of it, and dial no other address than the one looked at."""
        found = await asyncio.get_running_loop().run_in_executor(None, _resolved, address)
        if not found or any(_is_this_machine(host) for host in found):
            server.error = "the proxy's own listeners are not reachable through it"
        else:
            server.address = (found[0], address[1])

    def client_disconnected(self, client: connection.Client) -> None:
        self.allowed.pop(client.id, None)


def _listening() -> set[int]:
    return {address[1] for address in ctx.master.addons.get("proxyserver").listen_addrs()}


def _resolved(address: connection.Address) -> list[str]:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(address[0], address[1], type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []


def _is_this_machine(host: str) -> bool:
    """Whether an address is one of this machine's own: only those can be bound."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True
