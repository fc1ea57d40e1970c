"""What a dialect says a message means: one small set of facts, so that turns, meters and records know no spelling.

Every dialect in `realtime/dialects` turns frames into these; nothing above knows an event name of a provider.
All are immutable. Texts are whole strings as sent, times are milliseconds of the provider's own clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Literal

from realtime.audio import AudioFormat
from realtime.audio import Sound
from realtime.usage import Usage


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """The effective or requested configuration; None where the event does not say. `confirmed` by the provider or only asked for."""

    confirmed: bool
    id: str | None = None
    model: str | None = None
    kind: Literal["realtime", "transcription", "translation", "live"] | None = None
    voice: str | None = None
    tools: tuple[str, ...] | None = None
    input_format: AudioFormat | None = None
    output_format: AudioFormat | None = None
    transcription_model: str | None = None
    manual_turns: bool | None = None


@dataclass(frozen=True, slots=True)
class AudioIn:
    """Audio that the client appended, in bytes of the declared input format (base64 already accounted for)."""

    size: int
    format: AudioFormat | None = None
    data: Sound = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AudioOut:
    """Audio of an answer, in bytes of the declared output format."""

    size: int
    response_id: str | None = None
    item_id: str | None = None
    format: AudioFormat | None = None
    data: Sound = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Playback:
    """On a WebRTC call, where the sound of an answer goes another way: the provider `started` to send it, or is done with it.

    `cleared` says that the rest was thrown away, because the user spoke up or the client asked for it.
    """

    response_id: str | None
    started: bool
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class UserItem:
    """A message item from the client; `text` joins its text parts in order. `spoken` when it carries audio."""

    item_id: str | None
    text: str
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The user began to speak, as the provider's voice detection heard it."""

    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The user stopped; starts the latency clock."""

    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class InputCommitted:
    """The user's side of the turn is complete; starts the latency clock when no speech end was seen."""

    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class InputCleared:
    """The client threw away what it had appended since the last commit: nobody will answer or transcribe it."""


@dataclass(frozen=True, slots=True)
class InputTranscript:
    """What the user said. `replace` when `text` is the whole transcript so far, else it is appended.

    `final` ends the item's transcript; `failed` says that there will be none, with the provider's `error` where it gave one.
    """

    item_id: str | None
    text: str
    final: bool = False
    replace: bool = False
    failed: bool = False
    usage: Usage | None = None
    usage_id: str | None = None
    error: ProviderError | None = None


@dataclass(frozen=True, slots=True)
class ResponseRequested:
    """The client asked for an answer."""

    event_id: str | None = None
    model: str | None = None
    out_of_band: bool = False
    """True where the answer stays outside the conversation (`conversation: "none"`), so that it takes no user input."""


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The model begins an answer."""

    response_id: str | None
    out_of_band: bool = False
    """True where the provider says so (`conversation_id: null`)."""


@dataclass(frozen=True, slots=True)
class TextOut:
    """Text of an answer: written (`text`) or the transcript of its audio (`transcript`). `final` carries the whole part."""

    text: str
    kind: Literal["text", "transcript"] = "text"
    response_id: str | None = None
    item_id: str | None = None
    final: bool = False
    replace: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A complete call the model asks for; `arguments` as sent (a JSON text in most dialects)."""

    call_id: str
    name: str
    arguments: str
    response_id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the app answered to a call."""

    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class ResponseFinished:
    """The end of one answer. `reason` is the provider's (turn_detected, …); `text` the final text where the event carries it."""

    response_id: str | None
    status: Literal["completed", "cancelled", "incomplete", "failed"] = "completed"
    reason: str | None = None
    error: ProviderError | None = None
    text: str | None = None
    tools: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    model: str | None = None
    continues: bool = False
    """True where the turn goes on after a tool result (Gemini `toolCall`)."""


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Usage that is not tied to one answer.

    `cumulative` replaces the session's last cumulative report and stands beside everything that adds up; other reports add up.
    `id`, where set, names the billable event, so that one seen twice counts once.
    """

    usage: Usage
    cumulative: bool = False
    id: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderError:
    """An error the provider reported in an event or in a failed response."""

    type: str
    code: str
    message: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Truncated:
    """The client cut an answer it had not played to the end (barge-in)."""

    item_id: str | None
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The provider said that the session is over or about to be; last messages may still follow before the socket closes."""

    reason: str | None = None


Signal = (
    SessionConfig
    | AudioIn
    | AudioOut
    | Playback
    | UserItem
    | SpeechStarted
    | SpeechStopped
    | InputCommitted
    | InputCleared
    | InputTranscript
    | ResponseRequested
    | ResponseStarted
    | TextOut
    | ToolCall
    | ToolResult
    | ResponseFinished
    | UsageReport
    | ProviderError
    | Truncated
    | SessionEnded
)
