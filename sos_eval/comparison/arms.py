"""Treated and untreated units of a panel: that there are both, and what is said of those that are left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sos_eval.errors import Fault, NotIdentified, listed
from sos_eval.panel.panel import Array, Panel
from sos_eval.terms import Estimand

__all__ = ["both_arms", "dropped_by_reason", "left_out_note", "names_of", "outside_range", "whom_told"]

_WHOM = {
    "ate": "treated and untreated units are both weighed to stand for all units compared (ate)",
    "ato": "treated and untreated units are both weighed to stand for those where the groups overlap (ato)",
}


def both_arms(panel: Panel) -> None:
    """Refuse a panel without treated or without untreated units.

    Raises
    ------
    NotIdentified
    """
    treated = panel.ever_treated
    if not treated.any() or treated.all():
        who = "treated" if not treated.any() else "untreated"
        raise NotIdentified(Fault(panel.source, f"comparison: there is no {who} unit to match"))


def names_of(panel: Panel, units: Iterable[str]) -> str:
    """List units by the user's names."""
    return listed([panel.unit_names[unit] for unit in units])


def dropped_by_reason(without: Mapping[str, str]) -> tuple[tuple[tuple[str, ...], str], ...]:
    """Gather units by the reason for which they are left out, in the order in which reasons come."""
    reasons = dict.fromkeys(without.values())
    return tuple((tuple(unit for unit, why in without.items() if why == reason), reason) for reason in reasons)


def left_out_note(panel: Panel, without: Mapping[str, str]) -> list[str]:
    """Say that treated units are left out and whom the estimate is then about; nothing where none is."""
    if not without:
        return []
    rest = int(panel.ever_treated.sum()) - len(without)
    return [
        f"{len(without)} treated unit(s) found no comparison unit and are left out "
        f"({names_of(panel, without)}): the estimate is about the {rest} that remain, not about all treated units"
    ]


def whom_told(estimand: Estimand, starts: int, *, apart: bool = False) -> list[str]:
    """Say whom weights are about where it is not the treated; of several starts, whom those of each are about."""
    if estimand == "att":
        return []
    each = (
        "; each of {} starts with the units that never start" if apart else "; those of {} starts together, not each"
    )
    more = each.format(starts) if starts > 1 else ""
    return [f"{_WHOM[estimand]}{more}: effects are about these, not about the treated"]


def outside_range(panel: Panel, score: Array, words: str) -> dict[str, str]:
    """Name the treated units whose score lies outside the range of the untreated, with the reason."""
    treated = panel.ever_treated
    low, high = score[~treated].min(), score[~treated].max()
    return {
        str(unit): f"{words} {value:.3g} is outside the untreated units' range, {low:.3g} to {high:.3g}"
        for unit, value in zip(panel.units[treated], score[treated], strict=True)
        if not low <= value <= high
    }
