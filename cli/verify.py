"""`verify`: whether a log, or a copy of one, is as it was written; names the first record that is not."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from typing import Any

import typer

from cli.errors import FAILED
from cli.errors import Failure
from cli.options import DATA
from cli.options import AsJson
from cli.options import DataFolder
from cli.output import out
from cli.output import print_json
from cli.output import print_table
from cli.plain import plain
from store.errors import StoreError
from store.verify import FileReport
from store.verify import Report
from store.verify import verify as check

_COLUMNS = ("file", "lines", "sealed to", "state")
_RIGHT = ("lines", "sealed to")
_MEGA = 1_000_000


def verify(
    data: DataFolder = DATA,
    public_key: Annotated[
        Path | None,
        typer.Option("--public-key", metavar="FILE", help="Trust this key alone, a copy of seal.pub, and not the one in the folder."),
    ] = None,
    anchor: Annotated[Path | None, typer.Option(metavar="FILE", help="Check the seals of this file too, the one of log.seal.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check that no record of the log was changed, put in, taken out, moved or cut off. Needs no proxy; works on a copy."""
    report = _checked(data, public_key, anchor)
    if as_json:
        print_json(_described(report))
    else:
        _print(report)
    if report.bad is not None:
        raise typer.Exit(FAILED)


def _checked(data: Path, public_key: Path | None, anchor: Path | None) -> Report:
    """Raises Failure VT102."""
    try:
        report = check(data, public=public_key, anchor=anchor)
    except (OSError, ValueError, StoreError) as error:
        raise Failure("VT102", str(error), f"check {data}, and the files that were named") from None
    if not report.files:
        raise Failure("VT102", f"there is no log in {data}", "name the data folder with --data")
    return report


def _described(report: Report) -> dict[str, Any]:
    totals = {"bytes": report.bytes, "mb_per_s": round(_rate(report), 1)}
    return {"ok": report.bad is None, "bad": report.bad and _bad(report.bad), **asdict(report), **totals}


def _bad(found: FileReport) -> dict[str, Any]:
    assert found.bad is not None
    return {"file": found.file, **asdict(found.bad)}


def _print(report: Report) -> None:
    print_table(_COLUMNS, [(found.file, found.lines, found.sealed or "-", _state(found)) for found in report.files], _RIGHT)
    if (bad := report.bad) is not None and bad.bad is not None:
        out().print(f"{bad.file}:{bad.bad.line}: {plain(bad.bad.why)}", style="bold red", markup=False, soft_wrap=True)
    for found in report.files:
        if found.warning is not None:
            out().print(f"{found.file}: warning: {plain(found.warning)}", style="yellow", markup=False, soft_wrap=True)
    texts = f"{report.texts} texts are what was committed to, {report.erased} were erased"
    key = f"{report.seals} seals by the key {report.key}" if report.key else "no seals"
    speed = f"{report.bytes / _MEGA:.1f} MB in {report.seconds:.2f} s, {_rate(report):.0f} MB/s"
    out().print(f"{texts}; {key}; {speed}", markup=False, soft_wrap=True)


def _state(found: FileReport) -> str:
    if found.bad is not None:
        return f"bad at line {found.bad.line}"
    notes = (
        f"lines 1 to {found.unchained} were written before there was a chain, and cannot be checked" if found.unchained else "",
        f"{found.lines - found.sealed} lines are newer than the last seal" if found.lines > max(found.sealed, found.unchained) else "",
        f"{found.torn} bytes of an unfinished line" if found.torn else "",
    )
    return "; ".join(("ok", *filter(None, notes)))


def _rate(report: Report) -> float:
    """MB a second."""
    return report.bytes / _MEGA / report.seconds if report.seconds else 0.0
