"""How many functions and files of the package one thought crosses.

Each call is made once before it is watched, so that nothing is counted that runs at import.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

CO_OPTIMIZED = 1  # functions have it, bodies of modules and classes do not


def crossed(call: Callable[[], object], root: Path = ROOT) -> tuple[int, int]:
    """Return how many distinct functions of the package a call enters, and in how many files."""
    package, seen = str(root / "sos_eval"), set()

    def watch(frame: Any, event: str, arg: object) -> None:
        code = frame.f_code
        own = code.co_filename.startswith(package) and code.co_flags & CO_OPTIMIZED
        if event == "call" and own and not code.co_name.startswith("<"):
            seen.add((code.co_filename, code.co_qualname))

    call()
    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    return len(seen), len({file for file, _ in seen})


def calls(root: Path = ROOT) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the thoughts that are followed, on a simulated panel of England's size."""
    import numpy as np

    import sos_eval as se
    from sos_eval.estimators import TWFE, CallawaySantAnna
    from sos_eval.inference import Randomization
    from sos_eval.panel.tabular import from_frame
    from sos_eval.results.fitted import Fitted

    world = se.load_world(root / "synthetic" / "england.yaml")
    data = se.simulate(world, seed=1)
    data["rate"] = data["care_entries"] / data["children_0_17"] * 10_000
    names = {"unit": "la_code", "time": "year", "outcome": "rate", "first_treated": "first_treated"}
    panel = from_frame(data, **names)
    yield "DataFrame to Panel", lambda: from_frame(data, **names)
    yield "TWFE().fit", lambda: TWFE().fit(data, **names)
    yield "CallawaySantAnna().fit", lambda: CallawaySantAnna().fit(data, **names)
    fitted = Fitted("twfe", "primary", TWFE(), TWFE().complete(panel), panel)
    yield "a permuted TWFE", lambda: Randomization(draws=99).infer(fitted, np.random.default_rng(1))
    seeds = count(1)  # another study each time, so that nothing is remembered
    yield "power, 20 draws", lambda: se.power(CallawaySantAnna(), world, reps=20, seed=next(seeds))
