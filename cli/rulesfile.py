"""The rules file as commands need it: loaded and valid, or a failure that shows every diagnostic."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from rich.text import Text

from cli.errors import Failure
from cli.output import err
from rules.diagnostics import Diagnostic
from rules.load import Loaded
from rules.load import load_file
from rules.model import Rules

_STYLE = {"error": "bold red", "warning": "bold yellow"}


def read_rules(path: Path, stored_keys: Collection[str] = ()) -> Loaded:
    """The file as it is, valid or not."""
    return load_file(path, os.environ, stored_keys=stored_keys)


def valid_rules(path: Path, stored_keys: Collection[str] = ()) -> Rules:
    """The rules. Raises Failure VT100 after showing all diagnostics when they have errors."""
    loaded = read_rules(path, stored_keys)
    if loaded.rules is None:
        for found in loaded.diagnostics:
            err().print(rendered(found, loaded.name), soft_wrap=True)
        raise Failure("VT100", f"{path} has errors", "correct the lines above; `./run.sh check` shows them again")
    return loaded.rules


def rendered(found: Diagnostic, name: str) -> Text:
    """A diagnostic with its code highlighted."""
    text = Text(found.render(name))
    text.highlight_words([found.code], _STYLE[found.severity])
    return text
