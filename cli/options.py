"""The options that several commands share, and where their values come from when they are not given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from typing import Final

import typer

ROOT: Final = Path(__file__).resolve().parent.parent
"""The folder of run.sh."""

RULES: Final = ROOT / "rules.yaml"
DATA: Final = ROOT / "data"

WORDS: Final = "Other words are looked for in all that is on record of each, in any case."
"""What is said of words that are no conditions."""

RulesFile = Annotated[
    Path,
    typer.Option("--rules", envvar="VOICETAP_RULES", metavar="FILE", show_default="rules.yaml beside run.sh", help="The rules to use."),
]
DataFolder = Annotated[
    Path,
    typer.Option(
        "--data", envvar="VOICETAP_DATA", metavar="DIR", show_default="data/ beside run.sh", help="Where the log and the CA live."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
