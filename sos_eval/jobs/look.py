"""The look that a design names for its figures and reports."""

from __future__ import annotations

from sos_eval.design.design import Design
from sos_eval.report.theme_file import OwnLook, read_theme

__all__ = ["own_look"]


def own_look(design: Design) -> OwnLook | None:
    """Read the theme that a design names; None where it names none.

    Raises
    ------
    InputFault
        With every fault of the theme, or of a file that it names.
    """
    return None if design.report.theme is None else read_theme(design.base / design.report.theme)
