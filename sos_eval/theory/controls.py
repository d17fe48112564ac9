"""Bad controls: covariates that the theory says the intervention moves, or that open a path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sos_eval.theory.programme import ProgrammeTheory

__all__ = ["bad_controls", "contradicted_split"]

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
    """Yield columns given which a path into the treatment is open that was not without them, however many others are.

    Parameters
    ----------
    nodes
        Of each column its node; none is moved by the treatment.
    """
    graph = theory.graph.without_arrows_from([theory.treatment])
    waiting = dict(nodes)
    for path in graph.open_paths(theory.treatment, theory.outcome, list(nodes.values())):
        on_path = graph.colliders(path)
        for column, node in list(waiting.items()):
            if any(node in graph.descendants([one]) for one in on_path):
                del waiting[column]
                yield column, *_told(theory, path, node)
        if not waiting:
            return


def _told(theory: ProgrammeTheory, path: tuple[str, ...], node: str) -> tuple[str, str]:
    """Say which path a covariate opens, and what to do instead."""
    graph = theory.graph
    on_path = graph.colliders(path)
    opens = "opens a path that it is a collider on" if node in on_path else "follows a collider, and opens its path"
    sides = [name for name in path[1:-1] if name not in on_path]
    beside = f", or add {' or '.join(sides)}, which blocks it" if sides else ""
    return f"{opens}: {graph.drawn(path)}", f"take it out{beside}"


def contradicted_split(theory: ProgrammeTheory, mediator: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the paths that join a mediator and the outcome beside its own effect, by which no split is identified.

    Sequential ignorability asks for none, given treatment and covariates (Imai, Keele and Yamamoto 2010, assumption
    1); a cause of both that the treatment moves cannot be adjusted for either. Nodes declared constant count as given,
    because the split is of changes.

    Parameters
    ----------
    columns
        Covariates of the split.
    """
    graph = theory.graph.without_arrows_from([mediator])
    given = {theory.node_of[column] for column in columns if column in theory.node_of}
    given |= {theory.treatment, *(node for node in theory.graph.nodes if theory.node(node).constant)}
    ends = {mediator, theory.outcome}
    return tuple(theory.graph.drawn(path) for path in graph.open_paths(mediator, theory.outcome, given - ends))
