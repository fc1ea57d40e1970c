"""What becomes of changes to the instructions and tools of a running session."""

from __future__ import annotations

from typing import Annotated
from typing import Literal

from pydantic import Field
from pydantic import StrictStr

from rules.section import Section

Response = Literal["alert", "block", "allow"]

Tools = tuple[Annotated[StrictStr, Field(min_length=1, max_length=200)], ...]
"""Globs of tools."""


class Changes(Section):
    """A change is told, refused, or nobody's business; what a route does not say is as for the whole file."""

    instructions: Response | None = None
    """Of instructions and prompts, once they were set; alert where nothing says otherwise."""
    tools: Response | None = None
    """Of tools and MCP servers, once they were set; alert where nothing says otherwise."""
