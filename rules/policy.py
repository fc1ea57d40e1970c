"""The policies of rules.yaml and their conditions, compiled while they are validated."""

from __future__ import annotations

from collections.abc import Iterable
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
from realtime.dialects import NAMES
from realtime.jsonpath import Path
from realtime.jsonpath import PathError
from realtime.jsonpath import compile_path
from realtime.policies import PolicySet
from realtime.policies import policy as applied
from realtime.policies.policy import Action
from realtime.policies.policy import Mode
from realtime.policies.policy import OnError
from realtime.policies.policy import Severity
from realtime.regex import PatternError
from realtime.regex import Regex
from realtime.texts import KINDS
from rules.diagnostics import nearest
from rules.section import Globs
from rules.section import Name
from rules.section import Section
from rules.section import as_text
from rules.section import fault
from rules.section import not_empty
from rules.units import Size

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


def _texts(value: Any) -> frozenset[str]:
    if value == "any":
        return frozenset(KINDS)
    kinds = frozenset(value if isinstance(value, list) else [value])
    for kind in kinds - set(KINDS):
        raise fault("VT011", "should be any, or kinds of text", nearest(str(kind), KINDS) or f"there are {', '.join(KINDS)}")
    if not kinds:
        raise fault("VT011", "should name at least one")
    return kinds


_TEXT: Final = {"type": "string"}
_DETECTOR: Final = {"anyOf": [{"enum": list(DETECTORS)}, {"type": "string", "pattern": f"^{WORDS.replace('.', '[.]')}"}]}
Pattern = Annotated[Regex, BeforeValidator(_regex), WithJsonSchema(_TEXT)]
JsonPath = Annotated[tuple[Any, ...], BeforeValidator(_path), WithJsonSchema({"type": "string", "pattern": r"^\$"})]
Detector = Annotated[str, BeforeValidator(_detector), WithJsonSchema(_DETECTOR)]
Texts = Annotated[
    frozenset[str],
    BeforeValidator(_texts),
    WithJsonSchema({"anyOf": [{"enum": ["any", *KINDS]}, {"type": "array", "items": {"enum": list(KINDS)}, "minItems": 1}]}),
]
Value = StrictStr | StrictInt | StrictFloat | StrictBool


Lists = Mapping[str, Detecting]
"""The word lists of the rules by the names that policies use."""


def _wanted(name: str, lists: Lists) -> str | Detecting:
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
    """Which values are looked at; without at and text every string of the message."""
    text: Texts | None = None
    """Which words are looked at, whatever the provider calls the event: any, or a list of kinds."""
    regex: Pattern | None = None
    """An RE2 pattern found anywhere in the value."""
    detect: Annotated[tuple[Detector, ...], AfterValidator(not_empty)] = ()
    """Detectors of which one finds something in the value; `words.<name>` is a list of `words`."""
    in_: tuple[Value, ...] | None = Field(None, alias="in")
    """The value is one of these; needs `at`."""
    not_in: tuple[Value, ...] | None = None
    """The value is none of these; needs `at`."""
    size: Bounds | None = None
    """Size of the value with `at` or `text`, else of the whole message."""

    @model_validator(mode="after")
    def _lists_need_values(self) -> Self:
        if self.at is None and (self.in_ is not None or self.not_in is not None):
            raise fault("VT012", "in and not_in need at, which says what is compared", at="in" if self.in_ is not None else "not_in")
        if self.at is not None and self.text is not None:
            raise fault("VT011", "text goes without at: each says where to look", at="text")
        return self

    def condition(self, lists: Lists) -> Condition:
        """The compiled form. A word list that is not there finds nothing."""
        return Condition(
            from_client=None if self.from_ is None else self.from_ == "client",
            events=self.event,
            at=self.at,
            texts=self.text,
            regex=self.regex,
            detect=tuple(_wanted(name, lists) for name in self.detect),
            one_of=None if self.in_ is None else frozenset(map(scalar, self.in_)),
            none_of=None if self.not_in is None else frozenset(map(scalar, self.not_in)),
            over=self.size.over if self.size else None,
            under=self.size.under if self.size else None,
        )


def _events(value: Any) -> Any:
    events = value if isinstance(value, list) else [value]
    if not events or not all(isinstance(event, dict) for event in events):
        raise fault("VT011", "should be an event, such as {type: session.update}, or a list of them")
    return events


def _dialect(value: Any) -> str:
    name = as_text(value, "the name of a dialect")
    if name not in NAMES:
        raise fault("VT011", "should be a dialect", nearest(name, NAMES) or f"there are {', '.join(NAMES)}")
    return name


class PolicyTest(Section):
    """An example that the policy must judge as said; run whenever the file is loaded."""

    event: Annotated[
        tuple[Mapping[str, Any], ...],
        BeforeValidator(_events),
        WithJsonSchema({"anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}, "minItems": 1}]}),
    ]
    """The message, or several that come one after the other."""
    from_: Literal["client", "server"] | None = Field(None, alias="from")
    """Who sends it; absent means whoever `when` names, else the client."""
    dialect: Annotated[str, BeforeValidator(_dialect), WithJsonSchema({"enum": list(NAMES)})] = "openai"
    """The protocol it is written in."""
    expect: Action | Literal["none"]
    """The policy's action, or `none` where it must not apply."""


class Policy(Section):
    """What is done with the messages that fit."""

    id: Name
    """The name in findings, error events and `explain`."""
    title: StrictStr = ""
    """One line for people."""
    mode: Mode = "enforce"
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
    alert: Severity | None = None
    """Raise an alert of this severity as well."""
    on_error: OnError | None = None
    """What happens to a message that this policy cannot judge; absent means as the rules say."""
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

    def compiled(self, lists: Mapping[str, Detecting], on_error: OnError = "block") -> applied.Policy:
        """The policy as it is applied; `on_error` is what the rules say for those that say nothing themselves. `lists` as in `When`."""
        return applied.Policy(
            id=self.id,
            action=self.action,
            condition=self.when.condition(lists),
            mode=self.mode,
            replace=self.replace,
            message=self.message or "",
            tag=self.tag,
            severity=self.alert,
            on_error=self.on_error or on_error,
        )


def compiled(policies: Iterable[Policy], lists: Mapping[str, Detecting], on_error: OnError, *, monitor: bool = False) -> PolicySet:
    """All policies of one generation of the rules; with `monitor` none of them changes anything. `lists` as in `When.condition`."""
    return PolicySet([policy.compiled(lists, on_error) for policy in policies], monitor=monitor)
