"""What the estimate rests on, in one sentence: who is compared, who is left out, which periods are lost."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from sos_eval.panel.own_names import PARTS
from sos_eval.report.reading import period_word
from sos_eval.report.verdict import HeadlineEffect
from sos_eval.report.whose import rests_on
from sos_eval.report.wording import count, covariate_words, in_units, listing, minus_signs
from sos_eval.results.facts import OutcomeFacts, PanelFacts, RunFacts

__all__ = ["basis", "lot_clause", "on_what"]

_SETS = "matched_sets "
ALONE = "compared with nobody, so that whatever else changed at the start is in the answer"
_YEARS = {"ends_march": "years to March", "calendar": "years"}
#: Strata that are parts of the units by a column, as `results.assignments` names them.
_CUT = re.compile(rf"^(.+) ({'|'.join(PARTS)}) (\d)$")
_CUT_BY = {"exposure": "population", "outcome": "earlier outcome"}
_RANKS = ("lowest", "second lowest", "third lowest", "fourth lowest")


def basis(effect: HeadlineEffect, facts: RunFacts, units: tuple[str, str], further: Sequence[str] = ()) -> str:
    """Say on whom and on which periods the headline's estimate rests; never that a practice began, only its record.

    Parameters
    ----------
    effect, facts, units
        The headline's.
    further
        Clauses on what else it is of.
    """
    treated, every = (int(effect.row[name] or 0) for name in ("n_treated_units", "n_units"))
    compared = facts.panel.n_comparison_units or every - treated
    did = facts.question.intervention
    later = max(facts.panel.cohorts, default=math.nan) if _later_alone(facts.panel, treated, every) else math.nan
    who = f"{count(treated, *units)} with a recorded start of {did}, "
    who += f"compared with {count(compared, *units)}" if compared else ALONE
    if math.isfinite(later):
        verb = "starts" if compared == 1 else "start"
        who += f" that {verb} later, in {facts.panel.written(later)} (nobody never starts)"
    who += _periods(facts.panel, before=later)
    lost = _left_out(facts.panel.left_out, max(treated, facts.panel.n_adopters))
    aside = _aside(facts.panel.n_read - treated - compared - sum(facts.panel.left_out.values()), units)
    clauses = [
        *rests_on(facts.panel),
        *_built(facts.panel),
        *([facts.panel.rows_matched] if facts.panel.rows_matched else []),
        *_within(facts.panel),
        *_window(facts.panel, treated),
        *map(minus_signs, facts.panel.support),
        *lost,
        *_empty(facts),
        *_gaps(facts.panel, treated),
        *aside,
        *further,
    ]
    return in_units(f"{'; '.join([f'The answer rests on {who}', *clauses])}.", units)


def lot_clause(by_lot: str) -> list[str]:
    """Return a clause on a lot that is declared to have drawn when each unit starts; none without one."""
    return [f"when each starts counts as drawn by lot, {by_lot}"] if by_lot else []


def _built(panel: PanelFacts) -> list[str]:
    """Return a clause on what the comparison group was built by; none where nobody is chosen or weighed."""
    if not panel.matched_by:
        return []
    apart = ", each cohort of starters by itself" if panel.matched_apart else ""
    return [f"the comparison group was built by {panel.matched_by}{on_what(panel)}{apart}"]


def on_what(panel: PanelFacts) -> str:
    """Return ``on deprivation and outcome before the start``, with a space before; empty without a covariate."""
    named = [covariate_words(name) for name in panel.matched_on]
    return f" on {listing(named)}" if named else ""


def _later_alone(panel: PanelFacts, treated: int, every: int) -> bool:
    """Whether those compared with are the last to start, since nobody of the panel never does."""
    return panel.layout == "panel" and 0 < treated < every and panel.n_treated_units >= panel.n_units > 0


def _within(panel: PanelFacts) -> list[str]:
    """Return a clause on the strata within which changes are compared; many are counted."""
    names, few = panel.strata, 4
    if len(names) < 2:
        return []
    if all(name.startswith(_SETS) for name in names):
        joined = "sets that share a comparison unit are one"
        return [f"each change is set against those in the same of {len(names)} matched sets ({joined})"]
    which = ", ".join(_stratum(name) for name in names) if len(names) <= few else _by_what(names)
    which = f" ({which})" if which else ""
    return [f"each change is set against those in the same of {len(names)} strata{which}"]


def _window(panel: PanelFacts, treated: int) -> list[str]:
    """Return a clause on periods between start and full embedding, where they count as treated."""
    if not panel.n_window:
        return []
    whose = "" if panel.n_window >= treated else f" (of {panel.n_window} of the {treated})"
    return [f"{period_word(panel)}s between the start and full embedding count as treated{whose}"]


def _by_what(names: Sequence[str]) -> str:
    """Return by what many strata are cut: the words that their names begin with.

    Examples
    --------
    >>> _by_what(["region North East", "region North West", "region London"])
    'by region'
    """
    words = [name.split() for name in names]
    same = [row[0] for row in zip(*words, strict=False) if len(set(row)) == 1]
    return f"by {' '.join(same)}" if same and all(row[: len(same)] == same for row in words) else ""


def _stratum(name: str) -> str:
    """Return a stratum in words: parts by size are counted from the lowest.

    Examples
    --------
    >>> _stratum("exposure half 1 / region north")
    'lower half by population, region north'
    """
    return ", ".join(_CUT.sub(_part, one) for one in name.split(" / "))


def _part(cut: re.Match[str]) -> str:
    column = _CUT_BY.get(cut[1], cut[1].replace("_", " "))
    if cut[2] == "half":
        return f"{'lower' if cut[3] == '1' else 'upper'} half by {column}"
    last = int(cut[3]) == PARTS[cut[2]]
    return f"{'highest' if last else _RANKS[int(cut[3]) - 1]} {cut[2]} by {column}"


def _left_out(reasons: Mapping[str, int], kept: int) -> list[str]:
    """Return a clause on adopters that the estimate leaves out, reasons by their number."""
    lost = sum(reasons.values())
    if not lost:
        return []
    why = [f"{n} because {_because(reason)}" for reason, n in sorted(reasons.items(), key=lambda item: -item[1])]
    said = listing(why) if len(why) > 1 else f"because {_because(next(iter(reasons)))}"
    verb = "is" if lost == 1 else "are"
    return [f"{lost} of {lost + kept} with a recorded start {verb} left out, {said}"]


def _aside(others: int, units: tuple[str, str]) -> list[str]:
    """Return a clause on the other units of the data, which the design leaves out; the flow of units names them."""
    if others <= 0:
        return []
    who = count(others, f"other {units[0]}", f"other {units[1]}")
    return [f"{who} in the data take no part (who and why: chapter Effect)"]


def _periods(panel: PanelFacts, before: float = math.nan) -> str:
    """Return which periods are compared, those before one where it is given; nothing where they have no name."""
    if not math.isfinite(panel.first_time):
        return ""
    end = panel.last_time
    if math.isfinite(before):
        omitted = {panel.place(name) for name in panel.omitted_times}
        end = before - 1
        while end in omitted:
            end -= 1
    first, last = panel.written(panel.first_time), panel.written(end)
    inside = [name for name in panel.omitted_times if panel.first_time < panel.place(name) < end]
    plain = f"{period_word(panel)}s" if panel.period else "periods"
    yearly = panel.period in ("", "year")
    unit = _YEARS.get(panel.year_convention, plain) if yearly else plain
    if yearly and panel.year_convention == "starts_april":  # a year is named by its start, and ends in the next
        unit, last = "years from April", f"March {int(last) + 1}" if last.isdigit() else last
    without = f" without {listing(inside)}" if inside else ""
    return f", {unit} {first} to {last}{without}" if first and last else ""


def _because(reason: str) -> str:
    return f"they {reason}" if reason.startswith(("had ", "are ")) else reason


def _empty(facts: RunFacts) -> list[str]:
    """Return a clause on how many units and periods of those compared have no outcome; of people flow.csv says it."""
    outcome, panel = facts.outcome, facts.panel
    every = panel.n_units * panel.n_times
    lost = 0 if outcome is None else every - (panel.n_rows - outcome.n_missing)
    if panel.layout != "panel" or not 0 < lost < every:
        return []
    others = bool(panel.gaps or panel.left_out) or panel.n_treated_units < 1
    nobody = "" if others else ", all of comparison units,"
    rows = f"{lost:,.0f} of their {every:,} unit-{period_word(panel)}s"
    return [f"{rows}{nobody} {'has' if lost == 1 else 'have'} no outcome{_for_want(outcome, lost)}"]


def _for_want(outcome: OutcomeFacts | None, lost: float) -> str:
    """Say whether it is the population that lacks; nothing where it is the outcome itself."""
    lacks = 0.0 if outcome is None else outcome.n_missing_exposure
    if not lacks > 0:
        return ""
    return f" ({'' if lacks == lost else f'{lacks:,.0f} of them '}for want of the population that it is divided by)"


def _gaps(panel: PanelFacts, treated: int) -> list[str]:
    """Return a clause on periods in which those with a recorded start have no outcome."""
    if not panel.gaps:
        return []
    most = max(panel.gaps.values())
    few = f"{most} of the {treated} with a recorded start" if most < treated else "all with a recorded start"
    said = f"{few} {'lacks' if most == 1 else 'lack'} an outcome in {listing(list(panel.gaps))}"
    if panel.n_early_seen < panel.n_early:
        said += f", so that {panel.n_early_seen} of {panel.n_early} earlier periods count"
    return [said]
