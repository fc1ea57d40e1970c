"""The policies of rules.yaml and their conditions, compiled while they are validated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from typing import Any
from typing import Final
from typing import Literal
from typing import Self

from pydantic import AfterValidator
from pydantic import BeforeValidator
from pydantic import Field
from pydantic import StrictBool
from pydantic import StrictFloat
from pydantic import StrictInt
from pydantic import StrictStr
from pydantic import WithJsonSchema
from pydantic import model_validator

from realtime.conditions import Condition
from realtime.conditions import scalar
from realtime.detectors import DETECTORS
from realtime.detectors import WORDS
from realtime.detectors import Detector as Detecting
from realtime.detectors import word_list
from realtime.jsonpath import Path
from realtime.jsonpath import PathError
from realtime.jsonpath import compile_path
from realtime.regex import PatternError
from realtime.regex import Regex
from rules.diagnostics import nearest
from rules.section import Globs
from rules.section import Name
from rules.section import Section
from rules.section import as_text
from rules.section import fault
from rules.section import not_empty
from rules.units import Size

Action = Literal["allow", "redact", "block", "close", "tag", "alert"]
TERMINAL: Final = frozenset({"allow", "block", "close"})
"""Actions that end the evaluation of a message."""

_ONLY_WITH: Final = {"replace": ("redact",), "message": ("block", "close"), "tag": ("tag",)}


def _regex(value: Any) -> Regex:
    try:
        return Regex(as_text(value, "a regular expression"))
    except PatternError as error:
        where = f"at character {error.position + 1} of the pattern"
        raise fault("VT030", f"{error} ({where})", "RE2 has no lookaround and no back references", offset=error.position) from None


def _path(value: Any) -> Path:
    try:
        return compile_path(as_text(value, "a path such as $.item.content[*].text"))
    except PathError as error:
        raise fault("VT031", f"{error} (at character {error.position + 1} of the path)", offset=error.position) from None


def _detector(value: Any) -> str:
    name = as_text(value, "the name of a detector")
    if name not in DETECTORS and not name.startswith(WORDS):
        raise fault("VT032", "no such detector", nearest(name, DETECTORS) or f"there are {', '.join(DETECTORS)}")
    return name


_TEXT: Final = {"type": "string"}
_DETECTOR: Final = {"anyOf": [{"enum": list(DETECTORS)}, {"type": "string", "pattern": f"^{WORDS.replace('.', '[.]')}"}]}
Pattern = Annotated[Regex, BeforeValidator(_regex), WithJsonSchema(_TEXT)]
JsonPath = Annotated[tuple[Any, ...], BeforeValidator(_path), WithJsonSchema({"type": "string", "pattern": r"^\$"})]
Detector = Annotated[str, BeforeValidator(_detector), WithJsonSchema(_DETECTOR)]
Value = StrictStr | StrictInt | StrictFloat | StrictBool


def _wanted(name: str, lists: Mapping[str, Detecting]) -> str | Detecting:
    return lists.get(name) or word_list(name, ()) if name.startswith(WORDS) else name


class Bounds(Section):
    """Exclusive bounds of a size."""

    over: Size | None = None
    """Fits what is larger than this."""
    under: Size | None = None
    """Fits what is smaller than this."""


class When(Section):
    """What a message must be like; every test given must hold, those on values for one and the same value."""

    from_: Literal["client", "server"] | None = Field(None, alias="from")
    """`client` towards the provider, `server` towards the app; absent means both."""
    event: Globs = Field((), validate_default=False)
    """Glob of the event type, or a list of them."""
    at: JsonPath | None = None
    """Which values are looked at; absent means every string of the message."""
    regex: Pattern | None = None
    """An RE2 pattern found anywhere in the value."""
    detect: Annotated[tuple[Detector, ...], AfterValidator(not_empty)] = ()
    """Detectors of which one finds something in the value; `words.<name>` is a list of `words`."""
    in_: tuple[Value, ...] | None = Field(None, alias="in")
    """The value is one of these; needs `at`."""
    not_in: tuple[Value, ...] | None = None
    """The value is none of these; needs `at`."""
    size: Bounds | None = None
    """Size of the value with `at`, else of the whole message."""

    @model_validator(mode="after")
    def _lists_need_values(self) -> Self:
        if self.at is None and (self.in_ is not None or self.not_in is not None):
            raise fault("VT012", "in and not_in need at, which says what is compared", at="in" if self.in_ is not None else "not_in")
        return self

    def condition(self, lists: Mapping[str, Detecting]) -> Condition:
        """The compiled form. `lists` are the word lists by the names that policies use; one that is not there finds nothing."""
        return Condition(
            from_client=None if self.from_ is None else self.from_ == "client",
            events=self.event,
            at=self.at,
            regex=self.regex,
            detect=tuple(_wanted(name, lists) for name in self.detect),
            one_of=None if self.in_ is None else frozenset(map(scalar, self.in_)),
            none_of=None if self.not_in is None else frozenset(map(scalar, self.not_in)),
            over=self.size.over if self.size else None,
            under=self.size.under if self.size else None,
        )


def _event(value: Any) -> Any:
    if not isinstance(value, dict):
        raise fault("VT011", "should be an event, such as {type: session.update}")
    return value


class PolicyTest(Section):
    """An example that the policy must judge as said; run whenever the file is loaded."""

    event: Annotated[Mapping[str, Any], BeforeValidator(_event)]
    """The message."""
    expect: Action | Literal["none"]
    """The policy's action, or `none` where it must not apply."""


class Policy(Section):
    """What is done with the messages that fit."""

    id: Name
    """The name in findings, error events and `explain`."""
    title: StrictStr = ""
    """One line for people."""
    mode: Literal["enforce", "monitor"] = "enforce"
    """`monitor` records what would have happened and changes nothing."""
    when: When
    """Which messages this policy is for."""
    action: Action
    """allow, block and close end the evaluation; redact, tag and alert let it go on."""
    replace: StrictStr | None = None
    """redact: what takes the place of what was found."""
    message: StrictStr | None = None
    """block and close: what the sender is told."""
    tag: Name | None = None
    """tag: the word put on the session."""
    alert: Literal["low", "medium", "high", "critical"] | None = None
    """Raise an alert of this severity as well."""
    tests: tuple[PolicyTest, ...] = ()
    """Examples, checked at every load."""

    @model_validator(mode="after")
    def _fits_action(self) -> Self:
        for key, actions in _ONLY_WITH.items():
            if key in self.model_fields_set and self.action not in actions:
                raise fault("VT011", f"{key} goes with action: {' or '.join(actions)}", at=key)
        if self.action == "tag" and self.tag is None:
            raise fault("VT012", "action: tag needs tag, the word to put on the session", at="action")
        if self.action == "redact" and self.when.at is None and self.when.regex is None and not self.when.detect:
            raise fault("VT012", "action: redact needs at, regex or detect, which say what to replace", at="action")
        return self


def judge(policy: Policy, test: PolicyTest, size: int, lists: Mapping[str, Detecting]) -> str:
    """What `policy` alone does with the message of `test`: its action, or `none`. `lists` as in `When.condition`."""
    event_type = test.event.get("type")
    from_client = policy.when.from_ != "server"
    fits = policy.when.condition(lists).matches(from_client, event_type if isinstance(event_type, str) else "", test.event, size)
    return policy.action if fits else "none"
