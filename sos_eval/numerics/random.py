"""One seed, many named and independent random streams."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

__all__ = ["stream"]


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator that belongs to a name under a seed.

    The same seed and names give the same stream whatever else was drawn before, in any process and order; other
    names give an independent one (NumPy's ``SeedSequence`` with the names hashed into its spawn key). The bits
    are SFC64's, the fastest that NumPy has: drawing is most of the cost of a power study.

    Parameters
    ----------
    seed
        The study's seed.
    *names
        What the stream is for, e.g. ``"randomization", "primary"`` or ``"chunk", 17``.
    """
    text = "\x1f".join(f"{type(name).__name__}:{name}" for name in names)
    digest = sha256(text.encode()).digest()
    key = tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))
