"""The check job: whether a design is in order, and whether its data can answer it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sos_eval.design.design import Design, load_design
from sos_eval.errors import Fault, InputFault
from sos_eval.jobs import steps

__all__ = ["Checkup", "check_design"]


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was looked at.

    Attributes
    ----------
    design
        The resolved design.
    data_read
        False where the data are not there: then only the design was checked.
    text
        One line for the screen.
    """

    design: Design
    data_read: bool
    text: str


def check_design(path: str | Path, *, panel: str | Path | None = None) -> Checkup:
    """Check a design file and, where its data are there, the data and whether they can answer it.

    Raises
    ------
    InputFault
        Every fault of the design; where it has none, every fault of the data.
    """
    design = load_design(path, panel=panel)
    source = data_path(design)
    if source is None or not source.exists():
        missing = "names no data file; give one with --panel" if source is None else f"{source.name} is not there"
        if panel is not None:
            raise InputFault(Fault(str(panel), "no such file", "give the panel's path"))
        return Checkup(design, False, f"{design.path}: the design is in order; its data were not read ({missing})")
    panels = steps.load_panels(design)
    steps.identify(design, panels)
    steps.compare(design, panels)
    main = panels[design.estimators[0].id]
    text = f"{main.n_units} units, {int(main.ever_treated.sum())} ever treated, {main.n_times} periods"
    return Checkup(design, True, f"{design.path}: in order ({text})")


def data_path(design: Design) -> Path | None:
    """Return where the design's data stand, or None where it names no file."""
    override = design.overrides.get("panel.path", (None, None))[1]
    if override:
        return Path(override)
    return design.base / design.panel.path if design.panel.path else None
