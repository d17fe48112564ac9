"""The evidence sheet: what a reviewer needs to rate a run, beside ratings that are left to the reviewer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd

from sos_eval.design.design import Design, Entry
from sos_eval.design.target_trial import target_trial
from sos_eval.errors import listed, numeral, p_text
from sos_eval.results.comparison import EARLIER_OUTCOMES
from sos_eval.results.facts import CheckFacts, PanelFacts, RunFacts
from sos_eval.results.inference import strata_of_effects
from sos_eval.theory.trends import movers
from sos_eval.theory.words import inside

__all__ = ["emmie_sheet", "evidence_sheet", "maryland", "robins_i"]

NOTHING = "nothing in this run speaks to it"
#: Checks that speak to each domain of ROBINS-I, by the beginning of their names. Refuters that cannot fail on a
#: confounded design (placebo treatments, dummy outcomes, random covariates, subsets) test software and speak to none.
_SPEAKS = {
    "confounding": ("path.joint", "pretrends.joint", "honest_did", "placebo_time.largest", "placebo_outcome.largest",
                    "refuters.negative_control", "refuters.common_cause", "sensitivity", "balance"),
    "selection": ("leave_one_out", "unmatched"),
    "measurement": ("functional_form",),
    "reported": ("robustness", "goodman_bacon"),
}  # fmt: skip


#: Whom the effect is an average over, where that is not the treated.
_OVER = {
    "att": "", "ate": ", as an average over all of these, both groups weighed to stand for all",
    "ato": ", as an average over those of these where the groups overlap",
}  # fmt: skip


def evidence_sheet(design: Design, facts: RunFacts, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables of the sheet.

    Parameters
    ----------
    facts
        Of the run.
    tables
        Further tables of the run, by name; of those that hold few units nothing is quoted.
    """
    return {
        "evidence": maryland(design, facts), "evidence.emmie": emmie_sheet(design, facts, tables),
        "evidence.robins_i": robins_i(design, facts), "evidence.target_trial": target_trial(design),
    }  # fmt: skip


#: Methods that set those who begin against those who have begun already, too.
_ALSO_TREATED = ("twfe", "event_study_twfe", "poisson_did")


def maryland(design: Design, facts: RunFacts) -> pd.DataFrame:
    """Return the highest level of the Maryland scale that the design can claim, with the condition."""
    level, what, condition = _level(design, facts)
    made = sorted({check.name for check in _of_headline(facts, "confounding")})
    return pd.DataFrame([{
        "scale": "Maryland scientific methods scale", "at_most": level, "design": what, "condition": condition,
        "evidence": f"{listed(made)} (diagnostics.csv)" if made else NOTHING, "judgement": "",
    }])  # fmt: skip


def _level(design: Design, facts: RunFacts) -> tuple[int, str, str]:
    method = design.primary.method
    if design.by_lot:
        condition = f"the starts were drawn by lot, {design.by_lot}; without a documented draw level 3 at most"
        return 5, "starts drawn by lot", condition
    staggered = len(facts.panel.cohorts) > 1
    if not facts.panel.n_comparison_units:
        if not staggered:
            return 2, "before and after, without a comparison group", "nothing else changed the outcome at the start"
        others = "began at other times" if str(method.name) in _ALSO_TREATED else "had not begun yet"
        condition = (
            "it is argued and evidenced that when a unit began had nothing to do with how its outcome would have "
            "changed: without the intervention earlier and later starters would have changed alike. Otherwise level 2"
        )
        return 3, f"before and after, compared with those that {others} (nobody never begins)", condition
    condition = f"the comparability of the two groups is argued and evidenced: {method.assumes}. Otherwise level 2"
    later = staggered and getattr(method, "control", "") == "not_yet_treated"
    joined = ", which those that begin later belong to until they do" if later else ""
    return 3, f"before and after, with a comparison group{joined}", condition


def _which_are_reported(design: Design) -> str:
    """Say whether all of what is declared stands in the bundle."""
    return "what is withheld is in disclosure.csv" if design.disclosure.guards else "all are reported"


def _declared(design: Design) -> str:
    """Say how much was declared, and that it is all told."""
    procedures = {one for entry in design.estimators for one in entry.inference or design.inference}
    sizes = {"estimator": len(design.estimators), "procedure": len(procedures)}
    said = " and ".join(f"{n} {what}{'' if n == 1 else 's'}" for what, n in sizes.items())
    return f"{said} are declared; {_which_are_reported(design)}."


def robins_i(design: Design, facts: RunFacts) -> pd.DataFrame:
    """Return the seven domains of ROBINS-I (2016) with the run's own evidence; the judgement is the reviewer's."""
    panel = facts.panel
    outcome = facts.outcome
    evidence: dict[str, list[str]] = {
        "Confounding": [*_adjusted(design, facts), *_told(design, facts, "confounding")],
        "Selection of participants": [*_left_out(design, panel), *_told(design, facts, "selection")],
        "Classification of interventions": [_untreated(panel)],
        "Deviations from intended interventions": list(_deviations(design)),
        "Missing data": ["Counts are in flow.csv."] if design.disclosure.guards else list(_missing(facts)),
        "Measurement of outcomes": [
            f"The outcome is {outcome.label or facts.headline.outcome}." if outcome else "",
            *_told(design, facts, "measurement"),
        ],
        "Selection of the reported result": [
            _planned(facts), _declared(design), *_told(design, facts, "reported"),
        ],
    }  # fmt: skip
    rows = [
        {"domain": domain, "evidence": " ".join(text for text in said if text) or NOTHING, "judgement": ""}
        for domain, said in evidence.items()
    ]
    return pd.DataFrame(rows)


def _told(design: Design, facts: RunFacts, domain: str) -> list[str]:
    """Return what the headline's checks said; under a disclosure profile only which there are."""
    own = _of_headline(facts, domain)
    if design.disclosure.guards:
        names = sorted({check.name for check in own})
        return [f"Checks made: {listed(names)} (diagnostics.csv)."] if names else []
    return list(dict.fromkeys(check.text for check in own))


def _of_headline(facts: RunFacts, domain: str) -> list[CheckFacts]:
    """Return the checks of the headline that speak to a domain, without those that were not done or test software."""
    about = {"", facts.headline.estimator, facts.headline.outcome}
    spoken = [check for check in facts.checks if check.name.startswith(_SPEAKS[domain])]
    silent = ("Not done", "Software")
    return [
        check for check in spoken
        if {check.estimator, check.outcome} <= about and not check.text.startswith(silent)
    ]  # fmt: skip


def _adjusted(design: Design, facts: RunFacts) -> Iterator[str]:
    entry, absorbed = design.primary, facts.panel.absorbed
    earlier = [words for name, words in EARLIER_OUTCOMES.items() if name in entry.comparison.matched_on]
    covariates = [name for name in entry.method.adjusts_for(entry.panel.covariates) if name not in absorbed]
    names = list(dict.fromkeys([*covariates, *_matched(entry), *earlier]))
    yield f"Adjusted for or matched on: {listed(names)}." if names else "No covariate is adjusted for."
    if absorbed:
        yield f"Declared, but absorbed by unit and time effects, so that nothing is adjusted for: {listed(absorbed)}."
    strata = strata_of_effects(entry.inference or design.inference)
    if strata:
        cut = listed([str(one).replace("_", " ") for one in strata])
        yield f"Effects by stratum and period are taken out, strata by {cut}."
    if str(entry.comparison.name) == "declared" and getattr(entry.comparison, "people", None) is None:
        yield "Effects by matched set and period are taken out; sets that share a comparison unit are one."
    yield from _by_theory(design, facts, covariates)


def _by_theory(design: Design, facts: RunFacts, covariates: Sequence[str]) -> Iterator[str]:
    """Say what by the declared theory has to be adjusted for, what of that is (`covariates`), and what cannot be."""
    theory, entry = design.theory, design.primary
    if theory is None:
        yield "No programme theory says what else may move trends."
        return
    yield facts.theory.identification
    common = movers(theory, (*covariates, *entry.comparison.columns), facts.panel.absorbed)
    named = "; ".join(f"{inside(words)} ({says})" for words, says in zip(common["words"], common["says"], strict=True))
    yield (
        f"By the theory these move both who began and the outcome: {named}."
        if named
        else ("The theory names nothing that moves both who began and the outcome.")
    )
    roles = {node: theory.role(node) for node in theory.graph.nodes}
    moved = [inside(theory.label(node)) for node, role in roles.items() if role in ("mediator", "consequence")]
    if moved:
        yield f"Practice moves these, so that adjusting for them would hide part of the effect: {', '.join(moved)}."


def _matched(entry: Entry) -> Sequence[str]:
    """Return the columns that units, and rows of people, are matched on; others that the group reads are compared."""
    people: Sequence[str] = getattr(getattr(entry.comparison, "people", None), "on", ())
    return [name for name in (*entry.comparison.matched_on, *people) if name not in EARLIER_OUTCOMES]


def _left_out(design: Design, panel: PanelFacts) -> Iterator[str]:
    yield f"Comparison group: {_compared(design, panel)} (flow.csv says who is left out)."
    if panel.left_out and not design.disclosure.guards:
        yield f"Left out: {listed([f'{n} ({why})' for why, n in panel.left_out.items()])}; flow.csv has all."


def _compared(design: Design, panel: PanelFacts) -> str:
    """Say who is compared, and how the method itself weighs them."""
    method, weighs = design.comparison, design.primary.method.weighs
    if _nobody_never(panel):
        return _LATER
    if not panel.n_comparison_units:
        return "nobody"
    every = (
        "all untreated units" if method.unrestricted() == method else "the untreated units that its restriction keeps"
    )
    return f"{every if str(method.name) == 'none' else method.label}{f'; {weighs}' if weighs else ''}"


def _nobody_never(panel: PanelFacts) -> bool:
    """Whether all that are looked at begin, so that the later ones are the comparison."""
    return not panel.n_comparison_units and len(panel.cohorts) > 1


#: Who is compared where nobody never begins.
_LATER = "those that begin later, until they do (nobody never begins)"


def _untreated(panel: PanelFacts) -> str:
    means = panel.untreated_means
    if _nobody_never(panel):
        return (
            "Those compared begin later and are taken not to have used it before; starts are as the data record them."
        )
    if not panel.n_comparison_units:
        return "Nobody is compared; starts are as the data record them."
    if means == "unknown":
        return "Whether comparison units use the intervention is unknown: a true effect may show smaller."
    return "Comparison units are declared never to have used it; starts are as the data record them."


def _deviations(design: Design) -> Iterator[str]:
    treatment = design.panel.treatment
    if treatment is not None and treatment.overlapping:
        yield "Other programmes are recorded (tables/programmes.csv) and not adjusted for."
    if design.implementation is not None and design.implementation.measured:
        yield "Fidelity is described in tables/implementation.csv; units count as treated whatever it was."
    else:
        yield "How faithfully it was practised is not recorded."


def _missing(facts: RunFacts) -> Iterator[str]:
    outcome = facts.outcome
    if outcome is not None:
        every = facts.panel.n_units * facts.panel.n_times if facts.panel.layout == "panel" else facts.panel.n_rows
        lost = every - (facts.panel.n_rows - outcome.n_missing)
        yield f"{lost:,.0f} of {every:,.0f} rows have no outcome."
    yield _covariates_missing(facts.panel)
    if facts.panel.gaps:
        yield f"{len(facts.panel.gaps)} units have gaps."


def _covariates_missing(panel: PanelFacts) -> str:
    """Say how many rows lack a covariate that the headline reads, and what becomes of them."""
    if not panel.n_gaps > 0:
        return ""
    lack = f"{panel.n_gaps:,.0f} rows, before any are matched, have no value of {listed(panel.gap_names)}"
    return f"{lack}. {panel.gaps_filled}" if panel.gaps_filled else (
        f"{lack}: they take no part, or count as `missing` declares (flow.csv)."
    )  # fmt: skip


def _planned(facts: RunFacts) -> str:
    seen = {"no": "before outcomes were seen", "yes": "after outcomes were seen",
            "published": "when outcomes were published"}.get(facts.lock.outcomes_seen, "")  # fmt: skip
    said = facts.lock.text.rstrip(".")
    return f"{said}{f' (locked {seen})' if seen else ''}." if said else "The plan was never locked."


def emmie_sheet(design: Design, facts: RunFacts, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the five letters of EMMIE: what was asked, what this run has, and what is lacking; ratings are blank."""
    rows = [
        ("Effect", "Does the outcome change?", _effect(design, facts), "estimates.csv, headline.json"),
        ("Mechanism", "How does it work?", _mechanism(facts, tables), "tables/theory.*, tables/mechanisms.*"),
        ("Moderator", "For whom and where?", _moderator(design, tables), "tables/moderators*"),
        ("Implementation", "How was it put into practice?", _implementation(tables), "tables/implementation*"),
        ("Economics", "What does it cost, and for what?", _economics(design), "economics/"),
    ]
    return pd.DataFrame(rows, columns=["letter", "question", "evidence", "where"]).assign(strength="", quality="")


def _effect(design: Design, facts: RunFacts) -> str:
    panel = facts.panel
    units = f"{panel.n_treated_units} treated and {panel.n_comparison_units} comparison units"
    harms = [
        one.label or name
        for name, one in design.panel.outcomes.items()
        if one.role in ("safety", "harm", "displacement")
    ]
    harm = f"harms looked at: {listed(harms)}" if harms else "no harm was looked at"
    checks = len(design.checks)
    asked = f"{checks} check{'' if checks == 1 else 's'} declared"
    return f"Estimated on {units} over {panel.n_times} periods{_OVER[panel.estimand]}; {asked}; {harm}."


def _mechanism(facts: RunFacts, tables: Mapping[str, pd.DataFrame]) -> str:
    if "theory.nodes" not in tables:
        return "No programme theory is declared."
    links = tables.get("mechanisms.first_link", pd.DataFrame())
    joint = tables.get("mechanisms.joint", pd.DataFrame())
    said = [facts.theory.implications, "" if len(links) else "No mediator is measured."]
    said.append(_tests("First link", links, _named_by(links), "p_value", _first) if len(links) else "")
    said.append(_tests("Both links together", joint, _named_by(joint), "joint_p", _both) if len(joint) else "")
    return " ".join(text for text in said if text)


def _named_by(links: pd.DataFrame) -> str:
    """Return the column that says what a mediator is called."""
    return "words" if "words" in links else "mediator"


def _first(row: pd.Series) -> str:
    return f", {numeral(row['detectable'])} would be found four times in five" if row.get("detectable", 0) > 0 else ""


def _both(row: pd.Series) -> str:
    """Say which links would be found; both at once less often than either."""
    sizes = [float(row.get(name, 0)) for name in ("first_detectable", "link_detectable")]
    if not min(sizes) > 0:
        return ""
    return f", a first link of {numeral(sizes[0])} and a second of {numeral(sizes[1])} in two of three"


def _apart(row: pd.Series) -> str:
    if not row.get("detectable", 0) > 0:
        return ""
    return f", a difference of {numeral(row['detectable'])} would be found four times in five"


def _tests(
    what: str, table: pd.DataFrame, name: str, p: str, size: Callable[[pd.Series], str] = lambda _: ""
) -> str:  # fmt: skip
    """Say which of a table's tests were made, what they found and would find; a line without a p is no test."""
    table = table.assign(named=table[name].astype(str).str.replace("_", " "))
    made = table[table[p].notna()]
    found = listed([f"{row['named']} ({p_text(float(row[p]))}{size(row)})" for _, row in made.iterrows()])
    lacking = listed(table.loc[table[p].isna(), "named"].tolist())
    said = [f"tested: {found}"] if found else []
    return f"{what} {'; '.join([*said, *([f'not tested: {lacking}'] if lacking else [])])}."


def _moderator(design: Design, tables: Mapping[str, pd.DataFrame]) -> str:
    tested = tables.get("moderators", pd.DataFrame())
    said = [_tests("One effect in all groups", tested, "by", "p_value", _apart)] if len(tested) else []
    found = tables.get("moderators.discovery", pd.DataFrame())
    if len(found):
        said.append(_tests("Differences looked for (exploratory)", found, "learner", "p_adjusted"))
    return " ".join(said) or "No moderator is declared."


def _implementation(tables: Mapping[str, pd.DataFrame]) -> str:
    table, stages = tables.get("implementation", pd.DataFrame()), tables.get("implementation.by_stage", pd.DataFrame())
    said = _fidelity(table.iloc[0]) if len(table) else "Fidelity is not measured."
    told = f" The effect is told by {stages['stage'].nunique()} stages." if len(stages) else ""
    return said + told


def _fidelity(row: pd.Series) -> str:
    """Say how well it was practised, how that varies between units and within them, and how many reach the minimum."""
    units, mean = int(row["n_units"]), row.get("mean", float("nan"))
    said = f"Fidelity scored in {units} {'unit' if units == 1 else 'units'}"
    if not pd.notna(mean):
        return f"{said}."
    varies = [f"{numeral(float(row[key]), 2)} {where}" for key, where in
              (("sd_between", "between units"), ("sd_within", "within them")) if pd.notna(row[key])]  # fmt: skip
    spread = f", standard deviation {' and '.join(varies)}" if varies else ""
    said += f": {numeral(float(mean))} on average{spread}"
    if pd.notna(row["minimum"]):
        shares = (
            f"{row['share_reaching']:.0%} of units by their mean, and {row['share_of_periods']:.0%} of treated periods"
        )
        said += f"; the minimum of {numeral(float(row['minimum']))} is reached by {shares}"
    return f"{said}."


def _economics(design: Design) -> str:
    if design.economics is None:
        return "Not declared: nothing is said on cost or cost-effectiveness."
    return "Declared; the evidence gate says what the effect's quality allows (economics/gate.json)."
