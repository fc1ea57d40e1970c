"""Whether an open session would still be let in, by the rules and keys as they are now. Its routing stays the one it began with."""

from __future__ import annotations

from addons.access import Caller
from addons.admission import Admitted
from addons.tap import Tap
from realtime.framing import Close
from rules.access import Key
from rules.keys import allows
from rules.resolve import Refusal
from rules.resolve import resolve


class Standing:
    """Of one session: called twice a second, it looks closer only where rules or keys have changed since."""

    def __init__(self, tap: Tap, caller: Caller, admitted: Admitted) -> None:
        self.tap = tap
        self.caller = caller
        self.admitted = admitted
        self._rules = -1
        self._keys: tuple[Key, ...] = ()
        self._model: str | None = None

    def __call__(self, model: str | None) -> Close | None:
        """Why the session, which runs this model, may not go on; None while it may."""
        rules, keys = self.tap.generation.number, self.tap.own_keys()
        if self._rules == rules and self._keys is keys and self._model == model:
            return None
        self._rules, self._keys, self._model = rules, keys, model
        return self._forbidden(model)

    def _forbidden(self, model: str | None) -> Close | None:
        rules, caller, provider = self.tap.rules, self.caller, self.admitted.target.provider
        if provider not in rules.providers:
            return Close(1008, f"provider {provider} is removed")
        key = next((key for key in self.tap.keys if caller.key is not None and key.id == caller.key.id), None)
        name = "" if model is None and self.admitted.hidden else model
        if key is not None and name is not None and not allows(key, name, provider):
            return Close(1008, f"key {key.id} may not use {f'the model {name[:60]}' if name else 'calls and agents'} any more")
        if caller.foreign and rules.foreign_secrets != "pass":
            return Close(1008, "ephemeral keys from elsewhere are refused now")
        if self.admitted.facts is not None and isinstance(resolve(rules, self.admitted.facts), Refusal):
            return Close(1008, "the rules let this session in no more")
        return None
