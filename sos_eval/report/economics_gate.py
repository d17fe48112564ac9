"""The evidence gate as a table: a row per criterion, what was measured, what the tiers need, what would lift it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sos_eval.report.economics_words import criterion_words, fact_words, needed_words

__all__ = ["gate_notes", "gate_table"]


def gate_table(gate: Mapping[str, Any]) -> pd.DataFrame:
    """Return ``criterion, tier, measured, needed, where, lift`` in words, a row per criterion.

    Parameters
    ----------
    gate
        `gate.json`. A criterion that binds has in ``lift`` what would raise it; the lowest tier counts.
    """
    evidence, lift = gate.get("evidence") or {}, gate.get("lift") or {}
    rows = [
        [criterion_words(name, evidence), str(entry["tier"]), *_measured(entry), str(lift.get(name) or "")]
        for name, entry in evidence.items()
    ]
    return pd.DataFrame(rows, columns=["criterion", "tier", "measured", "needed", "where", "lift"], dtype=object)


def gate_notes(gate: Mapping[str, Any]) -> tuple[str, ...]:
    """Say under the table what the gate grants and allows, and the mark of an override first."""
    allowed = f" It allows: {gate['allowed']}." if gate.get("allowed") else ""
    mark = (str(gate["watermark"]),) if gate.get("watermark") else ()
    return (*mark, f"The lowest tier counts: {gate.get('tier', 'none')} is granted.{allowed}")


def _measured(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what was measured, what the higher tiers need, and where the evidence stands."""
    measured = "; ".join(fact_words(field, value) for field, value in (entry.get("measured") or {}).items())
    needed = needed_words({str(tier): str(text) for tier, text in (entry.get("threshold") or {}).items()})
    where = dict.fromkeys(map(str, (entry.get("pointer") or {}).values()))
    return measured, needed, "; ".join([*where, *map(str, entry.get("notes") or [])])
