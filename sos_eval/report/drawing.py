"""A figure: its data as a table, and how they are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.errors import InputFault
from sos_eval.report.alt_words import alt_words
from sos_eval.report.theme import house_style
from sos_eval.results.method import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["WITHHELD", "Drawing", "NothingToShow", "figure"]

Data = Callable[[ResultBundle], pd.DataFrame]
Plot = Callable[[pd.DataFrame, ResultBundle], "Figure"]


#: Why a figure has nothing to show where a profile held its numbers back.
WITHHELD = "its numbers are withheld (disclosure.csv)"


class NothingToShow(InputFault):
    """A bundle lacks what a figure or table shows; the text says what is missing."""


class Drawing:
    """A registered figure; call it with a bundle.

    Attributes
    ----------
    data
        Bundle to the table that is drawn, which becomes ``figures/<name>.csv``; raises `NothingToShow` with the
        reason where the bundle has none.
    plot
        Table and bundle to figure.
    """

    def __init__(self, name: str, data: Data, plot: Plot) -> None:
        self.name, self.data, self.plot = name, data, plot
        self.__doc__ = plot.__doc__

    def __call__(self, bundle: ResultBundle) -> Figure:
        """Draw the figure from a bundle."""
        return self.draw(self.data(bundle), bundle)

    def draw(self, data: pd.DataFrame, bundle: ResultBundle) -> Figure:
        """Draw the figure from its data in the house style; its label says its numbers in words too."""
        with house_style():
            shown = self.plot(data, bundle)
        if said := alt_words(self.name, data, bundle):
            shown.set_label(f"{shown.get_label()} {said}")
        return shown


def figure(name: str, data: Data) -> Callable[[Plot], Drawing]:
    """Register a function of data and bundle as a figure."""

    def enter(plot: Plot) -> Drawing:
        return register(name, kind="figure")(Drawing(name, data, plot))

    return enter
