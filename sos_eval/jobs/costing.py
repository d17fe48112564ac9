"""The step between a run's results and its economics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sos_eval.bundle.digits import rounded, rounded_table
from sos_eval.design.design import Design
from sos_eval.economics.cost import cost_estimate
from sos_eval.economics.prepared import prepare
from sos_eval.economics.scenarios import scenario_models
from sos_eval.inference.confidence_curve import CURVE
from sos_eval.jobs.answers import Answer, Checked, Group, Key, diagnostics_of, primary
from sos_eval.results.facts import RunFacts
from sos_eval.results.table import stack

__all__ = ["costed", "refuse_economics"]


def refuse_economics(design: Design) -> None:
    """Refuse what is wrong with a design's economics and its scenarios, before the work: the estimate is yet to come.

    Raises
    ------
    DesignFault, DataFault
        Everything that is wrong, at once.
    """
    prepared = prepare(design.economics, design.document, ("economics",))
    if prepared.model is not None:
        scenario_models(prepared)


def costed(
    design: Design, answers: dict[Key, Answer], checked: list[Checked], groups: dict[Key, Group], facts: RunFacts,
    practised: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:  # fmt: skip
    """Return the files of ``economics/`` for a design that declares economics; `practised`: the tables of fidelity."""
    first = primary(design, groups)
    about = [check for check in checked if (check.estimator, check.outcome) == first]
    estimates: pd.DataFrame = stack([inferred.table for inferred in answers[first].inferred])
    curve = _curve(answers[first], facts)
    if design.disclosure.guards:  # what is made of an effect tells no finer than the effect
        estimates, facts = rounded_table(estimates), rounded(facts)
        curve = None if curve is None else rounded_table(curve)
    return cost_estimate(
        design.economics,
        estimates,
        diagnostics_of(about),
        groups[first].comparison.balance,
        facts,
        {check.result.name: check.result.table for check in about if len(check.result.table)} | dict(practised),
        curve,
        document=design.document,
        seed=design.seed,
        title=design.title,
    )


def _curve(answer: Answer, facts: RunFacts) -> pd.DataFrame | None:
    """Return the confidence curve of the headline's test; None where it is no inverted test."""
    name = f"{CURVE}{{}}.{facts.headline.inference.replace(':', '-')}"
    return next((one.tables[name] for one in answer.inferred if name in one.tables), None)
