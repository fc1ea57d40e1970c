"""What every provider does the same way: reads its own paths, refuses what it does not offer, authenticates, and builds the address.

A provider is a subclass made of a few class attributes and `target`; it does no I/O and keeps no state.
"""

from __future__ import annotations

import re
from abc import ABC
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import ClassVar
from typing import Final

from providers.address import Base
from providers.address import folded
from providers.address import read_base
from providers.address import with_query
from providers.base import Account
from providers.base import Ask
from providers.base import Auth
from providers.base import Capabilities
from providers.base import Dialect
from providers.base import Endpoint
from providers.base import Family
from providers.base import Native
from providers.base import Pairs
from providers.base import ProviderError
from providers.base import Scheme
from providers.base import Upstream
from providers.credentials import without_secrets
from providers.headers import CONSENT
from providers.refusals import INSTEAD
from providers.refusals import unsupported
from providers.tails import BETA
from providers.tails import located
from providers.tails import tail_endpoint
from providers.tails import tail_path

AUTH: Final[Mapping[Auth, tuple[str, str]]] = {
    "bearer": ("Authorization", "Bearer "),
    "token": ("Authorization", "Token "),
    "api-key": ("api-key", ""),
    "xi-api-key": ("xi-api-key", ""),
    "x-goog-api-key": ("x-goog-api-key", ""),
}
"""How a credential is presented: header name, and what stands before it."""

_SESSIONS: Final = frozenset({"realtime", "translations", "live"})
_NAMES_THE_SESSION: Final = frozenset({"model", "deployment", "call_id", "intent"})


@dataclass(frozen=True, slots=True)
class Shape:
    """One path of a provider's own. `needs` are query parameters without which the path means something else."""

    pattern: str
    native: Native
    needs: tuple[str, ...] = field(default=())

    def matches(self, path: str, query: Pairs) -> bool:
        sent = {name for name, value in query if value.strip()}
        return sent.issuperset(self.needs) and re.fullmatch(self.pattern, path) is not None


class Provider(ABC):
    """One kind of upstream. `session_path` is the path on which a client of its own dialect opens a plain session."""

    kind: ClassVar[str]
    title: ClassVar[str]
    session_path: ClassVar[str] = "/v1/realtime"
    home: ClassVar[str | None] = None
    """The base URL where the account names none."""
    hosts: ClassVar[tuple[str, ...]] = ()
    """Its public hosts; `*` stands for one label or a part of one."""
    roots: ClassVar[tuple[str, ...]] = ()
    """Where the OpenAI-style endpoints hang on its own host."""
    shapes: ClassVar[tuple[Shape, ...]] = ()
    auths: ClassVar[tuple[Auth, ...]] = ("bearer",)
    """Ways to present the credential that it accepts; the first is the default."""
    passes: ClassVar[tuple[str, ...]] = ()
    """Client headers that pass to this provider beyond the common ones."""
    subprotocols: ClassVar[tuple[str, ...]] = ()
    """Subprotocols that are offered to it when the client offered them; `name*` is a prefix."""
    unmarked: ClassVar[tuple[Dialect, ...]] = ()
    """Dialects that the path does not tell apart, so that the account may have to name one."""
    capabilities: ClassVar[Capabilities]

    @abstractmethod
    def target(self, account: Account, base: Base, ask: Ask) -> tuple[str, Pairs]:
        """The upstream path and its query for a session that was found possible."""

    def websocket(self, account: Account, ask: Ask) -> Upstream:
        """Where to dial for `ask`. Raises ProviderError with a message for the client."""
        self.refuse(ask)
        base = self.base(account)
        target = self.target(account, base, ask)
        return self._upstream("wss" if base.secure else "ws", account, base, ask, target, self.offered(ask))

    def http(self, account: Account, ask: Ask) -> Upstream:
        """Where to send the request of a call, of its control or for a client secret; `ask.call_id` is the provider's own.

        Raises ProviderError, 501 `unsupported_endpoint` where it does not offer that, with what to do instead.
        """
        self.refuse_request(account, ask)
        base = self.base(account)
        return self._upstream("https" if base.secure else "http", account, base, ask, self.request_target(account, base, ask))

    def call_id(self, location: str) -> str | None:
        """The provider's id of a call, from the Location header of its answer; None where there is none to be used."""
        return located(location) if "hangup" in self.capabilities.requests else None

    def request_target(self, account: Account, base: Base, ask: Ask) -> tuple[str, Pairs]:
        """The upstream path and its query for a request that was found possible."""
        return self.root(base) + tail_path(ask.endpoint.endpoint, ask.family, ask.call_id), self.request_query(ask)

    def root(self, base: Base) -> str:
        """Where the OpenAI-style endpoints hang on the account's host."""
        return base.path

    def request_query(self, ask: Ask) -> Pairs:
        """The model of an offer that names it nowhere else. Calls that translate have it in their secret and refuse it here."""
        return (("model", ask.model),) if ask.endpoint.endpoint == "calls" and ask.model and ask.family == "realtime" else ()

    def _upstream(
        self, scheme: Scheme, account: Account, base: Base, ask: Ask, target: tuple[str, Pairs], subprotocols: tuple[str, ...] = ()
    ) -> Upstream:
        path = with_query(*target)
        headers = self.authentication(account, ask) + self.extra_headers(ask)
        return Upstream(scheme, base.host, base.port, path, self.dialect(account, ask), self.family(account, ask), headers, subprotocols)

    def check(self, account: Account) -> None:
        """Raises ProviderError when no session could ever be dialled with this account; for the check of the rules."""
        self.base(account)
        _clean(account)
        if account.auth is not None and account.auth not in self.auths:
            raise _bad(account, f"auth {account.auth!r} is not one of {', '.join(self.auths)}")
        if account.dialect is not None and account.dialect not in self.unmarked:
            raise _bad(account, f"kind {self.kind} takes no dialect {account.dialect!r}; possible: {', '.join(self.unmarked) or 'none'}")

    def native(self, path: str, query: Pairs = ()) -> Native | None:
        """Which of this provider's own shapes a path is, on any host."""
        clean = folded(path)
        return next((shape.native for shape in self.shapes if shape.matches(clean, query)), None)

    def endpoint(self, path: str, query: Pairs = ()) -> Endpoint | None:
        """What a path on this provider's own host means; None for everything that is no realtime traffic."""
        clean = folded(path)
        if native := self.native(clean, query):
            return Endpoint(native.endpoint, clean, default_kind=self.kind, native=native, family=native.family)
        for root in self.roots:
            if found := tail_endpoint(root, clean):
                return Endpoint(found.endpoint, clean, default_kind=self.kind, call_id=found.call_id, family=found.family)
        return None

    def recognises(self, host: str, path: str, query: Pairs = ()) -> Endpoint | None:
        """The same, only when `host` (a name, with or without port) is one of its public hosts; for the intercept door."""
        name = host.strip().lower().partition(":")[0].removesuffix(".")
        known = any(re.fullmatch(re.escape(rule).replace(r"\*", "[a-z0-9-]+"), name) for rule in self.hosts)
        return self.endpoint(path, query) if known else None

    def base(self, account: Account) -> Base:
        """The address the account stands for. Raises ProviderError when it names none, or one that cannot be used."""
        if account.url is not None:
            return read_base(account.url, account.name)
        if self.home is None:
            raise _bad(account, f"kind {self.kind} needs a url")
        return read_base(self.home, account.name)

    def refuse(self, ask: Ask) -> None:
        """Raises ProviderError for a session that this provider does not offer."""
        can = self.capabilities
        if ask.endpoint.endpoint not in _SESSIONS:
            raise ProviderError(400, "not_a_session", f"{ask.endpoint.path} is not the path of a WebSocket session")
        offered = {"realtime": True, "transcription": can.transcription, "translation": can.translation, "live": can.live}
        if not offered[ask.family]:
            raise ProviderError(400, "unsupported_session", f"{self.title} is not known to offer {ask.family} sessions on this path")
        if ask.endpoint.dialect not in can.dialects:
            spoken = f"{self.title} speaks {' and '.join(can.dialects)}, not {ask.endpoint.dialect}"
            raise ProviderError(501, "unsupported_dialect", f"{spoken}; open its session on {self.session_path}")
        if ask.call_id and not can.sideband:
            raise ProviderError(400, "unsupported_session", f"{self.title} has no call to attach to; leave call_id out")
        if self.needs_model(ask) and not ask.model:
            raise ProviderError(400, "missing_model", "no model was named; add ?model=<model> to the URL")

    def refuse_request(self, account: Account, ask: Ask) -> None:
        """Raises ProviderError for a request that this provider does not take."""
        endpoint, can = ask.endpoint.endpoint, self.capabilities
        if endpoint not in INSTEAD:
            raise ProviderError(400, "not_a_session", f"{ask.endpoint.path} is the path of a WebSocket session")
        offered = {"translation": can.translation, "live": can.live}.get(ask.family, True)
        if endpoint not in can.requests or not offered:
            raise unsupported(self.title, endpoint, "" if offered else f" for {ask.family} sessions")

    def needs_model(self, ask: Ask) -> bool:
        return self.capabilities.model_in_url and not ask.call_id and not ask.transcribes

    def dialect(self, account: Account, ask: Ask) -> Dialect:
        return ask.endpoint.dialect

    def family(self, account: Account, ask: Ask) -> Family:
        return ask.family

    def auth(self, account: Account, ask: Ask) -> Auth:
        return account.auth or self.auths[0]

    def authentication(self, account: Account, ask: Ask) -> Pairs:
        """The header with the account's credential; no header at all where there is none."""
        credential = _clean(account)
        if not credential:
            return ()
        name, before = AUTH[self.auth(account, ask)]
        return ((name, before + credential),)

    def extra_headers(self, ask: Ask) -> Pairs:
        beta = ask.beta or ask.endpoint.endpoint in BETA
        return (("OpenAI-Beta", "realtime=v1"),) if beta and self.capabilities.beta else ()

    def offered(self, ask: Ask) -> tuple[str, ...]:
        return tuple(token for token in ask.subprotocols if any(_is(token, rule) for rule in self.subprotocols))


def kept(query: Pairs) -> Pairs:
    """The client's query without credentials, without what names the session (which the provider sets itself), and what is for us."""
    return tuple((name, value) for name, value in without_secrets(query) if name.lower() not in _NAMES_THE_SESSION | {CONSENT[1]})


def _is(token: str, rule: str) -> bool:
    return token.startswith(rule[:-1]) if rule.endswith("*") else token == rule


def _clean(account: Account) -> str:
    credential = (account.credential or "").strip()
    if not re.fullmatch(r"[\x21-\x7e]*", credential):
        raise _bad(account, "its credential has a character that no header may carry (a line break or space inside, or not ASCII)")
    return credential


def _bad(account: Account, what: str) -> ProviderError:
    return ProviderError(500, "bad_provider", f"provider {account.name!r}: {what}")
