"""The tables of a theory that a bundle holds, as a figure and a reader need them."""

from __future__ import annotations

import pandas as pd

from sos_eval.theory.identify import Identification
from sos_eval.theory.programme import ProgrammeTheory

__all__ = ["adjustment_table", "edges_table", "nodes_table"]


def nodes_table(theory: ProgrammeTheory) -> pd.DataFrame:
    """Return every node with its words, its role, its column or what would measure it, and its layer in a drawing."""
    layers = _layers(theory)
    rows = [
        {"node": name, "words": theory.label(name), "role": theory.role(name), "layer": layers[name],
         "column": theory.columns.get(name, ""), "measured": "yes" if name in theory.measured else "no",
         "needs": "" if name in theory.measured else theory.node(name).needs, "differs": theory.differs.get(name, "")}
        for name in theory.graph.nodes
    ]  # fmt: skip
    return pd.DataFrame(rows)


def edges_table(theory: ProgrammeTheory) -> pd.DataFrame:
    """Return every arrow."""
    return pd.DataFrame(list(theory.graph.edges), columns=["cause", "moves"])


def adjustment_table(found: Identification) -> pd.DataFrame:
    """Return what identifies the effect: a row per set, whether something can be left out of it, and of what kind."""
    minimal = set(found.minimal)
    rows = [("back door", one, one in minimal) for one in found.back_door]
    rows += [("front door", found.front_door, True)] if found.front_door else []
    rows += [("instrument", frozenset([node]), True) for node in found.instruments]
    rows += [("back door, if measured", found.missing, True)] if found.missing else []
    named = [(kind, ", ".join(sorted(nodes)), len(nodes), least) for kind, nodes, least in rows]
    return pd.DataFrame(named, columns=["kind", "nodes", "size", "minimal"])


def _layers(theory: ProgrammeTheory) -> dict[str, int]:
    """Return the length of the longest way to each node, from what nothing moves."""
    layers: dict[str, int] = {}

    def layer(node: str) -> int:
        if node not in layers:
            layers[node] = 1 + max((layer(cause) for cause in theory.graph.parents[node]), default=-1)
        return layers[node]

    return {node: layer(node) for node in theory.graph.nodes}
