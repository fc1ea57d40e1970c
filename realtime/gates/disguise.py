"""The configuration of a gated session towards both sides: the provider does not answer by itself, the app sees what it asked for."""

from __future__ import annotations

from realtime.dialects.fields import obj
from realtime.frame import Frame
from realtime.gates.act import Act
from realtime.gates.configuration import Asked
from realtime.gates.configuration import asked
from realtime.gates.configuration import concealed
from realtime.gates.configuration import opening
from realtime.gates.configuration import restrained
from realtime.gates.outstanding import Outstanding
from realtime.gates.outstanding import Sent
from realtime.gates.settings import Gates


class Disguise:
    """Of one session. `sent` is what the provider has not confirmed yet."""

    def __init__(self, gates: Gates, sent: Outstanding) -> None:
        self.off = False
        """A transcription session has no answers."""
        self._gates = gates
        self._sent = sent
        self._wants = Asked()
        self._wrote = False
        """Transcripts were switched on here."""

    @property
    def automatic(self) -> bool:
        """Whether the app wants answers without asking."""
        return bool(self._wants.automatic)

    @property
    def transcribes(self) -> bool:
        """Whether there may be transcripts: a provider that does not show how it is configured may make them."""
        return self._wants.transcripts is not False or self._gates.transcriber is not None

    @property
    def hides_transcripts(self) -> bool:
        """Whether they are none of the app's business."""
        return self._wrote and not self._wants.transcripts

    def sends(self, frame: Frame, now: float) -> bytes:
        """A configuration of the app goes to the provider, as this."""
        said = asked(frame.event or {})
        self._sent.add(Sent("update", frame.head.event_id, now, asked=said))
        self._wrote = self._wrote or (said.transcripts is False and self._gates.transcriber is not None)
        return restrained(frame, self._gates.transcriber)

    def opened(self, frame: Frame, now: float, act: Act) -> None:
        """The provider shows how the session begins."""
        event = frame.event or {}
        if obj(event, "session").get("type") == "transcription" or frame.type.startswith("transcription_session"):
            self.off = True
            return
        self._wants.take(asked(event))
        said = Asked()
        for sent in self._sent.of("update"):
            said.take(sent.asked)
        name = self._sent.name("update")
        made = None if self._gates.beside else opening(event, self._gates.transcriber, said, name)
        if made is not None:
            self._wrote = self._wrote or (said.transcripts is None and not self._wants.transcripts and self._gates.transcriber is not None)
            self._sent.add(Sent("update", name, now))
            act.upstream.append(made)

    def confirmed(self, frame: Frame, act: Act) -> None:
        """The provider confirms a configuration, ours or that of the app."""
        sent = self._sent.answered("update")
        if sent is not None and sent.ours:
            act.hide()
            return
        if sent is not None:
            self._wants.take(sent.asked)
        act.payload = concealed(frame, self._wants, transcripts=self.hides_transcripts)
