"""The evidence gate: what may be claimed, what binds it, and what would lift it. Refuses until the evidence is there.

A criterion grants the highest tier all of whose conditions are met; the tier granted is the lowest that any criterion
grants. What has not been measured meets no condition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from sos_eval.economics.gate.dossier import Dossier, gate_rule
from sos_eval.errors import numeral

__all__ = ["TIERS", "Override", "Verdict", "judge", "watermark"]

TIERS = ("E0", "E1", "E2", "E3")
Condition = list[Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate grants.

    Attributes
    ----------
    tier
        E0 to E3.
    criteria
        Tier by criterion.
    binding
        Criteria whose tier is the granted one; none at E3.
    lift
        For each binding criterion, what would raise it.
    evidence
        For each criterion: measured values, thresholds, tier, pointers, what would lift it, and flags.
    """

    tier: str
    criteria: Mapping[str, str]
    binding: tuple[str, ...]
    lift: Mapping[str, str]
    evidence: Mapping[str, Mapping[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict in the rule's form, and the evidence behind it."""
        return {
            "tier": self.tier,
            "criteria": dict(self.criteria),
            "binding": list(self.binding),
            "lift": dict(self.lift),
            "evidence": {name: dict(entry) for name, entry in self.evidence.items()},
        }


@dataclass(frozen=True, slots=True)
class Override:
    """A declared wish to print more than the gate grants; what is printed carries a watermark."""

    tier: str
    why: str


def watermark(verdict: Verdict, override: Override | None) -> str:
    """Return the sentence that marks every output of an override; empty where nothing more is printed."""
    if override is None or TIERS.index(override.tier) <= TIERS.index(verdict.tier):
        return ""
    return (
        f"OVERRIDE: the evidence grants {verdict.tier}, printed as {override.tier} ({override.why}). "
        "Not evidence of cost-effectiveness; the headline stays empty."
    )


def judge(dossier: Dossier) -> Verdict:
    """Judge a dossier.

    Parameters
    ----------
    dossier
        Checked facts.
    """
    criteria = {entry["id"]: entry for entry in gate_rule()["criteria"]}
    tiers: dict[str, str] = {}
    for name in sorted(criteria, key=lambda name: name == "G1"):  # G1 leans on G3, G4 and G5
        tiers[name] = _tier(criteria[name], dossier, tiers)
    tiers = {name: tiers[name] for name in criteria}
    granted = min(tiers.values())
    binding = tuple(name for name, tier in tiers.items() if tier == granted) if granted != "E3" else ()
    evidence = {name: _evidence(entry, dossier, tiers) for name, entry in criteria.items()}
    return Verdict(granted, tiers, binding, {name: evidence[name]["lift"] for name in binding}, evidence)


def _tier(entry: Mapping[str, Any], dossier: Dossier, tiers: Mapping[str, str]) -> str:
    """Return the highest tier whose conditions, and those of all tiers below, are met."""
    if _not_applicable(entry, dossier):
        return "E3"
    granted = "E0"
    for tier in TIERS[1:]:
        if _failing(entry, tier, dossier, tiers):
            break
        granted = tier
    return granted


def _not_applicable(entry: Mapping[str, Any], dossier: Dossier) -> bool:
    return "not_applicable" in entry and dossier.get("randomised") is True


def _failing(entry: Mapping[str, Any], tier: str, dossier: Dossier, tiers: Mapping[str, str]) -> list[Condition]:
    return [condition for condition in entry[tier] if not _met(condition, entry, dossier, tiers)]


def _met(condition: Condition, entry: Mapping[str, Any], dossier: Dossier, tiers: Mapping[str, str]) -> bool:
    """Tell whether one condition holds; what is not measured does not hold."""
    field, relation, bound = condition
    if field == "criteria":
        return all(tiers[name] == "E3" for name in bound)
    if relation == "needed when treated <":
        treated = dossier.get("treated")
        return dossier.get(field) is True or (treated is not None and treated >= bound)
    value = _counted(field, entry, dossier)
    if value is None:
        return False
    if relation == "is":
        return value is bound
    return bool(value >= bound if relation == ">=" else value <= bound)


def _counted(field: str, entry: Mapping[str, Any], dossier: Dossier) -> float | None:
    """Return a fact as the criterion counts it: a cross-section without a pre-period is no before-and-after."""
    value = dossier.get(field)
    counts = entry.get("counts")
    if value is not None and counts and counts["field"] == field:
        cross_section = dossier.get("pre_periods") == 0 and dossier.get("randomised") is not True
        return min(value, counts["at_most"]) if cross_section else value
    return value


def _evidence(entry: Mapping[str, Any], dossier: Dossier, tiers: Mapping[str, str]) -> dict[str, Any]:
    """Write one criterion down."""
    name, tier = entry["id"], tiers[entry["id"]]
    fields = entry["fields"]
    return {
        "name": entry["name"],
        "tier": tier,
        "measured": {field: dossier.get(field) for field in fields},
        "not_measured": {f: dossier.reasons.get(f, "not stated") for f in fields if dossier.get(f) is None},
        "threshold": {t: "; ".join(_words(condition) for condition in entry[t]) or "any" for t in TIERS[1:]},
        "pointer": {field: dossier.pointers[field] for field in fields if field in dossier.pointers},
        "lift": _lift(entry, tier, dossier, tiers),
        "notes": _notes(name, entry, tier, dossier),
    }


def _words(condition: Condition) -> str:
    """Say a condition."""
    field, relation, bound = condition
    if field == "criteria":
        return f"{', '.join(bound)} at E3"
    if relation == "is":
        return f"{field} {'yes' if bound else 'no'}"
    return f"{field} {relation} {bound:g}"


def _lift(entry: Mapping[str, Any], tier: str, dossier: Dossier, tiers: Mapping[str, str]) -> str:
    """Say what would raise a criterion to the next tier."""
    if tier == "E3":
        return ""
    above = TIERS[TIERS.index(tier) + 1]
    parts = []
    for condition in _failing(entry, above, dossier, tiers):
        value = _counted(condition[0], entry, dossier) if condition[0] != "criteria" else None
        given = "now not measured" if value is None else f"now {_shown(value)}"
        if condition[0] == "criteria":
            given = ", ".join(f"{name} is {tiers[name]}" for name in condition[2] if tiers[name] != "E3")
        parts.append(f"{_says(condition[0])}{_words(condition)} ({given})")
    more = _more_authorities(dossier, above) if entry["id"] == "G6" else ""
    return f"for {above}: {'; '.join(parts)}{more}"


def _says(field: str) -> str:
    """Return what a field means, before its name."""
    entry = gate_rule()["fields"].get(field)
    return f"{entry['says']}, " if entry else ""


def _shown(value: float | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return numeral(value, 4)


def _more_authorities(dossier: Dossier, above: str) -> str:
    """Turn a ratio of detectable over break-even effect into authorities: the former falls with the root of them."""
    ratio = dossier.get("mde_over_breakeven")
    if ratio is None:
        return "; compute the minimum detectable effect with `sos-eval power` and divide it by the break-even effect"
    bound = {"E2": 2.0, "E3": 1.0}[above]
    factor = (ratio / bound) ** 2
    text = f"; about {numeral(factor)} times the authorities (or authority-years, were they independent)"
    treated, comparison = dossier.get("treated"), dossier.get("comparison")
    if treated and comparison:
        text += f": {ceil(treated * factor)} treated and {ceil(comparison * factor)} comparison"
    return f"{text}, the variation between authorities unchanged"


def _notes(name: str, entry: Mapping[str, Any], tier: str, dossier: Dossier) -> list[str]:
    """Flag what the tier alone does not show."""
    notes = []
    if _not_applicable(entry, dossier):
        said = dossier.pointers.get("randomised", "declared")
        return [f"does not apply where a lot drew the starts: that it did is {said}, not shown by the run"]
    if name == "G1" and _counted("sms", entry, dossier) != dossier.get("sms"):
        notes.append("matching on a cross-section without a pre-period counts as level 2")
    if name in ("G3", "G5") and tier in ("E2", "E3"):
        notes.append(_informative(name, dossier))
    return notes


def _informative(name: str, dossier: Dossier) -> str:
    """Say what a passed test could have detected: a wide interval passes too."""
    field = {"G3": "pretrend_detectable", "G5": "placebo_detectable"}[name]
    what = {"G3": "violation of parallel trends", "G5": "placebo effect"}[name]
    ratio, basis = dossier.get(field), "80% power"
    if ratio is None and dossier.get("mde_over_breakeven") is not None:
        ratio = dossier.get("mde_over_breakeven")
        basis = "80% power, taken from the main effect's precision because the test's own was not measured"
    if ratio is None:
        return f"FLAG: what {what} the test could have detected is not known, so no informative test supports this pass"
    says = f"the test could have detected a {what} of {numeral(ratio)} times the break-even effect ({basis})"
    return says if ratio <= 1 else f"FLAG: {says}; no informative test supports this pass"
