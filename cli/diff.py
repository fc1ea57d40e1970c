"""`diff`: two recorded sessions side by side, turn by turn; the exit code says whether they are equal in what was asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import Final

import typer
from rich.text import Text

from cli.alignment import Part
from cli.completion import complete_session
from cli.configured import configured
from cli.differences import Aspect
from cli.differences import Difference
from cli.differences import Side
from cli.differences import differences
from cli.errors import FAILED
from cli.errors import Failure
from cli.facts import Facts
from cli.options import DATA
from cli.options import AsJson
from cli.options import DataFolder
from cli.output import out
from cli.output import print_json
from cli.output import print_table
from cli.plain import plain
from cli.records import find_session
from cli.records import readable
from store.export.reading import Chosen
from store.export.reading import Reading
from store.reader import LogReader

_CELL: Final = 60
"""Characters of a value in the table."""
_SIGNS: Final = {"=": ("", "", ""), "-": ("[-", "-]", "red"), "+": ("{+", "+}", "green")}

Id = Annotated[str, typer.Argument(autocompletion=complete_session, help="A session, or the start of its id.")]


def diff(
    a: Id,
    b: Id,
    only: Annotated[str | None, typer.Option(metavar="WHAT,…", help=f"Compare only this: {', '.join(Aspect)}.")] = None,
    within: Annotated[
        float, typer.Option(min=0, max=100, metavar="PERCENT", help="Latencies, usage and cost this close to each other are equal.")
    ] = 0,
    every: Annotated[bool, typer.Option("--all", help="Show what is equal, too.")] = False,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """Compare two recorded sessions, turn by turn. Exits with 1 when they differ in what is compared."""
    found = compared(data, a, b, only, within)
    if as_json:
        print_json(found.told())
    else:
        found.show(every=every)
    if not found.equal:
        raise typer.Exit(FAILED)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two sessions, and all values of what was compared."""

    sides: tuple[Side, Side]
    aspects: list[Aspect]
    values: list[Difference]

    @property
    def equal(self) -> bool:
        """Whether all values are."""
        return all(one.equal for one in self.values)

    def told(self) -> dict[str, Any]:
        """For programs."""
        a, b = (side.facts.session["id"] for side in self.sides)
        setup = all(side.configured is not None for side in self.sides)
        values = [asdict(one) for one in self.values]
        return {"a": a, "b": b, "equal": self.equal, "compared": self.aspects, "setup": setup, "values": values}

    def show(self, *, every: bool = False) -> None:
        """For people; also what is equal, with `every`."""
        _show(self.sides, self.values, self.aspects, every=every)


def compared(data: Path, a: str, b: str, only: str | None, within: float) -> Compared:
    """Compare two sessions in some aspects or all; numbers may differ by `within` percent. Raises Failure VT102, VT103, VT105."""
    aspects, sides = aspects_of(only), (_side(data, a), _side(data, b))
    return Compared(sides, aspects, [one for one in differences(*sides, within / 100) if one.aspect in aspects])


def aspects_of(only: str | None) -> list[Aspect]:
    """Those that are named, with commas between them; all where none are. Raises Failure VT105."""
    try:
        return [Aspect(name.strip()) for name in only.split(",")] if only else list(Aspect)
    except ValueError as error:
        raise Failure("VT105", f"--only: {error}", f"write some of {', '.join(Aspect)}, with commas between them") from None


def _side(data: Path, name: str) -> Side:
    """Raises Failure VT103, VT102."""
    session = find_session(data, name)
    reading = Reading(LogReader(data), Chosen((str(session["id"]),)))
    with readable(data):
        facts = Facts(session, reading.turns(session), reading.findings(session))
        return Side(facts, configured(reading.frames(session), str(session.get("dialect"))))


def _show(sides: tuple[Side, Side], found: list[Difference], aspects: Iterable[Aspect], *, every: bool) -> None:
    for letter, side in zip("AB", sides, strict=True):
        session = side.facts.session
        head = f"{session['id']}  {session['provider']}/{session['model'] or 'not named'}, {len(side.facts.turns)} turns"
        out().print(Text.assemble((f"{letter}  ", "bold"), plain(head)), soft_wrap=True)
    if Aspect.config in aspects and None in (side.configured for side in sides):
        out().print("instructions and definitions of tools are compared where log.frames kept the messages of both", style="dim")
    shown = [one for one in found if every or not one.equal]
    if shown:
        print_table(("", "turn", "what", "A", "B"), [_row(one) for one in shown])
    for one in found:
        if one.words:
            out().print(Text.assemble((f"turn {_number(one)} {one.name}: ", "bold"), *map(_part, one.words)), soft_wrap=True)
    number = sum(not one.equal for one in found)
    out().print(f"{number or 'no'} difference{'s' * (number != 1)} in {', '.join(aspects)}", markup=False, highlight=False, soft_wrap=True)


def _row(one: Difference) -> tuple[object, ...]:
    mark = Text("=", "dim") if one.equal else Text("≠", "bold red")
    return mark, _number(one), f"{one.aspect} {one.name}" if one.aspect != one.name else one.name, _cell(one.a), _cell(one.b)


def _number(one: Difference) -> str:
    """Of the turn in both: one number where they are the same."""
    if one.turns is None:
        return ""
    a, b = ("-" if number is None else str(number) for number in one.turns)
    return a if a == b else f"{a}|{b}"


def _cell(value: Any) -> str:
    if value is None or value in ("", []):
        return "-"
    if isinstance(value, list):
        return plain(", ".join(map(str, value)), _CELL)
    return f"{value:.6g}" if isinstance(value, float) else plain(value, _CELL)


def _part(part: Part) -> tuple[str, str]:
    sign, words = part
    before, after, style = _SIGNS[sign]
    return f"{before}{plain(words)}{after}", style
