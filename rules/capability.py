"""What a provider cannot do although its configuration reads well; found when rules are checked, not by an opaque answer later."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterable
from typing import Final

from rules.upstream import Provider

Cannot = Callable[[Provider], Iterable[tuple[str, str, str]]]
"""For a provider: the key that asks for what it cannot do, why, and a hint."""

AZURE_FIRST: Final = "2024-10-01"
"""The first Azure api-version with the realtime protocol, 2024-10-01-preview."""

_VERSION: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:-preview)?")


def cannot(provider: Provider) -> Iterable[tuple[str, str, str]]:
    """What follows from the configuration alone."""
    version = provider.api_version
    if version is None:
        return
    found = _VERSION.fullmatch(version)
    if provider.kind != "azure":
        yield "api_version", f"a provider of kind {provider.kind} has no api_version", "only azure does; leave it out"
    elif found is None:
        yield "api_version", "this is no Azure api-version", "such as 2025-04-01-preview; leave it out for the GA protocol"
    elif found[1] < AZURE_FIRST:
        reason = f"this api-version is too old for realtime, which came with {AZURE_FIRST}-preview"
        yield "api_version", reason, "leave api_version out for the GA protocol"
