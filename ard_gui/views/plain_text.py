"""Text of users and models, shown as it is: never read as HTML."""

from __future__ import annotations

import html

WIDEST = 480


def tip(*parts: str) -> str:
    """A tool tip with one paragraph per part, wrapped; what looks like markup is shown as such.

    Qt takes a tool tip for HTML if it looks like HTML, so it is given HTML in which everything is escaped.
    """
    if not any(parts):
        return ""
    paragraphs = (f"<p style='white-space:pre-wrap'>{html.escape(one)}</p>" for one in parts if one)
    return "".join(("<qt>", *paragraphs, "</qt>"))
