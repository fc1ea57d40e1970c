"""The names under which the tests of the proxy know `tests/proxying.py`."""

from proxying import KEY
from proxying import OTHER_KEY
from proxying import ROOT
from proxying import RULES
from proxying import Proxy
from proxying import StartProxy
from proxying import close_of
from proxying import command
from proxying import hash_of

__all__ = ["KEY", "OTHER_KEY", "ROOT", "RULES", "Proxy", "StartProxy", "close_of", "command", "hash_of"]
