"""The estimand of a design: for whom, which strategy against which, what is summarised, and what comes in between."""

from __future__ import annotations

from collections.abc import Iterator

from sos_eval.design.design import Design, Entry
from sos_eval.panel.spec import Treatment

__all__ = ["estimand_rows", "intercurrent_rows", "matches_rows"]


_SINCE = "in the periods from the start on"
#: Whose effect is asked for, and what is averaged over.
_WHOM = {
    "att": "units that began within the window, in the periods from their start on",
    "ate": f"all units compared, those that began within the window and those that did not, {_SINCE}",
    "ato": f"units compared of which either could have begun or not (where the groups overlap), {_SINCE}",
}
_OVER = {
    "att": "treated units and periods",
    "ate": "all units compared, treated and untreated, in treated periods",
    "ato": "units where treated and untreated overlap, in treated periods",
}


def estimand_rows(design: Design) -> Iterator[tuple[str, str]]:
    """Yield the parts of the estimand, each from the declaration."""
    asked, entry = design.question, design.primary
    since = "the end of the window" if matches_rows(entry) else "the first treated period"
    whom = "matched rows of units that began, after the window of their set" if matches_rows(entry) else ""
    yield "Population", f"{asked.population or 'not declared'}: {whom or _WHOM[entry.estimand]}"
    yield "Strategy", f"{asked.intervention or 'the intervention'} from {since} on"
    yield "Compared with", asked.comparator or "not declared"
    yield "Outcome", f"{asked.outcome}{_counted(entry)}" if asked.outcome else "not declared"
    yield "Summary", _summary(entry)


def matches_rows(entry: Entry) -> bool:
    """Whether an entry compares matched rows of people, each set dated by its window, and not units."""
    return getattr(entry.comparison, "people", None) is not None


def _counted(entry: Entry) -> str:
    """Say whether the outcome counts what happens in a period or who is there on a day; nothing of a value."""
    outcome = entry.panel.outcome
    if outcome is None or not outcome.counted:
        return ""
    return " (counts who is there on one day)" if outcome.of_one_day else " (counts what happens in a period)"


def _summary(entry: Entry) -> str:
    """Say what the primary estimate averages."""
    if matches_rows(entry):
        over = "matched rows of treated units after the window"
        return f"average difference over {over} ({entry.id}, {entry.method.label}), rows by the weights of their match"
    what = "ratio of rates" if entry.method.weighs_exposure else "average difference"
    weight = "units by their exposure" if entry.method.weighs_exposure else "units alike"
    weight = f"units by {entry.panel.weight}" if entry.panel.weight else weight
    over = _OVER[entry.estimand]
    if entry.estimand != "att":
        weight = f"{weight}, times the weight that {entry.comparison.label if _weighs(entry) else entry.id} gives them"
    return f"{what} over {over} ({entry.id}, {entry.method.label}), {weight}"


def _weighs(entry: Entry) -> bool:
    """Whether it is the comparison group's weights that make the average, and not the estimator's own option."""
    return entry.comparison.estimand != "att"


def intercurrent_rows(design: Design) -> Iterator[tuple[str, str]]:
    """Yield what may happen between start and outcome, with how this design treats it."""
    way = design.panel.treatment or Treatment(first_treated="first_treated")
    yield "Stopping", _stopping(way)
    yield (
        "Use before the start",
        "counts as before: an effect already there makes the estimate smaller. Where the register says who had used "
        "it (`prior_use`), the report names them, and `robustness` can leave them out"
        if way.adoption
        else "not recorded: no register is declared",
    )
    in_window = "rows in the window of a set, from its start up to `embedded`, are left out of that set"
    yield "Transition", in_window if matches_rows(design.primary) else _transition(way, design)
    yield (
        "Authorities that merge or are divided",
        {"constant": "one geography is used throughout: predecessors are added up", "as_published": (
            "each authority as published: it ends or begins where it was merged or divided"
        )}.get(_geography(design), "as the file has them: no geography is declared"),
    )  # fmt: skip
    yield "Comparison units that start later", _late(way)
    yield (
        "Other programmes",
        "not adjusted for: named in the report from the register of programmes"
        if way.overlapping
        else "no register of other programmes is declared; units left out by name for one stand among the exclusions",
    )


def _geography(design: Design) -> str:
    """Return the geography in use: unless declared constant of the published panel, of each year of its tables."""
    unless = {"england": "constant", "dfe": "as_published"}
    return design.panel.geography or unless.get(design.panel.source, "")


def _stopping(way: Treatment) -> str:
    if way.status is not None and not way.absorbing:
        return "exposure ends with it: a unit counts as treated in the periods in which it is"
    if way.adoption:
        return (
            "where the register says `stopped`, exposure ends with it; estimators that take a start as lasting refuse "
            "such units. Units without that entry count as treated to the end, whether they kept to it or not"
        )
    return "not looked at: a unit that began counts as treated to the end (treatment policy)"


def _transition(way: Treatment, design: Design) -> str:
    if way.transition == "drop":
        return "periods from the start up to `embedded` are left out"
    if way.transition == "partial":
        whole = [one.id for one in design.estimators if one.method.partly_exposed == "whole"]
        said = "periods from the start up to `embedded` count as partly exposed"
        if not whole:
            return said
        of = "effects in them are those of the exposure that they had"
        return of if len(whole) == len(design.estimators) else f"{said}; in {', '.join(whole)} {of}"
    return "counts as exposed from the first treated period on"


def _late(way: Treatment) -> str:
    if way.untreated_means == "unknown":
        return (
            "where an empty start leaves it unknown, those that take it up in the years compared make the estimate "
            "smaller, and the report says by how much"
        )
    return "a unit that starts within the window counts as treated from then on; the others are taken never to have"
