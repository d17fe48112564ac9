"""A declared design as the lines of a power study: every entry on every outcome, as a run would estimate it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from sos_eval.checks.pretrends import Pretrends
from sos_eval.declare import Document
from sos_eval.design.at_its_key import at_its_key
from sos_eval.design.design import Design, Entry
from sos_eval.design.lock import as_locked
from sos_eval.design.resolve import resolve
from sos_eval.errors import DesignFault, Fault
from sos_eval.montecarlo.line.compiled import Line
from sos_eval.panel.load import load_panel
from sos_eval.panel.panel import Panel
from sos_eval.panel.spec import PanelSpec, Treatment
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod

__all__ = ["ByRule", "Load", "design_lines"]

STARTS = "first_treated"


@dataclass(frozen=True)
class Load:
    """Reads a drawn table as the design reads its data, and takes one of its outcomes."""

    spec: PanelSpec
    document: Document
    base: Path
    also: tuple[str, ...]
    outcome: str

    def __call__(self, table: pd.DataFrame) -> Panel:
        """Return the panel of a table."""
        spec = self.spec
        if spec.unit_name is not None and spec.unit_name not in table:
            spec = replace(spec, unit_name=None)
        with at_its_key(self.document, spec.covariates):
            panel = load_panel(spec, self.document, base=self.base, override=table, also=self.also)
        return panel.select(self.outcome)


@dataclass(frozen=True)
class ByRule:
    """Puts the declared inference methods in order by the rule on the design, as a run does."""

    declared: tuple[InferenceMethod, ...]

    def __call__(self, fitted: Fitted) -> tuple[InferenceMethod, ...]:
        """Return the methods that a run would apply."""
        from sos_eval.inference.auto import resolve as by_rule
        from sos_eval.inference.design_facts import design_facts

        return tuple(by_rule(self.declared, design_facts(fitted)).methods)


def design_lines(design: Design, changes: Mapping[str, Any]) -> tuple[Line, ...]:
    """Return a line for every estimator entry and outcome of a design, with some of its keys changed.

    Raises
    ------
    DesignFault
        A changed key does not exist, or the changed design is at fault.
    """
    design = as_locked(resolve(_with(design.document, changes)) if changes else design)
    return tuple(_line(design, entry, outcome) for entry in design.estimators for outcome in _outcomes(entry))


def _outcomes(entry: Entry) -> list[str]:
    return list(entry.outcomes) or list(entry.panel.named_outcomes)


def _line(design: Design, entry: Entry, outcome: str) -> Line:
    """Return one line; data and starts come from the world, whatever the design's source and register."""
    methods = entry.inference or design.inference
    names = [*entry.comparison.columns, *entry.method.columns, *(name for method in methods for name in method.columns)]
    also = tuple(name for name in dict.fromkeys(names) if name not in entry.panel.covariates)
    declared = entry.panel.treatment
    treatment = Treatment(first_treated=STARTS, untreated_means=declared.untreated_means, dose=declared.dose)
    load = Load(replace(entry.panel, path="", treatment=treatment), design.document, design.base, also, outcome)
    return Line(
        id=entry.id, method=entry.method, inference=methods, role=entry.role, load=load, outcome=outcome,
        comparison=entry.comparison, choose=ByRule(methods),
        checks=design.checks if entry.role == "primary" else (),
        pretest=next((check for check in design.checks if isinstance(check, Pretrends)), None), label=entry.label,
    )  # fmt: skip


def _with(document: Document, changes: Mapping[str, Any]) -> Document:
    """Return a design's document with dotted keys set; list items go by number or by their id."""
    data = deepcopy(document.data)
    for key, value in changes.items():
        inner: Any = data
        *way, last = key.split(".")
        for part in way:
            inner = _step(inner, part, key, document)
        if isinstance(inner, list):
            _step(inner, last, key, document)
            inner[_position(inner, last)] = value
        else:
            inner[last] = value
    return Document(data, document.path, document.lines)


def _step(inner: Any, part: str, key: str, document: Document) -> Any:
    """Go one level down, making a mapping where there is none."""
    if isinstance(inner, list):
        if (position := _position(inner, part)) < 0:
            known = [str(one.get("id", i)) if isinstance(one, dict) else str(i) for i, one in enumerate(inner)]
            what = f"design.{key}: there is no entry {part!r}"
            raise DesignFault(Fault(str(document.path), what, f"write one of: {', '.join(known)}"))
        return inner[position]
    if not isinstance(inner, dict):
        raise DesignFault(Fault(str(document.path), f"design.{key}: nothing stands under {part!r}"))
    if not isinstance(inner.get(part), dict | list):
        inner[part] = {} if inner.get(part) is None else {"method": inner[part]}
    return inner[part]


def _position(entries: list[Any], part: str) -> int:
    """Return where an entry of a list stands, by number or id; -1 where it does not."""
    if part.isdigit() and int(part) < len(entries):
        return int(part)
    named = [i for i, one in enumerate(entries) if isinstance(one, dict) and one.get("id") == part]
    return named[0] if named else -1
