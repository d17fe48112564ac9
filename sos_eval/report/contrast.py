"""How far two colours are apart for an eye, after the Web Content Accessibility Guidelines 2.2."""

from __future__ import annotations

import re

__all__ = ["contrast", "mixed", "rgb"]

_HEX = re.compile("#[0-9a-fA-F]{6}")


def rgb(colour: str) -> tuple[float, float, float]:
    """Return a colour such as ``#0072B2`` as red, green and blue between 0 and 1."""
    if not _HEX.fullmatch(colour):
        raise ValueError(f"{colour} is no colour: write # and six letters or digits, #0072B2")
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def contrast(first: str, second: str) -> float:
    """Return the ratio of two colours' luminances, 1 to 21.

    Examples
    --------
    >>> round(contrast("#000000", "#ffffff"), 6), round(contrast("#777777", "#ffffff"), 2)
    (21.0, 4.48)
    """
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def mixed(colour: str, other: str, share: float) -> str:
    """Return `share` of a colour in another.

    Examples
    --------
    >>> mixed("#ff0000", "#ffffff", 0.2)
    '#ffcccc'
    """
    parts = (share * a + (1 - share) * b for a, b in zip(rgb(colour), rgb(other), strict=True))
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)


def _luminance(colour: str) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
