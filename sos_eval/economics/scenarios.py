"""The same evaluation under other choices, and along each parameter."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sos_eval.declare import build
from sos_eval.economics.breakeven import break_even_fall
from sos_eval.economics.decision import choose
from sos_eval.economics.declared_analysis import Scenario
from sos_eval.economics.icers import incremental, quadrant
from sos_eval.economics.model.evaluated import DecisionModel, rate_fall
from sos_eval.economics.section import EconomicsSection
from sos_eval.errors import DesignFault, Fault, Faults, nearest

if TYPE_CHECKING:
    from sos_eval.economics.prepared import Prepared

__all__ = ["VariedModel", "scenario_models", "scenario_table", "structural_count"]

#: A scenario, None for the base case, and its model.
VariedModel = tuple[Scenario | None, DecisionModel]


def scenario_models(prepared: Prepared) -> list[VariedModel]:
    """Return the base case and every scenario, each with its own model.

    Raises
    ------
    DesignFault
        A scenario changes a key that is not there, or to a value that is refused.
    """
    assert prepared.model is not None
    out: list[VariedModel] = [(None, prepared.model)]
    faults = Faults(DesignFault)
    for i, scenario in enumerate(prepared.section.scenarios):
        try:
            out.append((scenario, _changed(prepared, scenario, i)))
        except DesignFault as fault:
            faults.extend(fault)
    faults.stop()
    return out


def scenario_table(prepared: Prepared, models: Sequence[VariedModel], *, with_effect: bool) -> pd.DataFrame:
    """Compare scenarios at expected values.

    Parameters
    ----------
    prepared
        The evaluation.
    models
        From `scenario_models`, the base case first.
    with_effect
        Whether costs and effects may be shown together: a row per scenario and strategy, with the frontier's ratios and
        the strategy that is best at the decision threshold; else only the break-even effect is, a row per scenario.
    """
    rows = []
    own = _outline(models[0][1])
    for scenario, model in models:
        same = scenario is not None and np.allclose(_outline(model), own, rtol=1e-12, atol=0)
        row = _costs(scenario, model) | {"note": "changes no result here" if same else ""}
        rows += [row | more for more in _results(prepared, model)] if with_effect else [row]
    return pd.DataFrame(rows)


def _costs(scenario: Scenario | None, model: DecisionModel) -> dict[str, Any]:
    """Return what a scenario is and what needs no effect."""
    base, fall = model.expected, break_even_fall(model)
    return {
        "scenario": scenario.name if scenario else "base case",
        "changes": "; ".join(f"{k} = {v}" for k, v in scenario.change.items()) if scenario else "",
        "why": scenario.why if scenario else "",
        "structural": bool(scenario and scenario.structural),
        "breakeven_fall": fall if np.isfinite(fall) else np.nan,
        "programme_cost": float(model.programme_cost(base)[0]),
        "saving_per_averted": float(model.saving_per_averted(base)[0]),
    }


def structural_count(models: Sequence[VariedModel]) -> int:
    """Count the structural scenarios that change a result at expected values; one that changes none tests nothing."""
    (_, base), *others = models
    own = _outline(base)
    changed = [s for s, model in others if s is not None and not np.allclose(_outline(model), own, rtol=1e-12, atol=0)]
    return sum(scenario.structural for scenario in changed)


def _outline(model: DecisionModel) -> np.ndarray:
    """Return what every result follows from, at expected values: costs, savings, units and size of the effect, (5,)."""
    base, effect = model.expected, model.section.effect
    assert effect is not None
    savings = [model.saving_per_averted(base, cashable=cashable) for cashable in (False, True)]
    fall = rate_fall(effect, base)
    return np.concatenate([model.programme_cost(base), *savings, model.effect_units(base), fall])


def _results(prepared: Prepared, model: DecisionModel) -> list[dict[str, Any]]:
    """Return every strategy against the reference at expected values, and which is best at the decision threshold."""
    base = model.expected
    (effects,), (costs,) = model.evaluate(base)
    reference, threshold = prepared.reference, model.section.decision_threshold
    frontier = incremental(model.strategies, costs, effects).set_index("strategy")
    d_effect, d_cost = effects - effects[reference], costs - costs[reference]
    price = np.nan if threshold is None else threshold
    best = "" if threshold is None else model.strategies[choose(price * d_effect - d_cost, reference)[0]]
    return [
        {
            "strategy": name, "inc_cost": float(d_cost[j]), "inc_effect": float(d_effect[j]),
            "quadrant": quadrant(d_cost[j], d_effect[j]), "status": frontier.loc[name, "status"],
            "icer": frontier.loc[name, "icer"], "threshold": price,
            "incremental_net_benefit": price * float(d_effect[j]) - float(d_cost[j]), "best": best,
        }
        for j, name in enumerate(model.strategies)
        if j != reference
    ]  # fmt: skip


def _changed(prepared: Prepared, scenario: Scenario, i: int) -> DecisionModel:
    """Build the model of a scenario from the declaration with some keys replaced."""
    from sos_eval.economics.prepared import prepare

    document, path = prepared.document, prepared.path
    data: Any = document.data
    for part in path:
        data = data[part]
    changed = deepcopy(data)
    for key, value in scenario.change.items():
        _set(changed, key, value, document.where((*path, "scenarios", i)), scenario.name)
    for dropped in ("scenarios", "schema", "name", "title"):
        changed.pop(dropped, None)
    kept = _keep_effect(changed, prepared.section)
    section = build(EconomicsSection, changed, document, path)
    assert section is not None
    model = prepare(section, document, path, prepared.test if kept else None).model
    assert model is not None
    return model


def _keep_effect(changed: dict[str, Any], section: EconomicsSection) -> bool:
    """Keep an estimate that was taken from a run, as it does not stand in the declaration; say whether it was."""
    effect, used = changed.get("effect"), section.effect
    if not isinstance(effect, dict) or used is None or used.estimate is None or "estimate" in effect:
        return False
    effect.pop("bundle", None)
    own = {"estimate": used.estimate, "std_error": used.std_error, "scale": used.scale, "source": used.source}
    effect.update(own)
    return True


def _set(data: Any, key: str, value: Any, where: str, name: str) -> None:
    """Replace one dotted key; lists are entered by position or by the name of their entry."""
    parts = key.split(".")
    for part in parts[:-1]:
        data = _child(data, part, where, name, key)
    last = parts[-1]
    if isinstance(data, list):
        data[_place(data, last, where, name, key)] = value
    elif isinstance(data, dict):
        data[last] = value
    else:
        raise DesignFault(Fault(where, f"scenario {name}: {key}: {parts[-2]} holds no keys"))


def _child(data: Any, part: str, where: str, name: str, key: str) -> Any:
    if isinstance(data, list):
        return data[_place(data, part, where, name, key)]
    if isinstance(data, dict) and part in data:
        return data[part]
    valid = list(data) if isinstance(data, dict) else []
    raise DesignFault(Fault(where, f"scenario {name}: {key}: no such key as {part!r}", nearest(part, valid)))


def _place(data: list[Any], part: str, where: str, name: str, key: str) -> int:
    names = [str(entry.get("name", i)) if isinstance(entry, dict) else str(i) for i, entry in enumerate(data)]
    if part in names:
        return names.index(part)
    if part.isdigit() and int(part) < len(data):
        return int(part)
    raise DesignFault(Fault(where, f"scenario {name}: {key}: no entry is called {part!r}", nearest(part, names)))
