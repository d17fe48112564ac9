"""The table of docs/choosing.md: which checks of the path before the start have something to look at, by estimator."""

from __future__ import annotations

from typing import Any

import numpy as np

from sos_eval.checks.event_path import pathless
from sos_eval.checks.pre_coefficients import pre_coefficients
from sos_eval.errors import InputFault
from sos_eval.panel.panel import Panel
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import registered
from tests.conftest import ROOT
from tests.fakes import fit, panel_of

__all__ = ["choosing", "earlier_paths"]

#: Options that give an estimator another path than its defaults do, in the words of a design.
OPTIONS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "etwfe": (
        ("", {}), ("`control: never_treated`", {"control": "never_treated"}),
        ("`family: poisson`", {"family": "poisson"}),
    ),
    "event_study_twfe": (("", {}), ("`window: [-3, 3]`", {"window": (-3, 3)})),
    "roth_santanna": (("", {}), ("`beta: 1`", {"beta": 1.0})),
    "triple_difference": (("", {"eligible": "eligible"}),),
}  # fmt: skip
#: Methods of rows that are people, which have no path of periods.
OF_PEOPLE = ("aipw", "matched_did", "multilevel")
BEGIN, END = "<!-- made by tests/house/earlier_paths.py: make docs -->\n", "<!-- end -->\n"
HEAD = (
    "| estimator | `pretrends`: joint test | `pretrends`: slope | `honest_did`, `pretrend_power`, `equivalence` |\n"
    "|---|---|---|---|\n"
)


def demonstration(*starts: int) -> Panel:
    """Counts of 24 units in ten periods, eight of which start, in halves where two starts are given."""
    rng = np.random.default_rng(0)
    exposure = np.repeat(rng.uniform(5_000, 90_000, (24, 1)), 10, axis=1)
    first = np.full(24, np.inf)
    first[:8] = np.repeat(np.array(starts, float), 8 // len(starts))
    made = panel_of(rng.poisson(exposure * 0.003).astype(float), first, exposure=exposure)
    return made.with_columns(eligible=made.unit_codes % 2.0, dose=made.frame["treated"] * (1.0 + made.unit_codes % 5))


def has(fitted: Fitted) -> tuple[bool, bool, bool]:
    """Say whether there is a joint test, a slope and a path by event time from one period."""
    joint = pre_coefficients(fitted, by="auto", include_anticipation=False)
    line = pre_coefficients(fitted, by="event_time", include_anticipation=False)
    return not joint.reason, not line.reason and bool(np.isfinite(line.distance).any()), not pathless(fitted)


def cells(estimator: Any, panels: tuple[Panel, Panel]) -> list[str]:
    """Say of each check whether it has something to look at: with one start alone where two leave nothing."""
    found = []
    for panel in panels:
        try:
            found.append(has(fit(estimator, panel)))
        except InputFault:
            found.append((False, False, False))
    words = {(True, True): "yes", (True, False): "with one start", (False, False): "no"}
    return [words[one] for one in zip(*found, strict=True)]


def earlier_paths() -> str:
    """Return the table: every estimator of panels, with its defaults and with the options that change the answer."""
    panels, lines = (demonstration(2006), demonstration(2006, 2008)), []
    for name, method in registered("estimator").items():
        for words, options in () if name in OF_PEOPLE else OPTIONS.get(name, (("", {}),)):
            told = f"`{name}`{', ' if words else ''}{words}"
            lines.append(f"| {told} | " + " | ".join(cells(method(**options), panels)) + " |")
    return HEAD + "\n".join(lines) + "\n"


def choosing() -> str:
    """Return docs/choosing.md with its table made anew."""
    page = (ROOT / "docs" / "choosing.md").read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    return before + BEGIN + earlier_paths() + END + rest.split(END)[1]
