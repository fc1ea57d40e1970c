"""What a provider cannot do although its configuration reads well; found when rules are checked, not by an opaque answer later."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable

from providers import KINDS
from providers.base import Account
from providers.base import ProviderError
from rules.upstream import Provider

Cannot = Callable[[str, Provider], Iterable[tuple[str, str, str]]]
"""For a provider and its name: the key that asks for what it cannot do, why, and a hint."""


def cannot(name: str, provider: Provider) -> Iterable[tuple[str, str, str]]:
    """What follows from the configuration alone, as the provider itself judges it."""
    known = KINDS[provider.kind]
    if provider.api_version is not None and known.capabilities.oldest_api_version is None:
        yield "api_version", f"a provider of kind {provider.kind} has no api_version", "leave it out"
        return
    try:
        known.check(Account(name, provider.kind, provider.url, None, provider.api_version))
    except ProviderError as error:
        yield "api_version" if error.code == "bad_api_version" else "url", error.message, ""
        return
    for key, account in (
        ("auth", Account(name, provider.kind, provider.url, auth=provider.auth)),
        ("dialect", Account(name, provider.kind, provider.url, dialect=provider.dialect)),
    ):
        try:
            known.check(account)
        except ProviderError as error:
            yield key, error.message, ""
