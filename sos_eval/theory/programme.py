"""A declared programme theory: nodes, arrows, and statements of context, mechanism and outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from annotated_types import MinLen
from pydantic import BeforeValidator

from sos_eval.declare import Declared
from sos_eval.panel.own_names import Column
from sos_eval.theory.graph import Graph

__all__ = ["SCHEMA", "MediationPath", "ProgrammeTheory", "Proposition", "TheoryNode"]

SCHEMA = "sos-eval/theory/1"


@dataclass(frozen=True)
class TheoryNode(Declared):
    """Something that a theory says moves, or is moved by, something else."""

    label: str = ""
    """Its words for a reader; its name without them."""
    constant: bool = False
    """Whether it is the same in every period: unit effects then take out its level, though not its trend."""
    needs: str = ""
    """What would measure it, for the report, where no column does."""


@dataclass(frozen=True)
class Proposition(Declared):
    """In this context, by this mechanism, that outcome."""

    mechanism: str
    """What is set in motion."""
    context: str = ""
    """Where, for whom, or given what."""
    outcome: str = ""
    """What comes of it."""

    def __post_init__(self) -> None:
        if not self.mechanism.strip():
            raise ValueError("mechanism: says nothing; write what is set in motion, or take the statement out")

    @property
    def words(self) -> str:
        """The statement as a sentence."""
        said = f"{self.context}: {self.mechanism}" if self.context else self.mechanism
        return f"{said.rstrip('.')} → {self.outcome}" if self.outcome else said


#: What is written where nothing is said.
_NOTHING = ("", "none", "n/a", "na", "yes", "no", "true", "todo", "tbc", "tbd", "unknown")


@dataclass(frozen=True)
class MediationPath(Declared):
    """A way through a measured mediator, by which the effect is to be split."""

    through: str
    """The mediator's node."""
    ignorability: Annotated[str, MinLen(1)]
    """Why nothing hidden moves both mediator and outcome, given treatment and covariates: sequential ignorability."""
    interaction: bool = True
    """Whether the mediator may do more or less where practice is at work."""
    reference: float = 0.0
    """Change of the mediator (after the start less before) at which the controlled direct effect is told."""

    def __post_init__(self) -> None:
        if self.ignorability.strip(" .-").lower() in _NOTHING:
            raise ValueError("ignorability: says nothing; write why nothing hidden moves both, or take the path out")
        if not self.interaction and self.reference != 0:
            raise ValueError("reference: without an interaction the direct effect is the same at any; leave it out")


def _stated(value: Any) -> Any:
    """Take plain text as well as a mapping."""
    return {"mechanism": value} if isinstance(value, str) else value


Stated = Annotated[Proposition, BeforeValidator(_stated, json_schema_input_type=str | Proposition)]


@dataclass(frozen=True)
class ProgrammeTheory(Declared):
    """How the intervention is meant to work, as an acyclic graph: arrows stand in `edges`, in `file` or in `dot`."""

    file: str | None = None
    """A file with the theory: YAML of schema sos-eval/theory/1, or DOT (`.dot`, `.gv`); relative to the design."""
    dot: str | None = None
    """The graph in DOT: `digraph { practice -> trust -> care; }`."""
    treatment: str = "practice"
    """The node that stands for the intervention."""
    outcome: str = "outcome"
    """The node that stands for the headline's outcome."""
    nodes: Mapping[str, TheoryNode] = field(default_factory=dict)
    """What is said of nodes; where any is declared, arrows may only name those, the treatment and the outcome."""
    edges: tuple[tuple[str, str], ...] = ()
    """Arrows: [[practice, trust], [trust, outcome]]."""
    columns: Mapping[str, Column] = field(default_factory=dict)
    """Node to the column of the panel that measures it; other nodes count as not measured."""
    differs: Mapping[str, str] = field(default_factory=dict)
    """Node to what its column holds where that is not quite the node: {arrivals: those still there in March}."""
    statements: tuple[Stated, ...] = ()
    """Statements, as text or as {context: …, mechanism: …, outcome: …}."""
    mediation: tuple[MediationPath, ...] = ()
    """Ways by which the effect is split into what runs through a mediator and what does not."""
    title: str = ""
    """What the theory is called."""
    source: str = ""
    """After whom, and what of it was tested; told in the report and in the protocol."""

    @cached_property
    def graph(self) -> Graph:
        """The arrows as a graph."""
        return Graph.of(self.edges)

    @property
    def measured(self) -> tuple[str, ...]:
        """Nodes that the panel shows: treatment, outcome, and those with a column."""
        own = (self.treatment, self.outcome)
        return tuple(node for node in self.graph.nodes if node in own or node in self.columns)

    @property
    def node_of(self) -> dict[str, str]:
        """Column to the node that it measures."""
        return {column: node for node, column in self.columns.items()}

    def node(self, name: str) -> TheoryNode:
        """Return what is said of a node."""
        return self.nodes.get(name, TheoryNode())

    def label(self, name: str) -> str:
        """Return a node's words."""
        return self.node(name).label or name.replace("_", " ")

    def role(self, name: str) -> str:
        """Say what a node is to the effect: mediator, consequence, common cause, cause of one of the two, neither."""
        if name in (self.treatment, self.outcome):
            return "treatment" if name == self.treatment else "outcome"
        graph = self.graph
        if name in graph.descendants([self.treatment]):
            return "mediator" if self.outcome in graph.descendants([name]) else "consequence"
        beside = graph.without_arrows_from([self.treatment])
        ways = (self.treatment in graph.descendants([name]), self.outcome in beside.descendants([name]))
        return {
            (True, True): "common cause", (True, False): "cause of the treatment",
            (False, True): "cause of the outcome",
        }.get(ways, "neither")  # fmt: skip
