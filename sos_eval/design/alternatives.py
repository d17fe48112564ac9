"""The alternatives of the check `robustness`, each resolved to the entry that is estimated in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sos_eval.checks.alternatives import Alternative
from sos_eval.checks.robustness import Robustness
from sos_eval.design.design import Entry
from sos_eval.design.sections import Reader, read_method
from sos_eval.design.varied import refuse_unknown_covariates, varied
from sos_eval.panel.spec import PanelSpec
from sos_eval.results.check import Check

__all__ = ["headline_outcome", "read_alternatives"]

Path_ = tuple[str | int, ...]


def read_alternatives(
    reader: Reader, checks: Sequence[Check], entries: Sequence[Entry]
) -> tuple[tuple[Entry, ...], ...]:
    """Resolve every alternative of every check, in the order of the checks; none for checks without any.

    Each is the primary entry with its changes; faults stand at the alternative's line.
    """
    primary = next((entry for entry in entries if entry.role == "primary"), None)
    resolved = []
    for i, check in enumerate(checks):
        vary = check.vary if isinstance(check, Robustness) and primary is not None else ()
        where: Path_ = ("checks", i, "robustness", "vary")
        made = [_entry(reader, one, primary, (*where, k)) for k, one in enumerate(vary) if primary is not None]
        resolved.append(tuple(made))
    return tuple(resolved)


def headline_outcome(entry: Entry) -> str:
    """Return the outcome that the primary entry answers with: the one marked primary, else its first."""
    own = entry.outcomes or tuple(entry.panel.outcomes) or ("outcome",)
    marked = [name for name in own if name in entry.panel.outcomes and entry.panel.outcomes[name].role == "primary"]
    return (marked or own)[0]


def _entry(reader: Reader, alternative: Alternative, primary: Entry, path: Path_) -> Entry:
    """Return the entry that stands for an alternative; the primary one where it has a fault."""
    changes = {**primary.changes, **alternative.changes, **_exposure(alternative, primary)}
    spec, comparison = varied(reader, changes, (*path, "with"), primary.panel, primary.comparison)
    method = primary.method
    if alternative.estimator is not None:
        method = read_method(reader, "estimator", dict(alternative.estimator), (*path, "estimator"))
    if not isinstance(spec, PanelSpec) or method is None:
        return primary
    refuse_unknown_covariates(reader, method, spec, (*path, "estimator"))
    return replace(
        primary, id=f"{primary.id}: {alternative.words}", role="sensitivity", method=method, panel=spec,
        comparison=comparison, outcomes=(headline_outcome(primary),), label=alternative.words, changes=changes,
    )  # fmt: skip


def _exposure(alternative: Alternative, primary: Entry) -> Mapping[str, Any]:
    """Return the key that another denominator stands at."""
    if alternative.exposure is None:
        return {}
    section = f"outcomes.{headline_outcome(primary)}" if primary.panel.outcomes else "outcome"
    return {f"panel.{section}.exposure": alternative.exposure}
