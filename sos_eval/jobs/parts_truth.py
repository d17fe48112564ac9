"""The true effects of a declared world by stage of implementation, and of groups that a learner made."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sos_eval.design.design import Design
from sos_eval.estimators import DechaisemartinDhaultfoeuille
from sos_eval.jobs.world_truth import average_of, averaged_as, known_as
from sos_eval.results.fitted import Fitted
from sos_eval.results.overall_average import AS_ESTIMATED, averaged_rows
from sos_eval.theory.stages import in_stage, spans
from sos_eval.worlds.source import KnownEffects

__all__ = ["true_parts"]

STAGE_TRUTH, GROUP_TRUTH = "implementation.true_effects", "moderators.discovery.true_effects"


def true_parts(
    design: Design,
    known: KnownEffects | None,
    headline: Fitted,
    tables: Mapping[str, pd.DataFrame],
    members: Mapping[str, pd.DataFrame],
) -> dict[str, pd.DataFrame]:
    """Return ``implementation.true_effects`` and ``moderators.discovery.true_effects``; nothing of real data.

    The first has ``stage, scale, true_effect, averaged``: the plain mean over a stage's periods since the start of what
    each is the average of in truth (of ratios in logs), wherever an estimate is told that is such a mean; ``averaged``
    as in ``true_effects``. The second has ``learner, group, true_effect, averaged``: the average over the treated of a
    group, weighed as they are, and their periods from the last start on, and of that the median over the splits, as of
    estimates. Of groups of people nothing is told: a world knows effects by unit and period, and people of one unit can
    be in any group.

    Parameters
    ----------
    headline
        The estimate whose stages and units these are.
    tables
        The run's tables.
    members
        By learner ``split, group, unit, weight`` of the treated.
    """
    name = "" if known is None else known_as(design, known, headline.panel.outcome.name)
    if known is None or not name:
        return {}
    made = {}
    staged = tables.get("implementation.by_stage")
    if design.implementation is not None and staged is not None and not _per_period(headline):
        told = set(staged.loc[staged["estimate"].notna(), "stage"])
        own = {stage: span for stage, span in spans(design.implementation.stages).items() if stage in told}
        made[STAGE_TRUTH] = pd.DataFrame(
            [(stage, *_of_stage(known, name, headline, span)) for stage, span in own.items()],
            columns=["stage", "scale", "true_effect", "averaged"],
        )
    if headline.panel.layout == "panel" and headline.panel.outcome.scale in _scales(known, name):
        groups = [_of_groups(known, name, headline, rows).assign(learner=one) for one, rows in members.items()]
        if groups:
            made[GROUP_TRUTH] = pd.concat(groups, ignore_index=True)[["learner", "group", "true_effect", "averaged"]]
    return {table: rows for table, rows in made.items() if len(rows)}


def _per_period(fitted: Fitted) -> bool:
    """Whether effects by event time are divided by the treatment received: no average of effects."""
    return isinstance(fitted.estimator, DechaisemartinDhaultfoeuille) and fitted.estimator.normalized


def _scales(known: KnownEffects, outcome: str) -> set[str]:
    """Return the scales on which a world states the effect on an outcome."""
    return set(known.overall.loc[known.overall["outcome"] == outcome, "scale"])


def _of_stage(known: KnownEffects, outcome: str, fitted: Fitted, span: tuple[float, float]) -> tuple[str, float, str]:
    """Return scale, true effect and how it is averaged of one stage; NaN on a scale that the world does not state."""
    inside = fitted.estimate.cells[in_stage(fitted.estimate.cells, span)]
    scale = str(inside["scale"].iloc[0])
    if scale not in _scales(known, outcome):
        return scale, np.nan, averaged_as(fitted)
    rows = [averaged_rows(fitted.estimator, fitted.estimate, event) for event in inside["event_time"].astype(float)]
    effects = np.array([average_of(known, outcome, scale, fitted, one) for one in rows])
    mean = np.exp(np.log(effects).mean()) if scale == "ratio" else effects.mean()
    return scale, float(mean), averaged_as(fitted)


def _of_groups(known: KnownEffects, outcome: str, fitted: Fitted, members: pd.DataFrame) -> pd.DataFrame:
    """Return the true effect of each group, ``group, true_effect``."""
    frame = fitted.panel.frame
    late = frame["outcome"].notna() & (frame["time"] >= fitted.panel.cohorts.max())
    rows = frame.loc[late, ["unit", "time"]].astype({"unit": str})
    scale = fitted.panel.outcome.scale
    lines = []
    for (split, group), own in members.groupby(["split", "group"]):
        own = rows.merge(own[["unit", "weight"]], on="unit")
        weight = own["weight"] / own.groupby("unit")["time"].transform("size")
        own = own.assign(weight=weight / weight.sum())
        lines.append((split, group, average_of(known, outcome, scale, fitted, own)))
    found = pd.DataFrame(lines, columns=["split", "group", "true_effect"])
    medians: pd.DataFrame = found.groupby("group")["true_effect"].median().reset_index()
    return medians.assign(averaged=AS_ESTIMATED)
