"""What a graph says must not go together, and whether it does in the panel."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.numerics.multiplicity import holm
from sos_eval.numerics.partial import partial_correlation
from sos_eval.panel.panel import Array, Panel
from sos_eval.theory.graph import Graph
from sos_eval.theory.programme import ProgrammeTheory

__all__ = ["Implication", "held_against", "implications", "values_of"]

#: Sets of measured nodes are tried up to this size before what is not measured is taken in.
_LARGEST = 4


@dataclass(frozen=True, slots=True)
class Implication:
    """Two nodes that the graph says are independent given others, and which of all these are not measured."""

    left: str
    right: str
    given: tuple[str, ...]
    unmeasured: tuple[str, ...]


def implications(theory: ProgrammeTheory) -> list[Implication]:
    """Return an independence for every two nodes without an arrow between them: given the fewest nodes that do.

    Measured ones are taken where they suffice (Pearl 2009, theorem 1.2.5 with the smallest separating set).
    """
    graph, measured, made = theory.graph, set(theory.measured), []
    for left, right in itertools.combinations(graph.nodes, 2):
        if right in graph.parents[left] or left in graph.parents[right]:
            continue
        given = _separating(graph, left, right, measured)
        lacking = tuple(node for node in (left, right, *given) if node not in measured)
        made.append(Implication(left, right, given, lacking))
    return sorted(made, key=lambda one: (len(one.unmeasured) > 0, len(one.given)))


def _separating(graph: Graph, left: str, right: str, measured: Collection[str]) -> tuple[str, ...]:
    """Return the fewest nodes given which two are independent, measured ones if there are any that do."""
    before = graph.ancestors([left, right]) - {left, right}
    seen = [node for node in graph.nodes if node in before and node in measured]
    for size in range(min(_LARGEST, len(seen)) + 1):
        for given in itertools.combinations(seen, size):
            if graph.separated(left, right, given):
                return given
    last = right if right not in graph.ancestors([left]) else left
    given = graph.parents[last]
    for node in given:
        fewer = tuple(name for name in given if name != node)
        given = fewer if graph.separated(left, right, fewer) else given
    return given


def held_against(theory: ProgrammeTheory, panel: Panel) -> pd.DataFrame:
    """Test on the panel's units what the graph says, and list what it would take to test the rest.

    A linear test of each independence: the partial correlation over units, all p values adjusted together (Holm 1979).

    Returns
    -------
    DataFrame
        ``left, right, given, correlation, n_units, p_value, p_adjusted, reason``.
    """
    values = values_of(theory, panel)
    rows = [_row(one, theory, values) for one in implications(theory)]
    names = ["left", "right", "given", "correlation", "n_units", "p_value", "p_adjusted", "reason"]
    table = pd.DataFrame(rows, columns=names)
    known = table["p_value"].notna().to_numpy()
    if known.any():
        table.loc[known, "p_adjusted"] = holm(table["p_value"].to_numpy(float)[known][:, None])[:, 0]
    return table


def _row(one: Implication, theory: ProgrammeTheory, values: Mapping[str, Array | str]) -> dict[str, object]:
    """Return one line of the table, tested or with the reason why not."""
    row: dict[str, object] = {"left": one.left, "right": one.right, "given": ", ".join(one.given)}
    row |= {"correlation": np.nan, "n_units": 0, "p_value": np.nan, "p_adjusted": np.nan}
    if one.unmeasured:
        return {**row, "reason": f"not measured: needs {'; '.join(_needed(theory, one.unmeasured))}"}
    columns = {name: values[name] for name in (one.left, one.right, *one.given)}
    lacking = [column for column in columns.values() if isinstance(column, str)]
    if lacking:
        return {**row, "reason": lacking[0]}
    data = np.column_stack([np.asarray(column, float) for column in columns.values()])
    data = data[np.isfinite(data).all(1)]
    found = partial_correlation(data[:, 0], data[:, 1], data[:, 2:])
    reason = "" if np.isfinite(found.r) else "nothing varies once the others are taken out"
    return {**row, "correlation": found.r, "n_units": len(data), "p_value": found.p, "reason": reason}


def _needed(theory: ProgrammeTheory, nodes: Sequence[str]) -> Iterator[str]:
    """Yield what would measure nodes, in the theory's own words."""
    return (theory.node(name).needs or theory.label(name) for name in nodes)


def values_of(theory: ProgrammeTheory, panel: Panel) -> dict[str, Array | str]:
    """Return each measured node as one value a unit, (n_units,), or why there is none.

    The treatment is whether a unit ever starts; what the treatment moves, the outcome included, is its mean from the
    first start of anyone on; everything else its mean before.
    """
    if panel.layout != "panel":
        why = "rows are people: needs units by periods"
        return dict.fromkeys(theory.measured, why)
    moved = theory.graph.descendants([theory.treatment])
    late = panel.times >= (panel.cohorts.min() if len(panel.cohorts) else np.inf)
    return {node: _values(theory, panel, node, late if node in moved else ~late) for node in theory.measured}


def _values(theory: ProgrammeTheory, panel: Panel, node: str, periods: NDArray[np.bool_]) -> Array | str:
    if node == theory.treatment:
        return panel.ever_treated.astype(float)
    column = "outcome" if node == theory.outcome else theory.columns[node]
    if not pd.api.types.is_numeric_dtype(panel.frame[column]):
        return f"{column} holds words: needs numbers"
    values = panel.matrix(column)[:, periods]
    seen = np.isfinite(values)
    total = np.where(seen, values, 0.0).sum(1)
    return np.asarray(np.divide(total, seen.sum(1), out=np.full(len(values), np.nan), where=seen.any(1)))
