"""`Design`: a declared evaluation, as an object made of method objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Gt

from sos_eval.comparison.group import GroupMethod
from sos_eval.declare import Declared, Document
from sos_eval.inference.outcome_family import OutcomeFamily
from sos_eval.panel.card import card
from sos_eval.panel.disclosure import Disclosure
from sos_eval.panel.spec import PanelSpec
from sos_eval.results.check import Check
from sos_eval.results.estimator import Estimator
from sos_eval.results.inference import InferenceMethod
from sos_eval.terms import Direction, Estimand, Role
from sos_eval.theory.discovery import Discovery
from sos_eval.theory.implementation import MeasuredFidelity
from sos_eval.theory.moderators import Moderator
from sos_eval.theory.programme import ProgrammeTheory

__all__ = ["SCHEMA", "Design", "Entry", "EntryKeys", "Question", "Report", "load_design"]

SCHEMA = "sos-eval/design/1"


@dataclass(frozen=True)
class Question(Declared):
    """What is asked, in words: goes into the protocol and the report."""

    intervention: str = ""
    """What is evaluated."""
    population: str = ""
    """Whom it is for."""
    comparator: str = ""
    """What it is compared with."""
    outcome: str = ""
    """What is counted, in words, with its scale."""
    expected_direction: Direction = "none"
    """Which way the outcome should move if the intervention does what it intends."""
    caveats: tuple[str, ...] = ()
    """Free text, shown on page one of the report."""
    smallest_worthwhile: Annotated[float, Gt(0)] | None = None
    """Smallest change worth having, on the outcome's scale, named before outcomes are seen; an interval inside it that
    holds no difference is "no meaningful effect"; of one beyond no difference, page one says how it stands to it."""
    meaningful_change: Annotated[float, Gt(0)] | None = None
    """Older name of `smallest_worthwhile`."""

    def __post_init__(self) -> None:
        if self.smallest_worthwhile is not None and self.meaningful_change is not None:
            raise ValueError("smallest_worthwhile and meaningful_change are one thing: write smallest_worthwhile")

    @property
    def worthwhile(self) -> float | None:
        """The smallest change worth having, under either name."""
        return self.meaningful_change if self.smallest_worthwhile is None else self.smallest_worthwhile


@dataclass(frozen=True)
class EntryKeys(Declared):
    """The keys of an estimator entry that do not belong to its method."""

    id: str | None = None
    """Name of the estimate in every table; the method's name unless given."""
    role: Role | None = None
    """primary, secondary or sensitivity; the first entry is primary, others secondary."""
    outcome: str | tuple[str, ...] | None = None
    """Which of `panel.outcomes`; all of them unless given."""
    label: str = ""
    """Words for figures and the report."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Written `with:`. Design keys under `panel` or `comparison` that differ for this entry, e.g.
    `{panel.window.to: 2025, comparison: none}`."""


@dataclass(frozen=True)
class Entry:
    """One declared estimator: its method object, and what it is run on."""

    id: str
    role: Role
    method: Estimator
    panel: PanelSpec
    comparison: GroupMethod
    outcomes: tuple[str, ...] = ()
    inference: tuple[InferenceMethod, ...] = ()
    label: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_variant(self) -> bool:
        """Whether it runs on another panel or comparison group than the design's own."""
        return bool(self.changes)

    @property
    def estimand(self) -> Estimand:
        """Whom the effects are about: those whom the comparison group is weighed for, else by the method's option."""
        return self.method.estimand if self.comparison.estimand == "att" else self.comparison.estimand


@dataclass(frozen=True)
class Report(Declared):
    """What is written beside the tables."""

    formats: tuple[Literal["html", "md", "docx"], ...] = ("html",)
    """Report files in the bundle."""
    theme: str | None = None
    """A theme file beside the design: colours, font, logo, Word template, style sheet (docs/figures.md)."""


@dataclass(frozen=True)
class Design:
    """A declared evaluation.

    Attributes
    ----------
    estimators
        The first with role primary is the question.
    inference
        Of estimators without their own; the first is the headline's, unless the rule in `inference.auto` says else.
    resolved
        The whole design with every default filled in, as plain values: what is hashed, locked and kept.
    document
        The file it was read from, for faults.
    overrides
        What the command line changed: key to (declared, used).
    alternatives
        By check, the entries that its alternatives resolve to, or why one is none; empty for checks without any.
    theory
        The declared programme theory, its file folded in; None where there is none.
    moderators
        By what the headline's effect is told apart.
    discoveries
        Entries of `moderators` that look for what it depends on, each with its place in the list.
    families
        Outcomes that are tested together.
    implementation
        The declared fidelity; None where there is none.
    """

    name: str
    title: str
    question: Question
    panel: PanelSpec
    comparison: GroupMethod
    estimators: tuple[Entry, ...]
    inference: tuple[InferenceMethod, ...]
    checks: tuple[Check, ...]
    economics: Any
    disclosure: Disclosure
    report: Report
    seed: int
    resolved: Mapping[str, Any]
    document: Document
    overrides: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    alternatives: tuple[tuple[Entry | str, ...], ...] = ()
    theory: ProgrammeTheory | None = None
    moderators: tuple[Moderator, ...] = ()
    families: tuple[OutcomeFamily, ...] = ()
    implementation: MeasuredFidelity | None = None
    discoveries: tuple[tuple[int, Discovery], ...] = ()

    @property
    def primary(self) -> Entry:
        """The entry that the question is about: the first with role primary."""
        return next(one for one in self.estimators if one.role == "primary")

    @property
    def counted_columns(self) -> tuple[tuple[str, str], ...]:
        """The columns that are counts of some estimator, each with that of its denominators."""
        panels = (self.panel, *(entry.panel for entry in self.estimators))
        return tuple(dict.fromkeys(pair for one in panels for pair in one.counted_columns))

    @property
    def by_lot(self) -> str:
        """Where it is declared that a lot drew when each unit starts: ``as the method declares``; empty if nowhere.

        One that is declared for the evidence gate counts with its evidence, as it does there.
        """
        if str(self.primary.method.name) == "roth_santanna":
            return "as the method declares"
        gate = getattr(self.economics, "gate", None)
        randomised = gate is not None and gate.facts.get("randomised") is True
        evidenced = gate is not None and gate.evidence.get("randomised", "").strip()
        return "as economics.gate declares" if randomised and evidenced else ""

    @property
    def path(self) -> Path:
        """The design file."""
        return self.document.path

    @property
    def base(self) -> Path:
        """The folder that paths in the design are relative to."""
        return self.document.path.parent

    def _repr_html_(self) -> str:
        """Show what is declared in a notebook, in short."""
        asked = self.question
        facts = {
            "intervention": asked.intervention, "population": asked.population, "comparator": asked.comparator,
            "outcome": asked.outcome, "comparison group": self.comparison.name,
            "estimators": ", ".join(f"{entry.id} ({entry.role})" for entry in self.estimators),
            "inference": ", ".join(method.name for method in self.inference), "disclosure": self.disclosure.profile,
            "seed": self.seed,
        }  # fmt: skip
        return card(self.title or self.name, facts)


def load_design(path: str | Path, *, panel: str | Path | None = None, seed: int | None = None) -> Design:
    """Read, check and resolve a design file.

    Parameters
    ----------
    path
        The YAML file.
    panel
        Data file in place of `panel.path`; relative to the working folder.
    seed
        In place of `seed` and `inference.seed`.

    Raises
    ------
    DesignFault
        Every fault of the file, each with its line.
    """
    from sos_eval.declare import read_yaml
    from sos_eval.design.resolve import resolve

    return resolve(read_yaml(path), panel=panel, seed=seed)
