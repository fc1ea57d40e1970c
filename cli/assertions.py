"""What must be true of a session, as people write it: `first_audio.p95<900ms`, `no policy cards`, `said ~ sunny`.

A condition holds or not, and says what was seen. One about a value that is not on record does not hold, whichever way it asks.
"""

from __future__ import annotations

import operator
import re
import shlex
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial
from typing import Any
from typing import Final
from typing import NamedTuple

from pydantic_core import PydanticCustomError

from cli.facts import FIGURES
from cli.facts import TEXTS
from cli.facts import WORDS
from cli.facts import Facts
from cli.facts import Figure
from cli.facts import arguments_of
from rules.units import parse_duration
from store.filters import FINDING
from store.filters import BadFilter
from store.filters import conditions
from store.query import fitting


class Outcome(NamedTuple):
    """Whether a condition holds, and what was seen."""

    held: bool
    seen: str


Check = Callable[[Facts], Outcome]

ALLOWED: Final = (
    'figures with < <= > >= = != (first_audio.p95<900ms, turns>=3, cost<0.05), texts with = and != (status=completed), said ~ "sunny", '
    "tool NAME, policy NAME, findings NAME=VALUE, and these three after no"
)

_COMPARED: Final = re.compile(r"([a-z_][a-z_0-9.]*)\s*(<=|>=|!=|!~|=|<|>|~)\s*(.*)", re.DOTALL)
_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
_SHOWN: Final = 60
"""Characters of a text that are shown."""


def parsed(text: str) -> Check:
    """The check that a condition stands for. Raises BadFilter, with what can be written in its place."""
    compared = _COMPARED.fullmatch(text.strip())
    if compared is not None:
        return _comparison(text, *compared.groups())
    try:
        words = shlex.split(text)
    except ValueError:
        raise BadFilter(f"{text!r} has an open quote", "close it") from None
    absent = words[:1] == ["no"]
    noun, *rest = words[absent:] or [""]
    made = _THINGS.get(noun)
    if made is None:
        raise BadFilter(f"{text!r} is no condition", f"quote each one for the shell; there are {ALLOWED}")
    return partial(made(text, rest), absent=absent)


def _comparison(text: str, name: str, sign: str, value: str) -> Check:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    if not value:
        raise BadFilter(f"{text!r} names no value", f"write it behind {sign}")
    if name in FIGURES:
        return _figure(text, FIGURES[name], sign, value)
    if name in WORDS:
        _allow(text, sign, ("~", "!~"))
        return partial(_words, read=WORDS[name], wanted=value, absent=sign == "!~")
    if name in TEXTS:
        _allow(text, sign, ("=", "!="))
        return partial(_texts, read=TEXTS[name], glob=value, absent=sign == "!=")
    raise BadFilter(f"{text!r}: there is no {name!r}", f"figures: {_listed()}; texts: {', '.join(TEXTS)}; words: {', '.join(WORDS)}")


def _listed() -> str:
    """The names of figures, those of one clock or of tokens in short."""
    return ", ".join(dict.fromkeys(figure.short or name for name, figure in FIGURES.items()))


def _allow(text: str, sign: str, signs: tuple[str, ...]) -> None:
    if sign not in signs:
        raise BadFilter(f"{text!r}: {sign} does not go with it", f"write one of {' '.join(signs)}")


def _figure(text: str, figure: Figure, sign: str, value: str) -> Check:
    _allow(text, sign, tuple(_ORDER))
    limit = _number(text, figure, value)

    def check(facts: Facts) -> Outcome:
        seen = figure.read(facts)
        if seen is None:
            return Outcome(False, figure.missing)
        return Outcome(_ORDER[sign](seen, limit), figure.shown(seen))

    return check


def _number(text: str, figure: Figure, value: str) -> float:
    try:
        return parse_duration(value) * 1000 if figure.timed else float(value)
    except PydanticCustomError as error:
        raise BadFilter(f"{text!r}: {value!r} {error.message()}", "write it as 900ms or 1.5s") from None
    except ValueError:
        raise BadFilter(f"{text!r}: {value!r} is no number", "write digits, and a point before decimals") from None


def _texts(facts: Facts, *, read: Callable[[Facts], list[str | None]], glob: str, absent: bool) -> Outcome:
    """Every value fits the glob, or with `absent` none does."""
    found = read(facts)
    known = [value for value in found if value is not None]
    if not known or len(known) < len(found):
        return Outcome(False, "not on record" if not known else f"{', '.join(_counted(known))}, and not on record")
    held = all(fnmatchcase(value, glob) is not absent for value in known)
    return Outcome(held, ", ".join(_counted(known)))


def _counted(values: list[str]) -> list[str]:
    return [value if number == 1 else f"{value} ({number} times)" for value, number in Counter(values).items()]


def _words(facts: Facts, *, read: Callable[[Facts], list[str | None]], wanted: str, absent: bool) -> Outcome:
    """Some of these words have `wanted` in them, in any case, or with `absent` none."""
    found = read(facts)
    if not found:
        return Outcome(False, "nothing was said")
    hit = next((text for text in found if text is not None and wanted.casefold() in text.casefold()), None)
    if hit is not None:
        return Outcome(not absent, f"“{_around(hit, wanted)}”")
    unknown = sum(text is None for text in found)
    if unknown:
        return Outcome(False, f"the words of {unknown} turns are not on record")
    return Outcome(absent, f"in none of {len(found)} turns")


def _around(text: str, wanted: str) -> str:
    at = max(0, text.casefold().find(wanted.casefold()) - _SHOWN // 2)
    part = text[at : at + _SHOWN + len(wanted)]
    return f"{'…' if at else ''}{part}{'…' if at + len(part) < len(text) else ''}"


def _tool(text: str, words: list[str]) -> Callable[..., Outcome]:
    if not words or "=" in words[0]:
        raise BadFilter(f"{text!r} names no tool", "write tool NAME, and ARGUMENT=VALUE behind it; * and ? fit anything")
    globs = {}
    for word in words[1:]:
        argument, equals, glob = word.partition("=")
        if not equals:
            raise BadFilter(f"{text!r}: {word!r} is no argument", "write ARGUMENT=VALUE behind the name of the tool")
        globs[argument] = glob
    return partial(_called, name=words[0], globs=globs)


def _called(facts: Facts, *, name: str, globs: dict[str, str], absent: bool) -> Outcome:
    named = [call for call in facts.calls if fnmatchcase(call["name"], name)]
    given = [arguments_of(call) if globs else {} for call in named]
    number = sum(arguments is not None and _fits(arguments, globs) for arguments in given)
    if not number and None in given:
        return Outcome(False, "its arguments are not on record")
    every = ", ".join(_counted([call["name"] for call in facts.calls]))
    return Outcome((number > 0) is not absent, f"{number} of {len(facts.calls)} calls: {every}" if every else "no calls")


def _fits(arguments: dict[str, str], globs: dict[str, str]) -> bool:
    return all(name in arguments and fnmatchcase(arguments[name], glob) for name, glob in globs.items())


def _policy(text: str, words: list[str]) -> Callable[..., Outcome]:
    if len(words) != 1 or "=" in words[0]:
        raise BadFilter(f"{text!r} names no policy", "write policy NAME; * and ? fit anything; findings takes more conditions")
    return partial(_found, globs={"policy": words[0]} | ({"kind": "policy"} if words[0] == "*" else {}))


def _findings(text: str, words: list[str]) -> Callable[..., Outcome]:
    try:
        return partial(_found, globs=conditions(words, FINDING))
    except BadFilter as error:
        raise BadFilter(f"{text!r}: {error}", error.hint) from None


def _found(facts: Facts, *, globs: dict[str, str], absent: bool) -> Outcome:
    found = [f"{row.get('policy') or row['kind']} {row['action']} {row['severity']}" for row in facts.findings if fitting(row, globs)]
    return Outcome(bool(found) is not absent, ", ".join(_counted(found)) or "none")


_THINGS: Final[dict[str, Callable[[str, list[str]], Callable[..., Outcome]]]] = {"tool": _tool, "policy": _policy, "findings": _findings}
