"""Whether a provider runs the model that was asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from realtime.hints.hint import Hint

_VERSION: Final = re.compile(r"-[0-9]{4}(-?[0-9]{2}-?[0-9]{2})?|-latest|-preview")
"""What names one version of a model: a date, or that it is the newest."""
_KINDS: Final = frozenset(("openai", "azure", "xai", "simulator"))
"""Providers whose `session.created` is known to name the model that was asked for."""


def replaced(kind: str, asked: str | None, said: str | None, aliases: Mapping[str, str]) -> Hint | None:
    """A hint where a provider of this kind names another model than `asked`.

    A version of the model is the model, and so is what `aliases` has for a deployment; a deployment that is not in there says nothing,
    and neither does a name that stands for the newest of several.
    """
    if kind not in _KINDS or asked is None or said is None or asked.endswith("-latest") or (kind == "azure" and asked not in aliases):
        return None
    if said == asked or _is_version(said, aliases.get(asked, asked)):
        return None
    return Hint(
        "model_replaced",
        f"{asked} was asked for, and the provider says that it runs {said}",
        "Ask for a model that the account has, or write down what this name stands for under `models` of the provider.",
    )


def _is_version(said: str, asked: str) -> bool:
    one, other = said.casefold(), asked.casefold()
    short, long = sorted((one, other), key=len)
    return one == other or (long.startswith(short) and _VERSION.fullmatch(long.removeprefix(short)) is not None)
