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
from sos_eval.economics.idle import per_unit
from sos_eval.economics.model.evaluated import DecisionModel
from sos_eval.economics.names import BASE_CASE
from sos_eval.economics.scenario_checks import idle_changes, without_idle
from sos_eval.economics.section import EconomicsSection
from sos_eval.errors import DesignFault, Fault, Faults, nearest, numeral

if TYPE_CHECKING:
    from sos_eval.economics.prepared import Prepared

__all__ = ["AVERAGE_CHILD", "VariedModel", "marginal_child", "scenario_models", "scenario_table", "structural_count"]

#: A scenario, None for the base case, and its model.
VariedModel = tuple[Scenario | None, DecisionModel]
#: What is missing where every averted entry is taken to last as the average one.
AVERAGE_CHILD = (
    "no scenario has a shorter stay and a smaller saving (change: {care_pathway.weeks: …}): the child whose entry is "
    "averted stays less long than the average child in care"
)


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
        the strategy that is best at the decision threshold; else only the break-even effect is. Either way
        `breakeven_fall` and `programme_cost` are the strategy's own, `saving_one_each_year` is for one entry averted in
        every year of full effect, fading as declared, and `saving_single_entry` for one averted in the first year.
        ``note`` says where a scenario changes nothing that the table shows.
    """
    rows = []
    base = models[0][1]
    for scenario, model in models:
        priced = model.section.decision_threshold != base.section.decision_threshold
        same = scenario is not None and _alike(model, base, with_effect=with_effect) and not (with_effect and priced)
        results = _results(prepared, model) if with_effect else [{}] * len(model.others)
        for j, more in zip(model.others, results, strict=True):
            row = _costs(scenario, model, j) | {"note": "changes no result here" if same else ""}
            rows.append(row | more)
    return pd.DataFrame(rows)


def _costs(scenario: Scenario | None, model: DecisionModel, j: int) -> dict[str, Any]:
    """Return what a scenario is, and what needs no effect of a strategy."""
    base, share = model.expected, float(model.programme_share[j])
    fall = break_even_fall(model, share)
    return {
        "scenario": scenario.name if scenario else BASE_CASE,
        "changes": "; ".join(f"{k} = {v}" for k, v in scenario.change.items()) if scenario else "",
        "why": scenario.why if scenario else "",
        "structural": bool(scenario and scenario.structural),
        "strategy": model.strategies[j],
        "breakeven_fall": fall if np.isfinite(fall) else np.nan,
        "programme_cost": share * float(model.programme_cost(base)[0]),
        "saving_one_each_year": float(model.saving_per_averted(base)[0]),
        "saving_single_entry": float(model.saving_single_entry(base)[0]),
    }


def structural_count(models: Sequence[VariedModel]) -> int:
    """Count the structural scenarios that change a result at expected values; one that changes none tests nothing.

    Another decision threshold alone is no other structure: it prices the same effects and costs anew.
    """
    (_, base), *others = models
    changed = [s for s, model in others if s is not None and not _alike(model, base, with_effect=True)]
    return sum(scenario.structural for scenario in changed)


def marginal_child(models: Sequence[VariedModel]) -> str:
    """Say how much less is saved for the marginal child: the scenario with a shorter mean stay and the least saving.

    The stay is held against the mean that the base case uses, declared or observed. Empty where no scenario has both a
    shorter stay and a saving that is strictly smaller at expected values.
    """
    (_, base), *others = models
    weeks, saving = base.base.get("weeks"), float(base.saving_per_averted(base.expected)[0])
    found: list[tuple[float, str]] = []
    for scenario, model in others:
        stay, less = model.base.get("weeks"), float(model.saving_per_averted(model.expected)[0])
        if scenario is not None and weeks is not None and stay is not None and stay < weeks and less < saving:
            by = f"{1 - less / saving:.2%} less" if saving > 0 else f"{saving - less:,.0f} less"
            found.append(
                (
                    less,
                    f"in the scenario “{scenario.name}” ({numeral(stay, 4)} weeks for {numeral(weeks, 4)}) "
                    f"{by} is saved",
                )
            )
    return min(found)[1] if found else ""


def _alike(one: DecisionModel, other: DecisionModel, *, with_effect: bool) -> bool:
    """Say whether two models have the same strategies, and everything that their results follow from."""
    if one.strategies != other.strategies:
        return False
    first, second = (_outline(model, with_effect=with_effect) for model in (one, other))
    return bool(np.allclose(first, second, rtol=1e-12, atol=0))


def _outline(model: DecisionModel, *, with_effect: bool) -> np.ndarray:
    """Return what every result follows from, at expected values and a threshold: costs, savings, units, shares."""
    base = model.expected
    savings = [model.saving_per_averted(base, cashable=cashable) for cashable in (False, True)]
    alone, fall = model.saving_single_entry(base), np.array([break_even_fall(model)])
    parts = [model.programme_cost(base), *savings, alone, np.nan_to_num(fall), model.programme_share]
    if with_effect:
        parts += [model.effect_units(base), model.averted(base), model.effect_share]
    return np.concatenate(parts)


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
            "inc_cost": float(d_cost[j]), "inc_effect": float(d_effect[j]),
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
    here = document.where((*path, "scenarios", i))
    changed = deepcopy(data)
    faults = Faults(DesignFault)
    for what, instead in idle_changes(scenario, prepared.section, data):
        faults.add(here, f"scenario {scenario.name}: {what}", instead)
    faults.stop()
    for key, value in scenario.change.items():
        _set(changed, key, value, here, scenario.name)
    changed, own = without_idle(changed), without_idle(data)
    if build(EconomicsSection, changed, document, path) == build(EconomicsSection, own, document, path):
        what = f"scenario {scenario.name}: it says what the base case says, and changes nothing"
        raise DesignFault(Fault(here, what, "change a value, or leave the scenario out"))
    kept = _keep_effect(changed, prepared.section)
    section = build(EconomicsSection, changed, document, path)
    assert section is not None
    for changed_key, what, instead in per_unit(section):
        faults.add(here, f"scenario {scenario.name}: {'.'.join(map(str, changed_key))}: {what}", instead)
    faults.stop()
    model = prepare(section, document, path, prepared.test if kept else None, varied=True).model
    assert model is not None
    return model


def _keep_effect(changed: dict[str, Any], section: EconomicsSection) -> bool:
    """Keep an estimate that was taken from a run, as it does not stand in the declaration; say whether it was."""
    effect, used = changed.get("effect"), section.effect
    if not isinstance(effect, dict) or used is None or used.estimate is None or effect.get("estimate") is not None:
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
