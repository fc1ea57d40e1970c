"""Which gates a new session has: those of its route, as the rules are now; refused where its protocol cannot carry them."""

from __future__ import annotations

from addons.admission import Admitted
from addons.answers import NotAdmitted
from addons.tap import Tap
from providers import KINDS
from providers.base import Upstream
from realtime.gates.settings import NONE
from realtime.gates.settings import Gates
from rules.access import Route


def gates_for(tap: Tap, admitted: Admitted, upstream: Upstream) -> Gates:
    """The gates of a session. Raises NotAdmitted, 501, where a gate would have nothing to go by."""
    route = next((route for route in tap.rules.routes if route.name == admitted.target.route), None)
    if route is None or (route.hold is None and route.gate is None) or upstream.family == "transcription":
        return NONE
    made = _made(route, admitted)
    if not made.fit(upstream.dialect) or (made.gate and not KINDS[admitted.config.kind].capabilities.gates):
        keys = " and ".join(name for name in ("hold", "gate") if getattr(route, name) is not None)
        which = f"a {upstream.family} session of {admitted.target.provider}"
        raise NotAdmitted(501, "gate_unsupported", f"route {route.name} asks for {keys}, which {which} cannot carry")
    return made


def _made(route: Route, admitted: Admitted) -> Gates:
    beside = admitted.call is not None
    transcriber = KINDS[admitted.config.kind].capabilities.transcriber
    return Gates(hold=route.hold is not None and not beside, gate=route.gate is not None, transcriber=transcriber, beside=beside)
