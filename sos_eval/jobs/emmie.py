"""What is refused of theory, moderators and implementation before anything is estimated: everything at once."""

from __future__ import annotations

from sos_eval.design.design import Design
from sos_eval.errors import Faults, InputFault, NotIdentified
from sos_eval.jobs.answers import Group, Key
from sos_eval.jobs.discovery import refuse_discoveries
from sos_eval.jobs.implementation import refuse_scores
from sos_eval.jobs.moderators import refuse_groups
from sos_eval.jobs.theory import refuse_mediators
from sos_eval.numerics import _dowhy, _econml

__all__ = ["refuse_packages", "refuse_sections"]


def refuse_packages(design: Design) -> None:
    """Refuse what a design asks of packages that are not installed; one that does not ask never looks for them.

    Raises
    ------
    InputFault
        Each package, with the line that asks for it.
    """
    faults = Faults(InputFault)
    if design.theory is not None and (absent := _dowhy.absent()):
        faults.add(design.document.where(("theory",)), absent.what, absent.instead)
    for place, _ in design.discoveries[:1]:
        if absent := _econml.absent():
            faults.add(design.document.where(("moderators", place)), absent.what, absent.instead)
    faults.stop()


def refuse_sections(design: Design, groups: dict[Key, Group]) -> None:
    """Refuse what these data cannot answer of the sections beside the effect.

    Raises
    ------
    NotIdentified
        Every fault of moderators, discoveries, scores and mediators, each with its line.
    """
    faults = Faults(NotIdentified)
    faults.noted(lambda: refuse_groups(design, groups))
    faults.noted(lambda: refuse_discoveries(design, groups))
    faults.noted(lambda: refuse_scores(design, groups))
    faults.noted(lambda: refuse_mediators(design, groups))
    faults.stop()
