"""An economic evaluation from its declaration: what the gate grants is computed, what it withholds is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.economics.assumptions import assumption_table
from sos_eval.economics.breakeven import break_even as break_even_table
from sos_eval.economics.breakeven import (
    cost_consequence,
    effect_to_pay,
    justifiable_cost,
    research_bound,
)
from sos_eval.economics.budget import budget_impact
from sos_eval.economics.ceac import Sweep, sweep
from sos_eval.economics.cheers import answered, cheers_sheet
from sos_eval.economics.convergence import convergence
from sos_eval.economics.decision import decided
from sos_eval.economics.declared import DecisionFrame
from sos_eval.economics.distribution import distribution_table, weighted_table
from sos_eval.economics.equity import equity_table
from sos_eval.economics.gate.dossier import gate_rule
from sos_eval.economics.gate.evidence import POWER_80, Evidence, dossier_of, own_evidence
from sos_eval.economics.gate.verdict import Override, Verdict, judge, watermark
from sos_eval.economics.model.discount import population_total
from sos_eval.economics.model.draws import Parameter, central_interval, draw_parameters
from sos_eval.economics.model.evaluated import DecisionModel, as_shares, rate_fall
from sos_eval.economics.model.psa import Samples
from sos_eval.economics.next_study import next_study
from sos_eval.economics.prepared import Prepared, effect_there, studies_fit
from sos_eval.economics.scenario_draws import scenario_draws
from sos_eval.economics.scenarios import (
    AVERAGE_CHILD,
    VariedModel,
    marginal_child,
    scenario_models,
    scenario_table,
    structural_count,
)
from sos_eval.economics.section import EconomicsSection
from sos_eval.economics.sensitivity import natural_base, own_interval, sensitivity_tables
from sos_eval.economics.summary import economic_headline, main_results
from sos_eval.economics.tables import exact_tables
from sos_eval.economics.timing import timing_table
from sos_eval.economics.value import value_for_money
from sos_eval.economics.voi.evppi import evppi, evppi_table
from sos_eval.economics.voi.evsi import evsi

__all__ = ["Evaluation", "Outputs", "evaluate"]

#: What is printed of a programme without any evidence carries this.
BREAK_EVEN_ONLY = "break-even only: no evidence of effect"
#: And this, where there is an effect whose evidence the gate does not let through.
UNUSED_EFFECT = "break-even only: the evidence gate grants E0, so no estimate of the effect is used"
#: Draws from files have no model, and so no break-even.
NOTHING = "nothing numeric: the evidence gate grants E0"
#: What stands in place of a source that is not there.
UNSOURCED = "no source is declared"
#: Law of a parameter -> its name in the table, where that is another.
_LAWS = {
    "share": "dirichlet", "lognormal_median": "lognormal (median; error of the log)",
    "confidence": "confidence distribution of the inverted test",
}  # fmt: skip
Array = NDArray[np.float64]
Outputs = dict[str, "pd.DataFrame | dict[str, Any]"]
Streams = Callable[..., np.random.Generator]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Attributes
    ----------
    outputs
        File name without ending to its content: tables as CSV, mappings as JSON.
    verdict
        The gate's.
    printed
        Tier that was printed; above the verdict's only under an override.
    watermark
        Sentence that marks an override; empty without.
    """

    outputs: Outputs
    verdict: Verdict
    printed: str
    watermark: str


def evaluate(prepared: Prepared, measured: Evidence, streams: Streams, where: str, title: str = "") -> Evaluation:
    """Judge the evidence and compute what it allows.

    Parameters
    ----------
    prepared
        The checked declaration, with its model or its draws.
    measured
        What a bundle shows about the effect; empty without one.
    streams
        ``streams(name, …) -> Generator``.
    where
        File that faults name.
    title
        For CHEERS.
    """
    section, model = prepared.section, prepared.model
    draws = model_draws(prepared, streams) if model is not None else {}
    psa = model_samples(model, draws) if model is not None else prepared.samples
    assert psa is not None
    compared = [
        psa.strategies[prepared.reference],
        *(n for n in psa.strategies if n != psa.strategies[prepared.reference]),
    ]
    sourced = model is not None and UNSOURCED not in input_sources(model).values()
    sheet = cheers_sheet(section, compared, title, sourced=sourced)
    scenarios = scenario_models(prepared) if model is not None else []
    structural = structural_count(scenarios) if scenarios else 0
    evidence = own_evidence(section, model, psa.n_draws, answered(sheet), _mde(section, model), structural)
    evidence.absorb(measured)
    if model is not None and section.effect is not None:
        evidence.over_break_even(effect_to_pay(model), section.effect.baseline, section.effect.per)
    verdict = judge(dossier_of(section, evidence, where))
    override = Override(section.gate.override, section.gate.why) if section.gate.override else None
    mark = watermark(verdict, override)
    printed = override.tier if override and mark else verdict.tier
    label = UNUSED_EFFECT if section.effect is not None and section.effect.estimate is not None else BREAK_EVEN_ONLY
    label = label if model is not None else NOTHING
    outputs: Outputs = {"gate": gate_file(verdict, mark, printed, section.frame, label), "cheers": sheet}
    outputs["gate"]["strategies"] = list(psa.strategies)
    if printed == "E0":
        outputs["missing"] = missing_inputs(verdict)
        outputs |= break_even_only(model, scenarios, draws, label) if model is not None else {}
        return Evaluation(outputs, verdict, printed, mark)
    full = printed in ("E2", "E3")
    if full:
        effect_there(prepared)
    if model is not None:
        outputs |= first_tables(prepared, model, scenarios, draws, streams, with_effect=full)
        outputs["budget_impact"] = budget_impact(model, draws, with_savings=full)
    if full:
        outputs |= full_tables(prepared, psa, draws, streams)
        if len(scenarios) > 1:
            outputs["scenarios_probabilistic"] = scenario_draws(prepared, scenarios, streams)
        chosen = decided(psa, prepared.reference, section.decision_threshold)
        lacking = AVERAGE_CHILD if section.care_pathway is not None and not marginal_child(scenarios) else ""
        unit = section.effect.unit if section.effect is not None else ""
        head = economic_headline(chosen, outputs, verdict.tier, verdict.binding, mark, lacking, unit)
        outputs |= {"summary": main_results(chosen, outputs, printed, mark), "headline": head}
    else:
        outputs["missing"] = missing_inputs(verdict)
    return Evaluation(outputs, verdict, printed, mark)


def without_effect(
    model: DecisionModel, scenarios: Sequence[VariedModel], draws: Mapping[str, Array], *, with_effect: bool
) -> Outputs:
    """Compute what follows from costs and care alone, and list the inputs that are used."""
    out: Outputs = {
        "breakeven": break_even_table(model, draws, [varied for scenario, varied in scenarios if scenario is not None]),
        "max_programme_cost": justifiable_cost(model, draws),
        "assumptions": assumption_table(model),
        "parameters": parameter_table(model, with_effect=with_effect),
    }
    marginal = marginal_child(scenarios) or AVERAGE_CHILD
    return out | ({"timing": timing_table(model, marginal)} if model.stay is not None else {})


def break_even_only(
    model: DecisionModel, scenarios: Sequence[VariedModel], draws: Mapping[str, Array], label: str
) -> Outputs:
    """Compute what a programme would have to achieve where the gate grants nothing numeric, outside the tiers.

    Only costs and care enter; the decision record 0031 says why this is printed where nothing else is.
    """
    out = without_effect(model, scenarios, draws, with_effect=False)
    for table in (out["breakeven"], out["max_programme_cost"]):
        assert isinstance(table, pd.DataFrame)
        table["label"] = label
    return out


def gate_file(verdict: Verdict, mark: str, printed: str, frame: DecisionFrame | None, label: str) -> dict[str, Any]:
    """Return `gate.json`: the plain verdict, what is printed, in which money, and under what condition."""
    out = verdict.to_dict()
    out["allowed"] = gate_rule()["tiers"][verdict.tier]
    if printed == "E0" and label != NOTHING:
        out["allowed"] = "no number that rests on an effect, but the list of missing inputs"
    out["printed_as"] = printed
    out["currency"] = frame.currency if frame is not None else "GBP"
    out["money"] = money_words(frame)
    out["watermark"] = mark or None
    conditions = {"E0": label, "E2": "conditional on the effect being causal"}
    out["condition"] = conditions.get(printed)
    return out


def money_words(frame: DecisionFrame | None) -> str:
    """Say in which money amounts are, over how many years."""
    if frame is None:
        return "currency, price year and years counted are not declared"
    prices = f"prices of {frame.price_year}" if frame.prices == "real" else "prices of each year"
    return f"{frame.currency}, {prices}, {frame.horizon} year{'' if frame.horizon == 1 else 's'} counted"


def missing_inputs(verdict: Verdict) -> pd.DataFrame:
    """List what keeps each criterion below E3: ``criterion, name, tier, field, reason, lift``."""
    rows = []
    for name, entry in verdict.evidence.items():
        if verdict.criteria[name] == "E3":
            continue
        missing = entry["not_measured"] or {"": ""}
        rows += [(name, entry["name"], entry["tier"], f, why, entry["lift"]) for f, why in missing.items()]
    return pd.DataFrame(rows, columns=["criterion", "name", "tier", "field", "reason", "lift"])


def model_draws(prepared: Prepared, streams: Streams) -> Mapping[str, Array]:
    """Draw the parameters of the model."""
    assert prepared.model is not None
    psa = prepared.section.psa
    return draw_parameters(prepared.model.parameters, psa.correlation, psa.draws, streams("economics", "psa"))


def model_samples(model: DecisionModel, draws: Mapping[str, Array]) -> Samples:
    """Run the model on draws of its parameters; mixes are shown as shares."""
    effects, costs = model.evaluate(draws)
    shown = as_shares(draws)
    return Samples(model.strategies, effects, costs, np.column_stack(list(shown.values())), tuple(shown))


def _mde(section: EconomicsSection, model: DecisionModel | None) -> float | None:
    """Return the fall in the rate that the effect's precision detects with 80% power at 5%."""
    effect = section.effect
    if model is None or effect is None or effect.estimate is None or effect.std_error is None:
        return None
    reach = POWER_80 * effect.std_error
    if effect.scale == "rate_ratio":
        return float(effect.baseline * (1 - np.exp(-reach)))
    if effect.scale == "odds_ratio":
        values = {"effect": np.array([np.exp(-reach)]), "baseline": np.array([effect.baseline])}
        return float(rate_fall(effect, values)[0])
    return reach


def first_tables(
    prepared: Prepared,
    model: DecisionModel,
    scenarios: Sequence[VariedModel],
    draws: Mapping[str, Array],
    streams: Streams,
    *,
    with_effect: bool,
) -> Outputs:
    """Compute what needs no effect estimate (tier E1); `with_effect` sets the effect beside it where it may be."""
    section = prepared.section
    out = without_effect(model, scenarios, draws, with_effect=with_effect)
    out["cost_consequence"] = cost_consequence(model, draws)
    out["scenarios"] = scenario_table(prepared, scenarios, with_effect=with_effect)
    if section.equity:
        out["equity"] = equity_table(prepared, with_effect=with_effect)
    prior = section.effect.prior if section.effect is not None else None
    if prior is not None:
        rng = streams("economics", "prior")
        believed = prior.mean + prior.sd * rng.standard_normal(section.psa.draws)
        thresholds = np.array(sorted({0.0, *_few(section.prices, section.decision_threshold)}))
        out["research_value"] = research_bound(model, draws, believed, thresholds, decisions(prepared))
    return {name: table for name, table in out.items() if not isinstance(table, pd.DataFrame) or len(table)}


def _few(grid: list[float], decision: float | None, most: int = 10) -> list[float]:
    """Return a few thresholds, evenly spread, and the one at which the decision is taken."""
    few = grid if len(grid) <= most else [grid[i] for i in np.linspace(0, len(grid) - 1, most).astype(int)]
    return sorted({*few, *([] if decision is None else [decision])})


def parameter_table(model: DecisionModel, *, with_effect: bool) -> pd.DataFrame:
    """List every input with its distribution and its source; the effect only where it is used."""
    base, sources = natural_base(model), input_sources(model)
    rows = []
    for p in model.parameters:
        if p.name == "effect" and not with_effect:
            continue
        low, high = own_interval(p, model)
        law = _LAWS.get(p.law, p.law)
        error = np.nan if p.law == "share" else p.se
        rows.append((p.name, base[p.name], error, low, high, law, sources.get(p.name, "no estimate is used")))
    prior = model.section.effect.prior if model.section.effect is not None else None
    if prior is not None:
        ends = central_interval(Parameter("prior of the effect", prior.mean, prior.sd, "normal"))
        rows.append(("prior of the effect", prior.mean, prior.sd, *ends, "normal", prior.source))
    names = ["parameter", "mean", "std_error", "low", "high", "distribution", "source"]
    return pd.DataFrame(rows, columns=names)


def input_sources(model: DecisionModel) -> dict[str, str]:
    """Say of every parameter where it comes from; an effect that is not there has no source."""
    effect, pathway = model.section.effect, model.section.care_pathway
    assert effect is not None
    by_definition = {"care_entry": "by definition: an averted entry is one unit", "week_of_care": "not used"}
    found = {"baseline": effect.baseline_source}
    found["per_entry"] = by_definition.get(effect.unit, effect.per_entry_source)
    if effect.estimate is not None:
        found["effect"] = effect.source
    if pathway is not None:
        from_file = pathway.weeks is None and pathway.stays is not None
        found["weeks"] = pathway.weeks_source or (pathway.stays.why if from_file and pathway.stays else "")
        found |= {f"mix[{place.name}]": place.source for place in pathway.placements}
    found |= {line.key: line.source for line in model.lines}
    return {name: text.strip() or UNSOURCED for name, text in found.items()}


def decisions(prepared: Prepared) -> float:
    """Return the decisions that information would inform, later ones discounted."""
    voi = prepared.section.voi
    return population_total(voi.decisions_per_year, voi.years, prepared.cost_schedule)


def full_tables(prepared: Prepared, psa: Samples, draws: Mapping[str, Array], streams: Streams) -> Outputs:
    """Compute the full analysis (tiers E2 and E3)."""
    section, reference = prepared.section, prepared.reference
    studies_fit(prepared, psa)
    lam = np.array(section.prices)
    swept = sweep(psa.effects, psa.costs, lam, reference)
    out: Outputs = dict(exact_tables(psa, swept, reference))
    if not section.voi.evpi:
        out.pop("evpi")
    out["psa"] = psa_table(psa, reference)
    if section.decision_threshold is not None:
        out["convergence"] = convergence(psa, reference, section.decision_threshold)
    out |= information(prepared, psa, swept, streams)
    if prepared.model is not None:
        out |= sensitivity_tables(prepared)
        out["value_for_money"] = value_for_money(prepared, draws)
        if section.distribution is not None:
            out["distribution"] = distribution_table(prepared.model, section.distribution, draws)
            out["distribution_weighted"] = weighted_table(prepared, section.distribution)
    return {name: table for name, table in out.items() if len(table)}


def information(prepared: Prepared, psa: Samples, swept: Sweep, streams: Streams) -> Outputs:
    """Value information: single and grouped parameters, studies, and the population's totals."""
    voi, reference = prepared.section.voi, prepared.reference
    lam, out = swept.thresholds, Outputs()
    groups = [evppi(psa, group, lam, reference, streams("evppi", *group)) for group in voi.evppi]
    total = decisions(prepared)
    many = (voi.decisions_per_year, voi.years) != (1.0, 1)
    if groups:
        table = evppi_table(groups, swept)
        out["evppi"] = table
        if many:
            times = {name: total * table[name] for name in ("evppi", "std_error")}
            out["evppi_population"] = table[["parameters", "threshold"]].assign(decisions=total, **times)
    if voi.studies:
        few = np.array(_few(list(lam), prepared.section.decision_threshold))
        out["evsi"] = evsi(psa, voi.studies, few, reference, total, lambda name: streams("evsi", name))
    if voi.next_study is not None:
        out["next_study"] = next_study(prepared, psa, streams("evsi", "next study"))
    if voi.evpi and many:
        out["evpi_population"] = pd.DataFrame(
            {"threshold": lam, "decisions": total, "evpi": total * swept.evpi, "std_error": total * swept.evpi_error}
        )
    return out


def psa_table(psa: Samples, reference: int) -> pd.DataFrame:
    """Lay the draws out for the cost-effectiveness plane: increments against the reference."""
    others = [j for j in range(len(psa.strategies)) if j != reference]
    tables = [
        pd.DataFrame({
            "draw": np.arange(1, psa.n_draws + 1), "strategy": psa.strategies[j],
            "inc_effect": psa.effects[:, j] - psa.effects[:, reference],
            "inc_cost": psa.costs[:, j] - psa.costs[:, reference],
        })
        for j in others
    ]  # fmt: skip
    return pd.concat(tables, ignore_index=True)
