"""Parts of lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from store.query import Order


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list: `desc` has the newest first."""

    limit: int
    offset: int
    order: Order

    def record(self) -> dict[str, Any]:
        return {"limit": self.limit, "offset": self.offset, "order": self.order}
