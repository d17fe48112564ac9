"""What the estimate rests on, in one sentence: who is compared, who is left out, which periods are lost."""

from __future__ import annotations

from collections.abc import Mapping

from sos_eval.report.verdict import HeadlineEffect
from sos_eval.report.wording import count, in_units, listing
from sos_eval.results.facts import PanelFacts, RunFacts

__all__ = ["basis"]


def basis(effect: HeadlineEffect, facts: RunFacts, units: tuple[str, str]) -> str:
    """Say on whom and on which periods the headline's estimate rests."""
    treated, every = (int(effect.row[name] or 0) for name in ("n_treated_units", "n_units"))
    compared = facts.panel.n_comparison_units or every - treated
    did = facts.question.intervention
    who = f"{count(treated, *units)} that began {did}, compared with {count(compared, *units)}"
    clauses = [*facts.panel.support, *_left_out(facts.panel.left_out, treated), *_gaps(facts.panel, treated)]
    return in_units(f"{'; '.join([f'The answer rests on {who}', *clauses])}.", units)


def _left_out(reasons: Mapping[str, int], kept: int) -> list[str]:
    """Return a clause on adopters that the estimate leaves out, reasons by their number."""
    lost = sum(reasons.values())
    if not lost:
        return []
    why = [f"{n} because {_because(reason)}" for reason, n in sorted(reasons.items(), key=lambda item: -item[1])]
    said = listing(why) if len(why) > 1 else f"because {_because(next(iter(reasons)))}"
    verb = "is" if lost == 1 else "are"
    return [f"{lost} of {lost + kept} that began {verb} left out, {said}"]


def _because(reason: str) -> str:
    return f"they {reason}" if reason.startswith(("had ", "are ")) else reason


def _gaps(panel: PanelFacts, treated: int) -> list[str]:
    """Return a clause on periods in which those that began have no outcome."""
    if not panel.gaps:
        return []
    most = max(panel.gaps.values())
    few = f"{most} of the {treated} that began" if most < treated else "all that began"
    said = f"{few} {'lacks' if most == 1 else 'lack'} an outcome in {listing(list(panel.gaps))}"
    if panel.n_early_seen < panel.n_early:
        said += f", so that {panel.n_early_seen} of {panel.n_early} earlier periods count"
    return [said]
