"""The true effects of a declared world, where a design's panel is one: what estimates can be held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os.path import normpath
from pathlib import Path

import numpy as np
import pandas as pd

from sos_eval.design.design import Design
from sos_eval.jobs.answers import Key
from sos_eval.panel.panel import Panel
from sos_eval.results.assignments import MATCHED_ROWS
from sos_eval.results.fitted import Fitted
from sos_eval.results.overall_average import AS_ESTIMATED, AS_SEEN, PLAIN, averaged_rows
from sos_eval.theory.moderators import Moderation, difference_label
from sos_eval.worlds.source import KnownEffects, known_effects

__all__ = ["TRUTH", "average_of", "averaged_as", "known_as", "known_to", "true_of", "units_of"]

TRUTH = "true_effects"
#: Of rows that are matched after the window, effects are those of full embedding.
PHASES = ("embedded", "")
_COLUMNS = ["estimator", "outcome", "scale", "true_effect", "declared_effect", "whose", "averaged", "subgroup"]


def known_to(design: Design) -> KnownEffects | None:
    """Return what the world behind a design's panel is known to do; None where data are real or given in its place."""
    if design.panel.source != "world" or design.overrides.get("panel.path", (None, None))[1]:
        return None
    return known_effects(Path(normpath(design.base / design.panel.path)), design.seed)


def true_of(
    design: Design, known: KnownEffects | None, fitted: Mapping[Key, Fitted], groups: Mapping[str, Moderation]
) -> dict[str, pd.DataFrame]:
    """Return ``true_effects``: of every estimate the true effect that it is the average of; nothing of real data.

    Columns ``estimator, outcome, scale``; ``true_effect``: the average over the treated rows that the estimate's
    overall effect averages, each counting what it counts there (`results.overall_average`); ``declared_effect``, the
    average that the world states, and ``whose``, over whom that is; ``averaged``, whether the estimate is that average
    itself, mixes treated rows by weights that follow how treatment varies, or may compare others than the treated rows
    that are seen (gaps, weights that vary in time); ``subgroup``, empty for the whole: of
    groups of a moderator it is the average that the estimate on that group is of, and of two groups their difference
    (of ratios the ratio), which no world states. An outcome that the world does not know is left out; where it knows
    nothing of a treated row the true effect is NaN.

    Parameters
    ----------
    groups
        What was found of each moderator, by its column.
    """
    if known is None:
        return {}
    rows = list(_of_the_whole(design, known, fitted))
    for by, found in groups.items():
        rows += _of_groups(design, known, by, found)
    return {TRUTH: pd.DataFrame(rows, columns=_COLUMNS)} if rows else {}


def known_as(design: Design, known: KnownEffects, outcome: str) -> str:
    """Return what the world calls an outcome of a design: its name or its column; empty where it does not know it."""
    declared = design.panel.named_outcomes.get(outcome)
    names = (outcome, *((declared.count, declared.value) if declared else ()))
    return next((str(name) for name in names if name in set(known.overall["outcome"])), "")


def _of_the_whole(design: Design, known: KnownEffects, fitted: Mapping[Key, Fitted]) -> Iterator[tuple[object, ...]]:
    """Return a line per estimate and scale of an outcome that the world knows."""
    for (estimator, outcome), one in fitted.items():
        own, scales = known_as(design, known, outcome), set(one.estimate.cells["scale"])
        for name, scale, declared in known.overall.itertuples(index=False):
            if name == own and scale in scales:
                stated, true = declared * units_of(known, name, scale, one), _own(known, name, scale, one)
                yield estimator, outcome, scale, true, stated, known.whose, averaged_as(one), ""


def _of_groups(design: Design, known: KnownEffects, by: str, found: Moderation) -> Iterator[tuple[object, ...]]:
    """Return a line per group of a moderator, and of two their difference, second less first."""
    effects = []
    for label, one in found.groups.items():
        outcome = one.panel.outcome.name
        if not (name := known_as(design, known, outcome)):
            return
        effects.append(_own(known, name, found.scale, one))
        yield one.id, outcome, found.scale, effects[-1], np.nan, "", averaged_as(one), label
    if len(effects) == 2:
        first, second = effects
        apart = second / first if found.scale == "ratio" else second - first
        yield one.id, outcome, found.scale, apart, np.nan, "", averaged_as(one), difference_label(by)


def units_of(known: KnownEffects, outcome: str, scale: str, fitted: Fitted) -> float:
    """Return what turns the world's rates into those of the panel, which may be per another number."""
    return fitted.panel.outcome.per / known.per[outcome] if scale == "rate_per" and outcome in known.per else 1.0


def averaged_as(fitted: Fitted) -> str:
    """Say whether an estimate is the average itself: so is a linear mixture where one start is all that varies.

    With gaps, or weights that vary in time, who is compared from one period to another is not who is treated and seen.
    """
    panel, method = fitted.panel, fitted.estimator
    moved = panel.layout == "panel" and not _same_throughout(panel)
    if moved and not method.mixes:
        return AS_SEEN
    alike = panel.layout == "panel" and len(panel.cohorts) == 1 and panel.is_balanced and not panel.stratified
    alike &= not (panel.covariates or method.covariates or method.weighs_exposure)
    return PLAIN if method.mixes and not alike else AS_ESTIMATED


def _same_throughout(panel: Panel) -> bool:
    """Whether every unit is seen in all periods, at one weight."""
    return panel.is_balanced and bool((panel.matrix("weight") == panel.weights[:, None]).all())


def _own(known: KnownEffects, outcome: str, scale: str, fitted: Fitted) -> float:
    """Return the average of true effects over what an overall effect averages; NaN where one is not known."""
    return average_of(known, outcome, scale, fitted, averaged_rows(fitted.estimator, fitted.estimate))


def average_of(known: KnownEffects, outcome: str, scale: str, fitted: Fitted, own: pd.DataFrame) -> float:
    """Return the average of true effects over some treated rows of a fitted panel; NaN where one is not known.

    Parameters
    ----------
    outcome
        By the world's name.
    own
        ``unit, time, weight``, weights summing to one.
    """
    phases = PHASES if MATCHED_ROWS in fitted.panel.frame else ()
    cells = known.cells[known.cells["outcome"] == outcome]
    cells = cells[cells["phase"].isin(phases)] if phases else cells
    cells = cells.assign(without=cells["without"] * cells["rows"], with_it=cells["with_it"] * cells["rows"])
    sums = cells.groupby(["unit", "time"])[["without", "with_it", "rows"]].sum()
    own = own.join(sums, on=["unit", "time"])
    if own.empty or own["rows"].isna().any():
        return np.nan
    without, with_it = (own[name] / own["rows"] for name in ("without", "with_it"))
    if scale == "ratio":
        return float((with_it * own["weight"]).sum() / (without * own["weight"]).sum())
    effect = np.log(with_it) - np.log(without) if scale == "log" else with_it - without
    return float((effect * own["weight"]).sum()) * units_of(known, outcome, scale, fitted)
