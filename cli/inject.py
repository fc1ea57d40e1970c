"""`inject`: makes a message in a live session, as if one of its sides had said it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from cli.completion import complete_session
from cli.message import read
from cli.operating import make
from cli.options import DATA
from cli.options import AsJson
from cli.options import DataFolder
from cli.output import err
from cli.output import print_json
from cli.plain import plain
from cli.records import find_session


class Side(StrEnum):
    client = "client"
    server = "server"


def inject(
    session: Annotated[
        str, typer.Argument(metavar="SESSION", autocompletion=complete_session, help="The session, or the start of its id.")
    ],
    file: Annotated[str, typer.Argument(metavar="FILE", help="What is said; - reads standard input.")],
    side: Annotated[Side, typer.Option("--from", help="Who says it: the client to the provider, or the server to the app.")],
    binary: Annotated[bool, typer.Option("--binary", help="As a binary message.")] = False,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """Make a message of one side of a live session; policies see it like any other."""
    done = make(data, find_session(data, session)["id"], side.value, read(file, binary=binary))
    if as_json:
        print_json(done)
    else:
        waits = ", behind a paused message" if done["waits"] else ""
        what = f"{plain(done['type']) or 'a message'} of {done['size']} bytes"
        err().print(f"{done['session']}: {what} from the {done['from']}{waits}", markup=False)
