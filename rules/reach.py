"""Finds what can never take effect: routes and policies behind others, providers and keys that nothing leads to."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from realtime.policies.policy import TERMINAL
from rules.access import Match
from rules.check import Checked
from rules.policy import Policy
from rules.policy import When

_GLOBS: Final = ("door", "path", "model", "key", "host")


def check_routes(checked: Checked) -> None:
    """VT041: a route whose requests an earlier one takes, or whose door is shut."""
    routes = checked.rules.routes
    for position, route in enumerate(routes):
        earlier = next((other for other in routes[:position] if _match_covers(other.match, route.match)), None)
        if earlier is not None:
            message = f"never reached: the route {earlier.name!r} before it takes all its requests"
            checked.report.add(checked.path("routes", position), "VT041", message, "put the narrower route first")
        elif route.match.door == "intercept" and checked.rules.listen.intercept is None and "listen" not in checked.lost:
            path = checked.path("routes", position, "match", "door")
            checked.report.add(path, "VT041", "never reached: the intercept door is off", "set listen.intercept")


def check_unused(checked: Checked) -> None:
    """VT042: a provider reached only by spelling its name in the model, or a key that may use nothing."""
    for name in _unused_providers(checked):
        message = f"nothing leads to the provider {name!r}, except a model written as {name}/<model>"
        checked.report.add(("providers", name), "VT042", message, "give it models, or a route", on_key=True)
    for position, key in enumerate(checked.rules.keys):
        if key.models == () and not key.revoked:
            message = f"the key {key.id!r} may use no model"
            checked.report.add(checked.path("keys", position, "models"), "VT042", message, "leave models out to allow any")


def _unused_providers(checked: Checked) -> Iterator[str]:
    rules = checked.rules
    named = {route.provider for route in rules.routes}
    kinds = set()
    for name, provider in rules.providers.items():
        if name not in named and not provider.models and provider.kind in kinds:
            yield name
        kinds.add(provider.kind)


def check_policies(checked: Checked) -> None:
    """VT041: a policy that fits no message. VT043: one behind a terminal policy that takes all its messages."""
    policies = checked.rules.policies
    for position, policy in enumerate(policies):
        path = checked.path("policies", position)
        impossible = _impossible(policy.when)
        shadow = next((other for other in policies[:position] if _ends_before(other, policy)), None)
        if impossible:
            checked.report.add((*path, "when", impossible), "VT041", f"the policy {policy.id!r} can never fit a message")
        elif shadow is not None:
            message = f"never reached: the policy {shadow.id!r} before it ends the evaluation of all its messages"
            checked.report.add(path, "VT043", message, "put the narrower policy first")


def _impossible(when: When) -> str:
    """The key of `when` that nothing can meet, or ""."""
    if when.in_ == ():
        return "in"
    size = when.size
    return "size" if size and size.over is not None and size.under is not None and size.over + 1 >= size.under else ""


def _ends_before(earlier: Policy, later: Policy) -> bool:
    return earlier.mode == "enforce" and earlier.action in TERMINAL and _when_covers(earlier.when, later.when)


def _when_covers(wide: When, narrow: When) -> bool:
    """Whether every message that fits `narrow` fits `wide`; False where that is not plain to see."""
    direction = wide.from_ in (None, narrow.from_)
    events = not wide.event or (bool(narrow.event) and all(any(_covers(a, b) for a in wide.event) for b in narrow.event))
    return direction and events and (_value_tests(wide) in ((), _value_tests(narrow)))


def _value_tests(when: When) -> tuple[tuple[str, str], ...]:
    """The tests on values, as far as they are made, in a form to compare."""
    made = when.model_fields_set - {"from_", "event"}
    return tuple((name, when.regex.pattern if name == "regex" and when.regex else repr(getattr(when, name))) for name in sorted(made))


def _match_covers(wide: Match, narrow: Match) -> bool:
    """Whether every request that fits `narrow` fits `wide`; False where that is not plain to see."""
    pairs = [(getattr(wide, name), getattr(narrow, name)) for name in _GLOBS]
    narrow_headers = {name.lower(): glob for name, glob in narrow.header.items()}
    pairs += [(glob, narrow_headers.get(name.lower())) for name, glob in wide.header.items()]
    return all(a is None or (b is not None and _covers(a, b)) for a, b in pairs)


def _covers(wide: str, narrow: str) -> bool:
    """Whether the glob `wide` takes all that `narrow` takes."""
    if wide == narrow:
        return True
    if not _is_glob(narrow):
        return fnmatchcase(narrow, wide)
    return wide.endswith("*") and not _is_glob(wide[:-1]) and narrow.startswith(wide[:-1])


def _is_glob(text: str) -> bool:
    return any(sign in text for sign in "*?[")


REACH: Final[tuple[Callable[[Checked], None], ...]] = (check_routes, check_unused, check_policies)
