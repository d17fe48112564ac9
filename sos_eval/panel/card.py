"""How an object shows itself in a notebook: a title and a few lines, as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

__all__ = ["card"]


def card(title: str, facts: Mapping[str, object]) -> str:
    """Return a title and a table of facts; HTML in words is shown, not obeyed, and what is empty is left out.

    Examples
    --------
    >>> card("A <b>", {"units": 8, "caveat": ""})
    '<p><strong>A &lt;b&gt;</strong></p><table><tr><th>units</th><td>8</td></tr></table>'
    """
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(str(fact))}</td></tr>" for name, fact in facts.items() if fact != ""
    )
    return f"<p><strong>{escape(title)}</strong></p><table>{rows}</table>"
