"""The true effects of a declared world, where a design's panel is one: what estimates can be held against."""

from __future__ import annotations

from os.path import normpath
from pathlib import Path

import pandas as pd

from sos_eval.design.design import Design
from sos_eval.worlds.source import true_overall

__all__ = ["TRUTH", "true_of"]

TRUTH = "true_effects"


def true_of(design: Design) -> dict[str, pd.DataFrame]:
    """Return ``true_effects``: the average effect on the treated by outcome and scale; nothing of data that are real.

    Columns ``outcome, scale, true_effect, whose``. An outcome of the design that the world does not know is left out.
    """
    if design.panel.source != "world" or design.overrides.get("panel.path", (None, None))[1]:
        return {}
    truth, whose = true_overall(Path(normpath(design.base / design.panel.path)), design.seed)
    columns = {name: one.count or one.value for name, one in design.panel.named_outcomes.items()}
    rows = [
        (name, scale, effect, whose)
        for name, column in columns.items()
        for known, scale, effect in truth[["outcome", "scale", "true_effect"]].itertuples(index=False)
        if known in (name, column)
    ]
    return {TRUTH: pd.DataFrame(rows, columns=["outcome", "scale", "true_effect", "whose"])} if rows else {}
