"""Results by declared group of children: who enters care, what it costs, and who would gain.

A group's effect depends on what is held constant between groups: the fall in the rate, or its ratio. The declaration
says which (the estimator's own scale where it is silent); the other stands beside it. Groups that make up all children
add up to the total either way. Every strategy has its own rows, with its share of the programme's effect and cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.economics.declared_analysis import Subgroup
from sos_eval.economics.group_checks import by_dimension, make_up_all
from sos_eval.economics.model.evaluated import DecisionModel, rate_fall
from sos_eval.economics.names import ALL_GROUPS
from sos_eval.errors import numeral

if TYPE_CHECKING:
    from sos_eval.economics.prepared import Prepared

__all__ = ["MORE_THAN_THERE_ARE", "constant_of", "equity_table", "group_falls"]

#: Why a group has no result.
MORE_THAN_THERE_ARE = "more entries would be averted in the group than there are"

Array = NDArray[np.float64]


def equity_table(prepared: Prepared, *, with_effect: bool) -> pd.DataFrame:
    """Evaluate each group under each strategy, with its own baseline, and its own effect and weeks where declared.

    A strategy's cost is shared out by children, since it is paid for all of them. Groups of a dimension whose shares
    sum to one have a row for all of them.

    Parameters
    ----------
    prepared
        The evaluation.
    with_effect
        Whether the effect may be combined with costs; else entries and their cost are shown alone.

    Returns
    -------
    DataFrame
        ``strategy, dimension, subgroup, children, entries_per_year, saving_one_each_year, saving_single_entry,
        programme_cost, breakeven_share, source`` (`saving_one_each_year` for one entry averted in every year of full
        effect, fading as declared, `saving_single_entry` for one averted in the first year alone; the share of the
        group's entries that would pay for the strategy); with the effect ``constant, averted_per_year,
        averted_if_difference_constant, averted_if_ratio_constant, inc_effect, inc_cost, threshold,
        incremental_net_benefit`` (the last two empty without a decision threshold)``, reason``. A number that would
        avert more entries than the group has is empty, and with it what is added up from it; ``reason`` says so. The
        comparator has no rows.
    """
    model = prepared.model
    assert model is not None
    rows: list[dict[str, Any]] = []
    for j in model.others:
        for groups in by_dimension(prepared.section).values():
            own = [_row(model, j, group, groups, with_effect=with_effect) for group in groups]
            rows += [*own, *([_sum(own)] if make_up_all(groups) else [])]
    return pd.DataFrame(rows)


def _row(
    model: DecisionModel, j: int, group: Subgroup, groups: Sequence[Subgroup], *, with_effect: bool
) -> dict[str, Any]:
    """Return one group under one strategy."""
    frame, effect = model.section.frame, model.section.effect
    assert frame is not None
    assert effect is not None
    children = group.share * frame.population * frame.authorities
    base = model.expected
    if group.weeks is not None:
        base["weeks"] = np.array([group.weeks])
    saving = float(model.saving_per_averted(base)[0])
    programme = float(model.programme_share[j] * model.programme_cost(base)[0]) * group.share
    entries = group.baseline * children / effect.per
    row = {
        "strategy": model.strategies[j], "dimension": group.dimension, "subgroup": group.name, "children": children,
        "entries_per_year": entries, "saving_one_each_year": saving,
        "saving_single_entry": float(model.saving_single_entry(base)[0]), "programme_cost": programme,
        "breakeven_share": programme / saving / entries if saving > 0 else np.nan, "source": group.source,
    }  # fmt: skip
    return row | _effects(model, j, group, groups, base, row) if with_effect else row


def _effects(
    model: DecisionModel, j: int, group: Subgroup, groups: Sequence[Subgroup], base: dict[str, Any], row: dict[str, Any]
) -> dict[str, Any]:
    """Return what a strategy's effect does in the group, on the declared scale and on the other."""
    effect, threshold = model.section.effect, model.section.decision_threshold
    assert effect is not None
    falls = group_falls(model, group, groups, base)
    constant = constant_of(model, group, groups)
    part = float(model.effect_share[j])
    averted = {
        name: part * float(fall[0]) * row["children"] / effect.per
        if part * float(fall[0]) <= group.baseline
        else np.nan
        for name, fall in falls.items()
    }
    units = averted[constant] * float(model.effect_units(base)[0])
    cost = row["programme_cost"] - averted[constant] * row["saving_one_each_year"]
    price = np.nan if threshold is None else threshold
    return {
        "constant": constant, "averted_per_year": averted[constant],
        "averted_if_difference_constant": averted["difference"], "averted_if_ratio_constant": averted["ratio"],
        "inc_effect": units, "inc_cost": cost, "threshold": price, "incremental_net_benefit": price * units - cost,
        "reason": _why_empty(part * falls[constant][0], group, constant) if np.isnan(averted[constant]) else "",
    }  # fmt: skip


def _why_empty(fall: float, group: Subgroup, constant: str) -> str:
    """Say why a group has no result, and what to declare."""
    other = "constant: ratio" if constant == "difference" else "an effect of its own"
    return f"{MORE_THAN_THERE_ARE} ({numeral(fall, 4)} of {numeral(group.baseline, 4)}); declare {other}"


def constant_of(model: DecisionModel, group: Subgroup, groups: Sequence[Subgroup]) -> str:
    """Say what gives the group its effect: its own, what is the same in every group, or in those that take the rest."""
    effect = model.section.effect
    assert effect is not None
    if group.effect is not None:
        return "own effect"
    usual = "ratio" if effect.scale in ("rate_ratio", "odds_ratio") else "difference"
    rest = make_up_all(groups) and any(one.effect is not None for one in groups)
    return f"rest, {effect.constant or usual}" if rest else effect.constant or usual


def group_falls(
    model: DecisionModel, group: Subgroup, groups: Sequence[Subgroup], values: Mapping[str, Array]
) -> dict[str, Array]:
    """Return the group's fall in the rate, (m,): the same difference, the same share of entries, or its own effect.

    Where the groups make up all children, falls add up to the total: shares are of the groups' own entries; groups
    without an effect of their own take up what the others leave of the total, as the same difference or share; where
    every group has its own (they add up to the effect within 1%), each is moved in proportion to the total.
    """
    effect = model.section.effect
    assert effect is not None
    total = rate_fall(effect, values)
    entries = sum(each.share * each.baseline for each in groups) if make_up_all(groups) else effect.baseline
    falls = {"difference": total, "ratio": total * group.baseline / entries}
    owned = {one.name: _own_fall(model, one, values) for one in groups if one.effect is not None}
    if not make_up_all(groups) or not owned:
        return falls | ({"own effect": owned[group.name]} if group.name in owned else {})
    taken = np.asarray(sum(one.share * owned[one.name] for one in groups if one.name in owned))
    others = [one for one in groups if one.name not in owned]
    if not others:
        return falls | {"own effect": owned[group.name] * _over(total, taken)}
    if group.name in owned:
        return falls | {"own effect": owned[group.name]}
    children, theirs = sum(one.share for one in others), sum(one.share * one.baseline for one in others)
    left = total - taken
    return falls | {"rest, difference": left / children, "rest, ratio": left * group.baseline / theirs}


def _own_fall(model: DecisionModel, group: Subgroup, values: Mapping[str, Array]) -> Array:
    """Return the fall in the group's rate under its own effect, (m,)."""
    effect = model.section.effect
    assert effect is not None
    assert group.effect is not None
    like = np.ones_like(values["effect"])
    return rate_fall(effect, {**values, "baseline": group.baseline * like, "effect": group.effect * like})


def _over(total: Array, taken: Array) -> Array:
    """Return total over taken, (m,); 1 where nothing is taken: the check has found the total to be nothing too."""
    return np.asarray(np.divide(total, taken, out=np.ones_like(total), where=taken != 0))


def _sum(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Add groups that make up all children up."""
    table = pd.DataFrame(rows)
    added = ["children", "entries_per_year", "programme_cost", "averted_per_year", "averted_if_difference_constant",
             "averted_if_ratio_constant", "inc_effect", "inc_cost", "incremental_net_benefit"]  # fmt: skip
    total = {name: float(table[name].sum(skipna=False)) for name in added if name in table}
    kept = {name: table[name].iloc[0] for name in ("strategy", "dimension", "threshold") if name in table}
    if "reason" in table:
        kept["reason"] = "a group that it is made of has no number" if table["reason"].any() else ""
    return {**kept, "subgroup": ALL_GROUPS, **total}
