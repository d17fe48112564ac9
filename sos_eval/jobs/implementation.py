"""What a run does with declared implementation: refuse scores off their scale, describe the rest, effects by stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from sos_eval.design.design import Design
from sos_eval.errors import Faults, InputFault, NotIdentified, OurFault
from sos_eval.inference.analytic import Analytic
from sos_eval.inference.jackknife import Jackknife
from sos_eval.inference.randomization import Randomization
from sos_eval.jobs.account import Account
from sos_eval.jobs.answers import Answer, Group, Key, primary
from sos_eval.results.fitted import Fitted, is_fitted_anew
from sos_eval.results.inference import InferenceMethod
from sos_eval.theory.as_treated import as_treated
from sos_eval.theory.decay import decay
from sos_eval.theory.implementation import (
    MeasuredFidelity,
    fidelity_by_time,
    fidelity_summary,
    item_table,
    outside_scale,
    treated_scores,
)
from sos_eval.theory.stages import ByStage, by_stage, in_stage, spans

__all__ = ["effects_by_stage", "implemented", "refuse_scores"]

#: Random adoptions behind the p of a stage, at most.
DRAWS = 999
#: The same where each costs a new fit.
DRAWS_ANEW = 199
_STAGES = (
    "stage", "first", "last", "estimate", "std_error", "conf_low", "conf_high", "p_value", "periods", "fewest_treated",
    "most_treated", "scale", "inference", "reason",
)  # fmt: skip
_NUMBERS = ("estimate", "std_error", "conf_low", "conf_high", "p_value", "reason")
_FEW = "with few treated units this conventional interval is too narrow"
#: Methods that estimate again through the estimate of stages alone.
_REFITTED = (Randomization, Jackknife)
_NO_INTERVAL = "p alone: no interval by lots"


def refuse_scores(design: Design, groups: dict[Key, Group]) -> None:
    """Refuse scores outside their scale, and columns of words.

    Raises
    ------
    NotIdentified
        Each with the line of its declaration.
    """
    declared, faults = design.implementation, Faults(NotIdentified)
    if declared is None:
        return
    panel = groups[primary(design, groups)].source
    where = design.document.where(("implementation", "fidelity"))
    worded = [name for name in declared.reads if not pd.api.types.is_numeric_dtype(panel.frame[name])]
    for name in worded:
        key = "turnover" if name == declared.turnover else "items" if declared.items else "fidelity"
        place = design.document.where(("implementation", key))
        faults.add(place, f"implementation.{key}: {panel.label(name)} holds words", "name a column of numbers")
    if declared.measured and not set(worded) & set(declared.scores):
        if what := outside_scale(panel, declared):
            faults.add(where, f"implementation.fidelity: {what}", "correct the scores, or declare scale: [LOW, HIGH]")
        elif declared.reached_by is not None:
            last = treated_scores(panel, declared)["event_time"].max()
            if declared.reached_by > last:
                what = f"implementation.reached_by: {declared.reached_by} periods after the start nobody is scored"
                place = design.document.where(("implementation", "reached_by"))
                faults.add(place, what, f"write {last:g} or less")
    faults.stop()


def implemented(
    design: Design, groups: dict[Key, Group], fitted: dict[Key, Fitted], answers: dict[Key, Answer], account: Account
) -> dict[str, pd.DataFrame]:
    """Return the tables of the headline's treated units; none where nothing is declared."""
    declared = design.implementation
    if declared is None:
        return {}
    key = primary(design, groups)
    headline, tables = fitted[key], {}
    if declared.measured:
        tables = _scored(headline, declared)
    if declared.stages:
        methods, told = answers[key].resolution.methods, answers[key].inferred
        lines = {method.key: one.table for method, one in zip(methods, told, strict=True)}
        rng = account.stream("by_stage", *key)
        tables["implementation.by_stage"] = effects_by_stage(headline, declared.stages, methods, rng, lines)
    return {name: table for name, table in tables.items() if len(table)}


def _scored(headline: Fitted, declared: MeasuredFidelity) -> dict[str, pd.DataFrame]:
    """Return what is told of scores."""
    tables = {
        "implementation": fidelity_summary(headline.source, declared),
        "implementation.by_time": fidelity_by_time(headline.source, declared),
        "implementation.decay": decay(headline.source, declared),
        "implementation.as_treated": as_treated(headline, declared),
    }
    if declared.items:
        tables["implementation.items"] = item_table(headline.source, declared)
    return tables


def effects_by_stage(
    fitted: Fitted,
    stages: Mapping[str, int],
    methods: Sequence[InferenceMethod],
    rng: np.random.Generator,
    told: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Return the effect in each declared stage under each method of the headline's inference.

    Parameters
    ----------
    stages
        Name to first period since the start.
    methods
        A randomization test draws `DRAWS` adoptions at most (`DRAWS_ANEW`, and no interval, where each is a new fit)
        by its own statistic; where the estimator has no error of an average under other adoptions, stages of several
        periods are compared by the estimate itself, which their reason says. Methods that read an estimator's weights
        are left out; where none that remains gives an error, cluster-robust ones are added.
    told
        Method to the table that it made of the whole estimate: a stage of one period has the line that stands there.

    Returns
    -------
    DataFrame
        A line a stage and method; where there is no effect by periods since the start in a stage, one with the reason.
    """
    try:
        staged = by_stage(fitted, stages)
    except InputFault as fault:
        why = fault.faults[0].what
        lines = [_place(name, span) | {"reason": why} for name, span in spans(stages).items()]
        return pd.DataFrame(lines, columns=list(_STAGES))
    own = [method for method in methods if isinstance(method, _REFITTED) or not method.refits]
    tables = [_inferred(method, staged, fitted, rng, told or {}) for method in own]
    if not any(table[["std_error", "p_value"]].notna().any(axis=None) for _, table in tables):
        plain = Analytic(band_draws=0)
        tables.append((plain, plain.infer(staged, rng).table))
    return pd.DataFrame(
        [line for name, span in spans(stages).items() for line in _stage_lines(fitted, name, span, tables)],
        columns=list(_STAGES),
    )


def _inferred(
    method: InferenceMethod, staged: Fitted, fitted: Fitted, rng: np.random.Generator, told: Mapping[str, pd.DataFrame]
) -> tuple[InferenceMethod, pd.DataFrame]:
    """Return a method and its table of stages, those of one period as they are told of the whole estimate."""
    own = _of_stages(method, fitted)
    table = pd.DataFrame(own.infer(staged, rng).table)
    if isinstance(own, Randomization) and own.statistic != "coefficient" and table["p_value"].isna().any():
        plain = replace(own, statistic="coefficient").infer(staged, rng).table
        lacking = table["p_value"].isna().to_numpy() & plain["p_value"].notna().to_numpy()
        table.loc[lacking] = plain.assign(reason=plain["reason"].map(_by_estimate))[lacking]
    whole = told.get(method.key, pd.DataFrame())
    for place in table.index if len(whole) else ():
        line = whole[(whole["aggregation"] == "event_time") & (whole["event_time"] == table.loc[place, "event_time"])]
        line = line[(line["subgroup"] == "") & (line["scale"] == table.loc[place, "scale"])]
        if len(line) == 1 and place in _of_one_period(staged, fitted):
            table.loc[place, list(_NUMBERS)] = line.iloc[0][list(_NUMBERS)]
    return own, table


def _by_estimate(reason: str) -> str:
    return "; ".join(filter(None, (reason, "by the estimate itself: no error of an average under other adoptions")))


def _of_one_period(staged: Fitted, fitted: Fitted) -> list[int]:
    """Return which cells of an estimate by stage are of one period."""
    if not isinstance(staged.estimator, ByStage):
        raise OurFault("an estimate by stage is not one")
    counts = [int(in_stage(fitted.estimate.cells, one).sum()) for one in staged.estimator.stages]
    return [place for place, n in enumerate(n for n in counts if n) if n == 1]


def _of_stages(method: InferenceMethod, fitted: Fitted) -> InferenceMethod:
    """Return a method as it can be had of averages over the stages of a fitted estimate."""
    if not isinstance(method, Randomization):
        return method
    anew = is_fitted_anew(fitted) or fitted.estimator.solves_anew
    draws = min(method.draws, DRAWS_ANEW if anew else DRAWS)
    costly = anew or (fitted.estimate.cells["scale"] == "ratio").any()
    return replace(method, draws=draws, interval="none" if costly else method.interval)


def _place(name: str, span: tuple[float, float]) -> dict[str, object]:
    """Return where a stage lies; the last has no end."""
    return {"stage": name, "first": span[0], "last": span[1] if np.isfinite(span[1]) else np.nan}


def _stage_lines(
    fitted: Fitted,
    name: str,
    span: tuple[float, float],
    tables: Sequence[tuple[InferenceMethod, pd.DataFrame]],
) -> list[dict[str, object]]:
    """Return a stage's lines, one a method."""
    inside = fitted.estimate.cells[in_stage(fitted.estimate.cells, span)]
    line = _place(name, span)
    if inside.empty:
        return [line | {"periods": 0, "reason": "no treated unit is seen so many periods after its start"}]
    counts = inside["n_treated_units"]
    line |= {"periods": inside["event_time"].nunique(), "fewest_treated": counts.min(), "most_treated": counts.max()}
    lines = []
    for method, table in tables:
        row = table[table["event_time"] == span[0]].iloc[0]
        said = str(row["reason"])
        if fitted.panel.n_treated_clusters < method.alone_from and np.isfinite(row["conf_low"]):
            said = "; ".join(filter(None, (said, _FEW)))
        if isinstance(method, Randomization) and method.interval == "none" and not np.isfinite(row["conf_low"]):
            said = "; ".join(filter(None, (said, _NO_INTERVAL)))
        numbers = {column: row[column] for column in _NUMBERS if column != "reason"}
        lines.append(line | numbers | {"scale": row["scale"], "inference": method.key, "reason": said})
    return lines
