"""The incremental table: strong and extended dominance, every strategy kept with its status."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["incremental", "predecessors", "quadrant", "versus"]

Array = NDArray[np.float64]

#: Side of (effect, cost) relative to the reference -> what it means. Cost and effect are never divided in the
#: quadrants where the sign of the ratio says nothing.
_QUADRANTS = {
    (1, 1): "more effective and more costly",
    (1, -1): "more effective and less costly (dominates the reference)",
    (-1, 1): "less effective and more costly (dominated by the reference)",
    (-1, -1): "less effective and less costly",
    (0, 1): "no difference in effect, more costly",
    (0, -1): "no difference in effect, less costly",
    (1, 0): "more effective at the same cost",
    (-1, 0): "less effective at the same cost",
    (0, 0): "no difference in effect or cost",
}


def incremental(strategies: Sequence[str], cost: Array, effect: Array) -> pd.DataFrame:
    """Rank strategies by cost and find the efficient frontier.

    A strategy is dominated (``D``) when another costs no more and does no worse, and better in one of the two;
    extendedly dominated (``ED``) when it lies above the line between two others, that is when its incremental
    ratio exceeds that of the next more effective strategy; else non-dominated (``ND``).

    Parameters
    ----------
    strategies
        K names.
    cost, effect : (K,)
        Expected cost and effect.

    Returns
    -------
    DataFrame
        ``strategy, cost, effect, inc_cost, inc_effect, icer, status``: ND by cost, then ED, then D. Increments and
        ICER of a frontier strategy are against the frontier strategy before it; empty elsewhere.

    Notes
    -----
    Drummond, Sculpher, Claxton, Stoddart and Torrance (2015), chapter 4; the same order as ``calculate_icers`` of
    dampack. Of strategies with exactly equal expected cost and effect the first listed is kept.
    """
    cost, effect = np.asarray(cost, float), np.asarray(effect, float)
    order = np.lexsort((np.arange(len(cost)), -effect, cost))
    status = np.full(len(cost), "D", dtype=object)
    frontier: list[int] = []
    for j in order:
        if not frontier or effect[j] > effect[frontier[-1]]:
            frontier.append(int(j))
    candidates = list(frontier)
    frontier = _convex(frontier, cost, effect)
    status[candidates] = "ED"
    status[frontier] = "ND"
    table = pd.DataFrame({"strategy": list(strategies), "cost": cost, "effect": effect})
    for name in ("inc_cost", "inc_effect", "icer"):
        table[name] = np.nan
    before, after = frontier[:-1], frontier[1:]
    table.loc[after, "inc_cost"] = cost[after] - cost[before]
    table.loc[after, "inc_effect"] = effect[after] - effect[before]
    table["icer"] = table["inc_cost"] / table["inc_effect"]
    table["status"] = status
    rank = np.array([("ND", "ED", "D").index(s) for s in status])
    place = np.empty(len(cost), dtype=int)
    place[order] = np.arange(len(cost))
    return table.iloc[np.lexsort((place, rank))].reset_index(drop=True)


def predecessors(table: pd.DataFrame) -> dict[str, str]:
    """Return the strategy before each on the frontier, from the table of `incremental`; none for the first."""
    names = table.loc[table["status"] == "ND", "strategy"].tolist()
    return dict(zip(names[1:], names[:-1], strict=True))


def _convex(frontier: list[int], cost: Array, effect: Array) -> list[int]:
    """Keep the strategies whose ICERs increase along the frontier."""
    kept: list[int] = []
    for j in frontier:
        while len(kept) >= 2 and _ratio(kept[-2], kept[-1], cost, effect) > _ratio(kept[-1], j, cost, effect):
            kept.pop()
        kept.append(j)
    return kept


def _ratio(i: int, j: int, cost: Array, effect: Array) -> float:
    return float((cost[j] - cost[i]) / (effect[j] - effect[i]))


def quadrant(inc_cost: float, inc_effect: float) -> str:
    """Say in words where a strategy lies relative to the reference."""
    return _QUADRANTS[(int(np.sign(inc_effect)), int(np.sign(inc_cost)))]


def versus(
    strategies: Sequence[str], effects: Array, costs: Array, reference: int, frontier: pd.DataFrame
) -> pd.DataFrame:
    """Compare every strategy with the reference.

    Parameters
    ----------
    strategies
        K names.
    effects, costs : (n, K)
        Draws.
    reference
        Column of the reference.
    frontier
        From `incremental`.

    Returns
    -------
    DataFrame
        ``strategy, reference, inc_cost, inc_effect, icer, status, quadrant, reason`` and the share of draws in each
        quadrant. ``icer`` only where the strategy follows the reference on the frontier: a ratio of a dominated
        strategy, or one that jumps over a strategy on the frontier, would be no price of anything.
    """
    rows, place, before = [], frontier.set_index("strategy"), predecessors(frontier)
    for j, name in enumerate(strategies):
        if j == reference:
            continue
        d_effect, d_cost = effects[:, j] - effects[:, reference], costs[:, j] - costs[:, reference]
        mean_effect, mean_cost = float(d_effect.mean()), float(d_cost.mean())
        words = quadrant(mean_cost, mean_effect)
        status, ratio = str(place.loc[name, "status"]), float(place["icer"].to_numpy(float)[place.index.get_loc(name)])
        reason = _why_no_ratio(mean_cost, mean_effect, status, before.get(name), strategies[reference])
        rows.append({
            "strategy": name,
            "reference": strategies[reference],
            "inc_cost": mean_cost,
            "inc_effect": mean_effect,
            "icer": np.nan if reason else ratio,
            "status": status,
            "quadrant": words,
            "reason": reason,
            "share_ne": float(((d_effect > 0) & (d_cost > 0)).mean()),
            "share_se": float(((d_effect > 0) & (d_cost <= 0)).mean()),
            "share_nw": float(((d_effect <= 0) & (d_cost > 0)).mean()),
            "share_sw": float(((d_effect <= 0) & (d_cost <= 0)).mean()),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _why_no_ratio(cost: float, effect: float, status: str, before: str | None, reference: str) -> str:
    """Say why a strategy has no ratio against the reference; empty where it has one."""
    if effect == 0:
        return "the incremental effect is zero: a ratio to it does not exist; compare the costs"
    if cost * effect <= 0:
        return "cost and effect point to the same choice: a negative ratio would say nothing, the quadrant does"
    if status != "ND":
        return f"{'extendedly ' if status == 'ED' else ''}dominated: no ratio"
    if before != reference:
        where = f"it follows {before} on the frontier" if before and effect > 0 else "it stands before the reference"
        return f"{where}: incremental.csv has the ratio"
    return ""
