"""Treated and untreated units of a panel: that there are both, and what is said of those that are left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sos_eval.errors import Fault, NotIdentified, listed, numeral
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


def left_out_note(panel: Panel, without: Mapping[str, str], estimand: Estimand = "att") -> list[str]:
    """Say who is left out, why, and whom the estimate is then about; nothing where nobody is.

    Parameters
    ----------
    without
        Units that are left out, with the reason as the flow has it: treated units and, where the estimate is about more
        than these, untreated ones, of which then as many are counted.
    estimand
        Whom the weights are about.
    """
    treated = set(map(str, panel.units[panel.ever_treated]))
    gone = {unit: why for unit, why in without.items() if estimand != "att" or unit in treated}
    if not gone:
        return []
    who = f"{len(gone)} treated unit(s)" if estimand == "att" else f"{len(gone)} unit(s), treated or not,"
    every = int(panel.ever_treated.sum()) if estimand == "att" else panel.n_units
    of = "treated units" if estimand == "att" else "units"
    why = "; ".join(
        f"{names_of(panel, units)}: {reason}" for units, reason in dropped_by_reason(gone)
    )  # fmt: skip
    return [
        f"{who} are left out ({why}): the estimate is about the {every - len(gone)} that remain, not about all {of}"
    ]


def whom_told(estimand: Estimand, starts: int, *, apart: bool = False) -> list[str]:
    """Say whom weights are about where it is not the treated; of several starts, whom those of each are about."""
    if estimand == "att":
        return []
    each = "; each of {} starts with the units that never start" if apart else "; those of {} starts together, not each"
    more = each.format(starts) if starts > 1 else ""
    return [f"{_WHOM[estimand]}{more}: effects are about these, not about the treated"]


def outside_range(panel: Panel, score: Array, words: str) -> dict[str, str]:
    """Name the treated units whose score lies outside the range of the untreated, with the reason."""
    treated = panel.ever_treated
    low, high = score[~treated].min(), score[~treated].max()
    return {
        str(unit): f"{words} {numeral(value)} is outside the untreated units' range, {numeral(low)} to {numeral(high)}"
        for unit, value in zip(panel.units[treated], score[treated], strict=True)
        if not low <= value <= high
    }
