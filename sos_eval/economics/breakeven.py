"""What can be said before the effect is known: break-even effect, justifiable cost, consequences, research.

Nothing here uses an estimate of the effect; the bound on the value of research uses a prior that is stated. Every
strategy has its own: it pays for itself where its own entries averted cover its share of the programme's cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.economics.model.evaluated import DecisionModel

__all__ = [
    "break_even",
    "break_even_fall",
    "break_even_rate",
    "cost_consequence",
    "effect_to_pay",
    "justifiable_cost",
    "research_bound",
]

Array = NDArray[np.float64]
Values = Mapping[str, Array]
_CURVE = 41


def break_even_rate(model: DecisionModel, values: Values, *, cashable: bool = False, share: float = 1.0) -> Array:
    """Return the fall in entries per `per` children and year at which savings equal a strategy's cost, (m,).

    Present cost of the strategy (its `share` of the programme's) over present saving for one entry averted in each
    full-effect year, over the children exposed; infinite where nothing is saved.
    """
    frame, effect = model.section.frame, model.section.effect
    assert frame is not None
    assert effect is not None
    saving = model.saving_per_averted(values, cashable=cashable)
    children = frame.population * frame.authorities / effect.per
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = share * model.programme_cost(values) / saving / children
    return np.asarray(np.where(saving > 0, rate, np.inf))


def break_even_fall(model: DecisionModel, share: float = 1.0) -> float:
    """Return the break-even effect at expected values, as a fall in the rate; infinite where nothing is saved."""
    return float(break_even_rate(model, model.expected, share=share)[0])


def effect_to_pay(model: DecisionModel) -> dict[str, float]:
    """Return the effect of the whole programme, as a fall in the rate, at which each strategy pays for itself.

    A strategy with the share e of the effect and p of the cost pays for itself where e times the effect covers p of the
    cost: at p / e of the programme's own break-even effect. At expected values; infinite where nothing is saved, or
    where the strategy has no part in the effect.
    """
    found = {}
    for j in model.others:
        part, own = float(model.effect_share[j]), break_even_fall(model, float(model.programme_share[j]))
        found[model.strategies[j]] = own / part if part > 0 else np.inf
    return found


def break_even(model: DecisionModel, draws: Values, scenarios: Sequence[DecisionModel] = ()) -> pd.DataFrame:
    """Break-even effect of every strategy in natural units, with the interval that the costs' uncertainty gives.

    Parameters
    ----------
    model, draws
        The model, and draws of its parameters.
    scenarios
        Models of the declared scenarios: what the interval from draws leaves out.

    Returns
    -------
    DataFrame
        ``strategy, counting, quantity, value, low, high, scenario_low, scenario_high, text``; counting all savings, and
        only those that can be cashed. The range of the scenarios holds the base case; it is empty without scenarios,
        and open (empty) above where no effect pays for the strategy in one of them.
    """
    rows: list[tuple[object, ...]] = []
    for j in model.others:
        name = model.strategies[j]
        varied = [(one, one.strategies.index(name)) for one in scenarios if name in one.strategies]
        for counting, cashable in (("all savings", False), ("cashable savings only", True)):
            point = break_even_rate(model, model.expected, cashable=cashable, share=model.programme_share[j])[0]
            ends = _ends(break_even_rate(model, draws, cashable=cashable, share=model.programme_share[j]))
            found = [_measures(model, point), *(
                _measures(one, break_even_rate(one, one.expected, cashable=cashable, share=one.programme_share[k])[0])
                for one, k in varied
            )]  # fmt: skip
            text, own = _reachable(point, _baseline(model), name), list(found[0].values())
            edges = [list(_measures(model, end).values()) for end in ends]
            others = np.array([list(each.values()) for each in found])
            for i, quantity in enumerate(found[0]):
                low, high = sorted(edge[i] for edge in edges)
                wide = (others[:, i].min(), others[:, i].max()) if varied else (np.nan, np.nan)
                rows.append((name, counting, quantity, own[i], low, high, *wide, text))
    numbers = ["value", "low", "high", "scenario_low", "scenario_high"]
    table = pd.DataFrame(rows, columns=["strategy", "counting", "quantity", *numbers, "text"])
    table[numbers] = table[numbers].replace([np.inf, -np.inf], np.nan)
    return table


def _baseline(model: DecisionModel) -> float:
    assert model.section.effect is not None
    return model.section.effect.baseline


def _measures(model: DecisionModel, fall: float) -> dict[str, float]:
    """Return a fall in the rate in natural units."""
    effect, frame = model.section.effect, model.section.frame
    assert effect is not None
    assert frame is not None
    children = frame.population * frame.authorities / effect.per
    return {
        f"fewer entries per {effect.per:,.10g} children a year": fall,
        f"fewer entries a year, {_where(frame.authorities)}": fall * children,
        "share of all entries averted": fall / effect.baseline,
        "rate ratio": 1 - fall / effect.baseline,
    }


def _where(authorities: int) -> str:
    return "one authority" if authorities == 1 else f"all {authorities:,} authorities"


def _reachable(rate: float, baseline: float, name: str) -> str:
    if not np.isfinite(rate):
        return f"nothing that is counted is saved: no effect pays for {name}"
    if rate > baseline:
        return f"more than every entry would have to be averted: no effect pays for {name}"
    share = f"{rate / baseline:.1%} of entries"
    return f"{share} would have to be averted in each year of full effect for {name} to pay for itself"


def justifiable_cost(model: DecisionModel, draws: Values) -> pd.DataFrame:
    """Highest cost of a strategy, an authority and year, that the savings of its effect would pay for.

    Returns
    -------
    DataFrame
        ``strategy, fall, share_of_entries, max_cost, low, high, max_cost_cashable, declared_cost``; fall per `per`
        children under the strategy. What an effect pays for is the same under each; what each costs is not.
    """
    return pd.concat([_justifiable(model, draws, j) for j in model.others], ignore_index=True)


def _justifiable(model: DecisionModel, draws: Values, j: int) -> pd.DataFrame:
    """Return the rows of one strategy."""
    effect, frame, own = model.section.effect, model.section.frame, float(model.programme_share[j])
    assert effect is not None
    assert frame is not None
    point = break_even_rate(model, model.expected, share=own)[0]
    both = [point, break_even_rate(model, model.expected, cashable=True, share=own)[0]]
    reach = max([2 * point, *(1.2 * x for x in both)], default=0.0, key=lambda x: x if np.isfinite(x) else 0.0)
    reach = min(reach, effect.baseline) if np.isfinite(reach) and reach > 0 else 0.2 * effect.baseline
    falls = np.linspace(0, reach, _CURVE)
    units = falls * frame.population / effect.per / model.cost_factors.sum()
    base, saving = model.expected, model.saving_per_averted(draws)
    low, high = _ends(saving)
    annual = own * model.programme_cost(base)[0] / frame.authorities / model.cost_factors.sum()
    return pd.DataFrame({
        "strategy": model.strategies[j], "fall": falls, "share_of_entries": falls / effect.baseline,
        "max_cost": units * model.saving_per_averted(base)[0], "low": units * low, "high": units * high,
        "max_cost_cashable": units * model.saving_per_averted(base, cashable=True)[0], "declared_cost": annual,
    })  # fmt: skip


def cost_consequence(model: DecisionModel, draws: Values) -> pd.DataFrame:
    """Every line by bearer: what the whole programme costs, and what one averted entry a year would release.

    A strategy pays its declared share of the programme. Present values over the horizon, for all authorities; lines
    outside the perspective are listed and not counted.
    """
    rows = []
    for line in model.lines:
        value = float(model.present(line, model.expected)[0])
        low, high = _ends(model.present(line, draws))
        meaning = (
            "cost of the whole programme"
            if line.kind == "programme"
            else "saving for one entry averted in each year of full effect, fading as declared"
        )
        rows.append({
            "bearer": line.bearer, "line": line.name, "meaning": meaning, "value": value, "low": low, "high": high,
            "cashable": value * line.released if line.kind == "saving" else np.nan, "counted": model.counted(line),
            "grade": line.grade, "price_year": line.price_year, "source": line.source,
        })  # fmt: skip
    return pd.DataFrame(rows).sort_values(["bearer", "meaning"], kind="stable", ignore_index=True)


def research_bound(
    model: DecisionModel, draws: Values, effect: Array, thresholds: Array, decisions: float
) -> pd.DataFrame:
    """Bound the value of research by the EVPI under the stated prior of the effect, of the choice among all strategies.

    How probable net benefit is under the prior is left out: by threshold, that is an acceptability curve.

    Parameters
    ----------
    model, draws
        The model, and draws of everything but the effect.
    effect : (n,)
        Draws of the change in entries per `per` children from the prior.
    thresholds : (T,)
        Money a unit of effect; zero counts savings only.
    decisions
        Decisions informed, discounted.
    """
    frame, declared = model.section.frame, model.section.effect
    assert frame is not None
    assert declared is not None
    averted = -effect * frame.population * frame.authorities / declared.per
    saved, cost = averted * model.saving_per_averted(draws), model.programme_cost(draws)
    units = averted * model.effect_units(draws)
    rows = []
    for threshold in thresholds:
        gain = (saved + threshold * units)[:, None] * model.effect_share - cost[:, None] * model.programme_share
        regret = gain.max(1) - gain[:, int(gain.mean(0).argmax())]
        error = regret.std(ddof=1) / np.sqrt(len(regret))
        rows.append((threshold, regret.mean(), error, decisions, decisions * regret.mean()))
    names = ["threshold", "evpi_under_prior", "std_error", "decisions", "population_value"]
    return pd.DataFrame(rows, columns=names)


def _ends(values: Array) -> tuple[float, float]:
    """Return the central 95% of draws; where some are infinite, ends that are draws: nothing lies between them."""
    if np.isfinite(values).all():
        low, high = np.quantile(values, [0.025, 0.975])
    else:
        low, high = np.quantile(values, 0.025, method="lower"), np.quantile(values, 0.975, method="higher")
    return float(low), float(high)
