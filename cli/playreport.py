"""What there is to say of a replay to an app: before it what to paste, after each connection how the app differed from the recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import Final

from rich.text import Text

from cli.output import err
from cli.output import out
from cli.plain import plain
from cli.playlines import AppLine
from cli.playlines import Script
from cli.playscore import Other
from cli.playscore import Score
from cli.playserver import HOST
from cli.playserver import Played
from cli.playtls import ca_of

_BASES: Final = {"azure": "AZURE_OPENAI_ENDPOINT", "gemini": "GOOGLE_GEMINI_BASE_URL"}
"""Variables from which clients of other protocols take the address alone, by kind of provider."""
_OPENAI: Final = "/realtime"


def announce(scripts: list[Script], port: int, data: Path, *, tls: bool) -> None:
    """On standard error: what is served where, what of it is not as it was, and the lines to paste."""
    console = err()
    for script in scripts:
        url = f"{'wss' if tls else 'ws'}://{HOST}:{port}{script.path}"
        console.print(
            Text.assemble((f"{script.session}  ", "green"), plain(url), (f"  {len(script.lines)} messages, {script.ends:.1f} s", "dim"))
        )
        for note in script.notes:
            console.print(Text(f"  {plain(note)}", style="dim"), soft_wrap=True)
    for line in dict.fromkeys(line for script in scripts for line in _paste(script, port, data, tls=tls)):
        console.print(Text(f"  {line}"), soft_wrap=True)
    console.print(f"replay ready {HOST}:{port}", highlight=False)


def _paste(script: Script, port: int, data: Path, *, tls: bool) -> Iterator[str]:
    base, path = f"{'https' if tls else 'http'}://{HOST}:{port}", script.path
    if tls:
        yield f"export SSL_CERT_FILE={ca_of(data).resolve()}"
    if script.dialect == "gemini" and not tls:
        yield "# google-genai speaks nothing but TLS: add --tls"
    if script.kind in _BASES:
        yield f"export {_BASES[script.kind]}={base}"
    elif path.endswith(_OPENAI):
        yield f"export OPENAI_BASE_URL={base}{path.removesuffix(_OPENAI)}"
        yield "export OPENAI_API_KEY=unused"


def is_good(played: Played) -> bool:
    """Whether the app said all that was recorded and nothing that was not."""
    score = played.score
    return not (score.missing or score.n_unexpected or score.refused or played.broken)


def show(number: int, played: Played) -> None:
    """A connection that is over, on standard output."""
    score = played.score
    counts = {"matched": score.matched, "differing": score.n_differing, "missing": len(score.missing), "unexpected": score.n_unexpected}
    mark = ("✓", "green") if is_good(played) else ("✗", "red")
    console = out()
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    console.print(Text.assemble(mark, f" connection {number}, {played.session}: {told}"), soft_wrap=True)
    for line in _lines(played):
        console.print(Text(f"  {plain(line)}"), soft_wrap=True)


def _lines(played: Played) -> Iterator[str]:
    score = played.score
    if score.refused:
        yield f"refused: {score.refused}"
    yield from (f"differs: {other}" for other in score.differing)
    yield from (f"unexpected: {other}" for other in score.unexpected)
    yield from (f"missing: message {line.number}, {line.kind}" for line in score.missing)
    if score.swapped:
        yield f"{score.swapped} messages came after one that is recorded after them"
    if score.short:
        yield f"{score.short} bytes of sound less than recorded; what follows them was not held back any longer"
    if score.unsaid:
        yield f"{score.unsaid} messages were not sent any more, since the connection had ended"
    if played.broken:
        yield f"broken off: {played.broken}"


def told(played: Played) -> dict[str, Any]:
    """The same as JSON."""
    score = played.score
    return {
        "session": played.session,
        "ok": is_good(played),
        "model": played.asked,
        "close": played.close,
        "broken": played.broken,
        **_score(score),
    }


def _score(score: Score) -> dict[str, Any]:
    return {
        "matched": score.matched,
        "differing": [_other(other) for other in score.differing],
        "n_differing": score.n_differing,
        "missing": [_missing(line) for line in score.missing],
        "unexpected": [_other(other) for other in score.unexpected],
        "n_unexpected": score.n_unexpected,
        "out_of_order": score.swapped,
        "refused": score.refused,
        "sound": {"bytes": score.heard, "short": score.short},
        "sent": score.said,
        "not_sent": score.unsaid,
    }


def _other(other: Other) -> dict[str, Any]:
    return {
        "type": other.kind,
        "nearest": {"n": other.line, "type": other.nearest} if other.line is not None else None,
        "differences": [difference._asdict() for difference in other.differences],
    }


def _missing(line: AppLine) -> dict[str, Any]:
    return {"n": line.number, "type": line.kind}
