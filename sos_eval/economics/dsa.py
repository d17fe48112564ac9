"""Deterministic sensitivity analysis: tornado with switch values, one-way curves, two-way grids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import numeral

__all__ = ["Model", "best_changes", "net_benefits", "one_way", "tornado", "two_way_table", "zero_values"]

Array = NDArray[np.float64]
#: Parameters by name, (m,) each -> effects and costs of every strategy, (m, K) each.
Model = Callable[[Mapping[str, Array]], tuple[Array, Array]]
Range = tuple[float, float]
_SCAN = 401  # points between which a change of the best strategy, or of a sign, is looked for
#: Value of a parameter, and the strategies that are best below and above it.
Change = tuple[float, str, str]


def net_benefits(model: Model, base: Mapping[str, float], varied: Mapping[str, Array], threshold: float) -> Array:
    """Net benefit of every strategy, (m, K), with some parameters varied and the others at their base values."""
    size = max((len(values) for values in varied.values()), default=1)
    full = {name: np.full(size, float(value)) for name, value in base.items()}
    full |= {name: np.asarray(values, float) for name, values in varied.items()}
    effects, costs = model(full)
    return np.asarray(threshold * effects - costs)


def one_way(
    model: Model, base: Mapping[str, float], ranges: Mapping[str, Range], strategies: Sequence[str], threshold: float,
    points: int = 11,
) -> pd.DataFrame:  # fmt: skip
    """Net benefit along each parameter's range, the others at base: ``parameter, value, strategy, net_benefit``."""
    tables = []
    for name, (low, high) in ranges.items():
        grid = np.linspace(low, high, points)
        nb = net_benefits(model, base, {name: grid}, threshold)
        for j, strategy in enumerate(strategies):
            tables.append(
                pd.DataFrame({"parameter": name, "value": grid, "strategy": strategy, "net_benefit": nb[:, j]})
            )
    return pd.concat(tables, ignore_index=True)


def two_way_table(
    model: Model, base: Mapping[str, float], pair: tuple[str, str], ranges: Mapping[str, Range],
    strategies: Sequence[str], threshold: float, points: int = 5,
) -> pd.DataFrame:  # fmt: skip
    """Best strategy and its net benefit over a grid of two parameters.

    Returns
    -------
    DataFrame
        ``first, second, first_value, second_value, strategy, net_benefit``; the first parameter runs fastest.
    """
    first, second = pair
    a, b = (np.linspace(*ranges[name], points) for name in pair)
    grid_a, grid_b = np.tile(a, points), np.repeat(b, points)
    nb = net_benefits(model, base, {first: grid_a, second: grid_b}, threshold)
    best = nb.argmax(1)
    return pd.DataFrame({
        "first": first, "second": second, "first_value": grid_a, "second_value": grid_b,
        "strategy": np.array(strategies)[best], "net_benefit": nb[np.arange(len(nb)), best],
    })  # fmt: skip


def tornado(
    model: Model, base: Mapping[str, float], ranges: Mapping[str, Range], strategies: Sequence[str], reference: int,
    threshold: float,
) -> pd.DataFrame:  # fmt: skip
    """Incremental net benefit against the reference at both ends of each range, and what would turn the decision.

    Returns
    -------
    DataFrame
        ``parameter, strategy, low, high, inmb_low, inmb_high, inmb_base, width, zero_value, reason, switch_value,
        switch_from, switch_to, switches``, widest first within a strategy. ``switch_value`` is where the best of all
        strategies changes, the change nearest the base value where there are several, from the strategy that is best
        below it to the one that is above; ``switches`` says all of them, or which is best over the whole range.
        ``zero_value`` is where the strategy's own increment over the reference changes sign, whichever strategy is best
        there; ``reason`` says why it is empty, or that there are several.
    """
    at_base = _inmb(net_benefits(model, base, {}, threshold), reference)[0]
    best = strategies[int(at_base.argmax())]
    rows = []
    for name, (low, high) in ranges.items():
        ends = _inmb(net_benefits(model, base, {name: np.array([low, high])}, threshold), reference)
        changes = best_changes(model, base, name, (low, high), strategies, threshold)
        near = min(changes, key=lambda change: abs(change[0] - base[name])) if changes else (np.nan, "", "")
        turns = dict(zip(("switch_value", "switch_from", "switch_to"), near, strict=True))
        turns["switches"] = _change_words(changes, best)
        for j, strategy in enumerate(strategies):
            if j == reference:
                continue
            roots = zero_values(model, base, name, (low, high), j, reference, threshold)
            rows.append({
                "parameter": name, "strategy": strategy, "low": low, "high": high,
                "inmb_low": ends[0, j], "inmb_high": ends[1, j], "inmb_base": at_base[j],
                "width": abs(ends[1, j] - ends[0, j]), "zero_value": roots[0] if roots else np.nan,
                "reason": _zero_words(roots, strategies[reference]), **turns,
            })  # fmt: skip
    order = {strategy: j for j, strategy in enumerate(strategies)}
    table = pd.DataFrame(rows)
    table["place"] = table["strategy"].map(order)
    return table.sort_values(["place", "width"], ascending=[True, False], kind="stable", ignore_index=True).drop(
        columns="place"
    )


def best_changes(
    model: Model, base: Mapping[str, float], name: str, span: Range, strategies: Sequence[str], threshold: float
) -> list[Change]:
    """Values of one parameter at which the best of all strategies changes, in rising order, from which to which.

    The best is looked for at 401 points, and a change between two of them refined to the last digits (Brent's method);
    a strategy that is best between neighbouring points alone is found where the two around it are level.
    """
    from scipy.optimize import brentq

    def at(value: float) -> Array:
        return np.asarray(net_benefits(model, base, {name: np.array([value])}, threshold)[0])

    def between(low: float, high: float, a: int, b: int) -> list[Change]:
        value = float(brentq(lambda x: at(x)[b] - at(x)[a], low, high, xtol=1e-15, rtol=8.9e-16))
        benefit = at(value)
        c = int(benefit.argmax())
        if c in (a, b) or np.isclose(benefit[c], benefit[a], rtol=1e-9, atol=1e-9):
            return [(value, strategies[a], strategies[b])]
        return [*between(low, value, a, c), *between(value, high, c, b)]

    grid = np.linspace(*span, _SCAN)
    best = net_benefits(model, base, {name: grid}, threshold).argmax(1)
    found: list[Change] = []
    for i in np.flatnonzero(np.diff(best)):
        found += between(float(grid[i]), float(grid[i + 1]), int(best[i]), int(best[i + 1]))
    return found


def _change_words(changes: Sequence[Change], best: str) -> str:
    if not changes:
        return f"{best} is best over the whole range"
    return "; ".join(f"from {below} to {above} at {numeral(value, 4)}" for value, below, above in changes)


def zero_values(
    model: Model, base: Mapping[str, float], name: str, span: Range, strategy: int, reference: int, threshold: float
) -> list[float]:
    """Values of one parameter at which a strategy's incremental net benefit is zero, within its range.

    A sign change is looked for between 401 points and then refined to the last digits (Brent's method); two
    changes between neighbouring points would go unseen.
    """
    from scipy.optimize import brentq

    grid = np.linspace(*span, _SCAN)
    inmb = _inmb(net_benefits(model, base, {name: grid}, threshold), reference)[:, strategy]
    if not np.any(inmb != inmb[0]):
        return []

    def at(value: float) -> float:
        nb = net_benefits(model, base, {name: np.array([value])}, threshold)
        return float(_inmb(nb, reference)[0, strategy])

    roots = [float(x) for x in grid[inmb == 0]]
    for i in np.flatnonzero(inmb[:-1] * inmb[1:] < 0):
        roots.append(float(brentq(at, grid[i], grid[i + 1], xtol=1e-15, rtol=8.9e-16)))
    return sorted(roots)


def _inmb(nb: Array, reference: int) -> Array:
    return nb - nb[:, [reference]]


def _zero_words(roots: list[float], reference: str) -> str:
    if not roots:
        return f"the incremental net benefit over {reference} keeps its sign over the whole range"
    return f"the sign changes {len(roots)} times; the first is given" if len(roots) > 1 else ""
