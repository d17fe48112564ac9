"""Bad controls: covariates that the theory says the intervention moves, or that open a path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sos_eval.theory.programme import ProgrammeTheory

__all__ = ["bad_controls"]

_KINDS = {
    "mediator": "carries part of the effect (a mediator)",
    "consequence": "is moved by the intervention (a descendant of it)",
}


def bad_controls(theory: ProgrammeTheory, columns: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the columns that may not be adjusted for together: column, what is wrong with its path, what to do instead.

    Parameters
    ----------
    theory
        Its `columns` say which nodes they measure; of other columns it says nothing.
    columns
        Covariates that one estimate adjusts for or is matched on.
    """
    nodes = {column: theory.node_of[column] for column in columns if column in theory.node_of}
    moved = theory.graph.descendants([theory.treatment])
    for column, node in nodes.items():
        if node in moved:
            path = theory.graph.drawn(theory.graph.directed_path(theory.treatment, node))
            yield column, f"{_KINDS[theory.role(node)]}: {path}", "take it out: adjusting for it hides what is asked"
    yield from _colliders(theory, {column: node for column, node in nodes.items() if node not in moved})


def _colliders(theory: ProgrammeTheory, nodes: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield columns given which a path into the treatment is open that was not without them."""
    graph = theory.graph.without_arrows_from([theory.treatment])
    given = list(nodes.values())
    for column, node in nodes.items():
        path = graph.open_path(theory.treatment, theory.outcome, given)
        through = [step for step in graph.colliders(path) if node in graph.descendants([step])] if path else []
        if through:
            what = f"opens a path that it is a collider on: {graph.drawn(path)}"
            what = what if node in through else f"follows a collider, and opens its path: {graph.drawn(path)}"
            sides = [name for name in path[1:-1] if name not in graph.colliders(path)]
            beside = f", or add {' or '.join(sides)}, which blocks it" if sides else ""
            yield column, what, f"take it out{beside}"
