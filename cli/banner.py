"""What a person reads when the proxy serves: where it listens, what to paste, what is still missing."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from cli.runfile import reached
from rules.credentials import unresolved
from rules.files import private_reader
from rules.model import Rules

if TYPE_CHECKING:
    from addons.main import Ready


def banner(rules: Rules, ready: Ready, first_key: str | None, environment: Mapping[str, str], folder: Path) -> Text:
    """All of it as one text; `first_key` is a key that was just made and is shown this once."""
    return Text("\n").join([*_doors(ready), *_providers(rules, environment, folder), *_paste(ready, first_key)])


def _doors(ready: Ready) -> Iterator[Text]:
    yield _line("gateway", f"http://{ready.gateway}/v1", "base URL for clients; https works too, with the local CA")
    if ready.intercept:
        yield _line("intercept", f"http://{ready.intercept}", "HTTPS_PROXY for unmodified apps; ./run.sh run -- COMMAND sets it")
    yield _line("dashboard", f"http://{reached(ready.control)}/?token={ready.token}", "open it in a browser on this computer")


def _providers(rules: Rules, environment: Mapping[str, str], folder: Path) -> Iterator[Text]:
    missing = {found.provider: found for found in unresolved(rules, environment, private_reader(folder))}
    for name, provider in rules.providers.items():
        if name not in missing:
            yield _line("provider", name, "ready" if provider.credential else "ready, without a credential")
    for found in missing.values():
        what = f"export {found.credential.name}=…" if found.credential.source == "env" else f"put its key into {found.credential.name}"
        yield _line("not ready", found.provider, f"{what} and start again", style="yellow")


def _paste(ready: Ready, first_key: str | None) -> Iterator[Text]:
    if first_key is None:
        return
    yield Text("\nA first key was made; it is shown this once. Paste this where your app runs:\n", style="bold")
    yield Text(f"  export OPENAI_BASE_URL=http://{ready.gateway}/v1\n  export OPENAI_API_KEY={first_key}\n")


def _line(label: str, value: str, note: str, style: str = "green") -> Text:
    return Text.assemble((f"{label:>10}  ", style), f"{value:<28}  ", (note, "dim"))
