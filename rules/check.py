"""What the model alone cannot see: references between the parts of a rules file, and combinations that are not safe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from typing import Final

from realtime.detectors import WORDS
from rules.access import LOCAL
from rules.access import Route
from rules.capability import Cannot
from rules.capability import gates_cannot
from rules.diagnostics import nearest
from rules.locate import Reporter
from rules.model import Rules
from rules.resolve import names_model
from rules.yamlload import Path


@dataclass(frozen=True, slots=True)
class Checked:
    """The rules under examination, without the entries that were refused before.

    `numbers` has for each list section the numbers its entries have in the file. `providers`, `keys` and `words` are all
    names written in the file, refused or not, so that one fault does not make others; None where they are not known.
    """

    rules: Rules
    report: Reporter
    numbers: Mapping[str, list[int]]
    providers: Collection[str] | None
    keys: Collection[str] | None
    words: Collection[str] | None
    stored_keys: Collection[str]
    lost: Collection[str]
    """Sections that were refused as a whole; their defaults stand in the rules."""
    cannot: Cannot

    def path(self, section: str, position: int, *keys: str) -> Path:
        """Where the entry now at `position` of `section`, or a key of it, stands in the file."""
        return (section, self.numbers[section][position], *keys)


def prune(value: Mapping[str, Any], refused: Iterable[Path]) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """`value` without what was refused: that provider, key, route, policy, price or word list; of the other sections the whole section.

    Also returns, for each list section, the numbers that its remaining entries have in the file.
    """
    cut = {path[:2] if _has_entries(value, path[0]) else path[:1] for path in refused if path}
    kept: dict[str, Any] = {name: section for name, section in value.items() if (name,) not in cut}
    numbers: dict[str, list[int]] = {}
    for name, section in kept.items():
        if isinstance(section, list):
            numbers[name] = [number for number in range(len(section)) if (name, number) not in cut]
            kept[name] = [section[number] for number in numbers[name]]
        elif isinstance(section, dict):
            kept[name] = {key: inner for key, inner in section.items() if (name, key) not in cut}
    return kept | {"version": 1}, numbers


def _has_entries(value: Mapping[str, Any], section: Any) -> bool:
    return isinstance(value.get(section), list) or section in ("providers", "prices", "words")


def check_names(checked: Checked) -> None:
    """VT002: two entries of one list under the same name, or two keys with the same hash."""
    for section, name in (("keys", "id"), ("keys", "hash"), ("routes", "name"), ("policies", "id")):
        values = [getattr(entry, name) for entry in getattr(checked.rules, section)]
        repeated = {value for value, count in Counter(values).items() if count > 1}
        for position, value in enumerate(values):
            if value in repeated and value in values[:position]:
                checked.report.add(checked.path(section, position, name), "VT002", f"this {name} stands twice under {section}")


def check_references(checked: Checked) -> None:
    """VT040: a route that names a provider, model or key that is not there."""
    for position, route in enumerate(checked.rules.routes):
        _check_provider(checked, position, route)
        _check_key(checked, position, route)


def _check_provider(checked: Checked, position: int, route: Route) -> None:
    name = route.provider
    if name is None or checked.providers is None:
        return
    if name not in checked.providers:
        hint = nearest(name, checked.providers) or f"there are {', '.join(checked.providers) or 'none'}"
        checked.report.add(checked.path("routes", position, "provider"), "VT040", f"no provider is called {name!r}", hint)
    elif route.model is not None and name in checked.rules.providers:
        provider = checked.rules.providers[name]
        if provider.models and not names_model(provider, route.model):
            hint = nearest(route.model, {*provider.models, *provider.models.values()}) or "add it to the models of that provider"
            message = f"the provider {name!r} has no model {route.model!r}"
            checked.report.add(checked.path("routes", position, "model"), "VT040", message, hint)


def _check_key(checked: Checked, position: int, route: Route) -> None:
    glob = route.match.key
    if glob is None or checked.keys is None:
        return
    known = {LOCAL, *checked.keys, *checked.stored_keys}
    if not any(fnmatchcase(key, glob) for key in known):
        path = checked.path("routes", position, "match", "key")
        checked.report.add(path, "VT040", f"no key fits {glob!r}", nearest(glob, known), severity="warning")


def check_words(checked: Checked) -> None:
    """VT032: a policy that looks for a word list that is not there."""
    if checked.words is None:
        return
    known = {f"{WORDS}{name}" for name in checked.words}
    for position, policy in enumerate(checked.rules.policies):
        for number, name in enumerate(policy.when.detect):
            if name.startswith(WORDS) and name not in known:
                hint = nearest(name, known) or f"there are {', '.join(sorted(known)) or 'no lists under words'}"
                path = (*checked.path("policies", position, "when", "detect"), number)
                checked.report.add(path, "VT032", f"no word list is called {name.removeprefix(WORDS)!r}", hint)


def check_capabilities(checked: Checked) -> None:
    """VT051: something asked of a provider that it cannot do."""
    for name, provider in checked.rules.providers.items():
        for key, message, hint in checked.cannot(name, provider):
            checked.report.add(("providers", name, key), "VT051", message, hint)


def check_gates(checked: Checked) -> None:
    """VT051: a gate of a route whose provider, or whose calls, cannot carry it."""
    for position, route in enumerate(checked.rules.routes):
        for key, message, hint in gates_cannot(route, checked.rules.providers.get(route.provider or "")):
            checked.report.add(checked.path("routes", position, key), "VT051", message, hint)


def check_listeners(checked: Checked) -> None:
    """VT060: a listener that other computers reach while there is no key that works."""
    if checked.keys is None:
        return
    refused = len(checked.keys) > len(checked.rules.keys)
    if refused or checked.stored_keys or any(not key.revoked for key in checked.rules.keys):
        return
    for name in ("gateway", "intercept", "control"):
        address = getattr(checked.rules.listen, name)
        if address is not None and not address.loopback:
            message = f"{address} can be reached from other computers, but there is no key"
            checked.report.add(("listen", name), "VT060", message, "make a key with ./run.sh keys new, or listen on 127.0.0.1")


def check_log(checked: Checked) -> None:
    """VT061: everything that is said is kept, text and sound, and the file does not say for how long."""
    log = checked.rules.log
    written = log.retention.model_fields_set if "retention" in log.model_fields_set else set()
    if log.content == "full" and log.audio == "wav" and not {"content", "audio"} <= written:
        message = "full content with audio is kept, and nothing says for how long"
        checked.report.add(("log", "content"), "VT061", message, "write retention: {content: 14d, audio: 1d}")


def check_budgets(checked: Checked) -> None:
    """VT062: a budget whose period is longer than the log remembers what was used in it."""
    kept = checked.rules.log.retention.metadata
    for section in ("keys", "routes"):
        for position, entry in enumerate(getattr(checked.rules, section)):
            if entry.budget is not None and (entry.budget.per or kept + 1) > kept:
                message = f"the log forgets after {kept / 86400:g} days what was used of this budget, which a restart then does not know"
                hint = "give it a period with `per`, or keep log.retention.metadata for longer"
                checked.report.add(checked.path(section, position, "budget"), "VT062", message, hint)


GENERAL: Final[tuple[Callable[[Checked], None], ...]] = (
    check_names,
    check_references,
    check_words,
    check_capabilities,
    check_gates,
    check_listeners,
    check_log,
    check_budgets,
)
