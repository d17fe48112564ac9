"""The decision model: entries averted, weeks of care by placement, and what both cost, by year.

Costs and effects are relative to the comparator, whose own are zero: a decision depends on differences only. Everything
is linear in the entries averted a full-effect year, which is what the break-even effect is solved for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sos_eval.economics.declared import BEARERS, CarePathway, DeclaredEffect
from sos_eval.economics.model.confidence import ConfidenceDistribution
from sos_eval.economics.model.deflator import Deflator
from sos_eval.economics.model.discount import Schedule, factors
from sos_eval.economics.model.draws import Parameter
from sos_eval.economics.model.lines import LedgerLine, ledger_lines
from sos_eval.economics.model.stay import Observed, Stay, stay_of
from sos_eval.economics.section import EconomicsSection

__all__ = ["WEEKS", "DecisionModel", "as_shares", "decision_model", "mix_of", "rate_fall"]

Array = NDArray[np.float64]
Values = Mapping[str, Array]
WEEKS = 52.0  # a year


@dataclass(frozen=True, slots=True)
class DecisionModel:
    """A declared evaluation as functions of its parameters.

    Attributes
    ----------
    section
        The declaration.
    lines
        Ledger lines, in the frame's prices.
    strategies
        Names; the comparator first.
    effect_share, programme_share : (K,)
        Share of the programme's effect and cost that each strategy has.
    cost_factors, effect_factors, profile, growth : (Y,)
        Discount factors of costs and effects, the effect's share left, and nominal growth of prices, by year.
    moves : (P, P)
        Yearly probabilities of moving between placements.
    stay
        Distribution of stays; empty without a care pathway.
    parameters
        All uncertain numbers.
    gradual
        Whether children move between placements evenly through a year of their stay; else at its end.
    """

    section: EconomicsSection
    lines: tuple[LedgerLine, ...]
    strategies: tuple[str, ...]
    effect_share: Array
    programme_share: Array
    cost_factors: Array
    effect_factors: Array
    profile: Array
    growth: Array
    moves: Array
    stay: Stay | None
    parameters: tuple[Parameter, ...]
    gradual: bool = False

    @property
    def years(self) -> int:
        """Horizon."""
        return len(self.profile)

    @property
    def others(self) -> tuple[int, ...]:
        """Columns of the strategies other than the comparator."""
        return tuple(range(1, len(self.strategies)))

    @property
    def base(self) -> dict[str, float]:
        """Every parameter at its expected value."""
        return {p.name: p.mean for p in self.parameters}

    @property
    def expected(self) -> dict[str, Array]:
        """Every parameter at its expected value, as a single draw, (1,) each."""
        return {name: np.array([value]) for name, value in self.base.items()}

    def counted(self, line: LedgerLine) -> bool:
        """Whether the perspective counts a line."""
        assert self.section.frame is not None
        return line.bearer in BEARERS[self.section.frame.perspective]

    def averted(self, values: Values) -> Array:
        """Entries averted in a year of full effect, all authorities together, (m,)."""
        effect, frame = self.section.effect, self.section.frame
        assert effect is not None
        assert frame is not None
        return np.asarray(rate_fall(effect, values) * frame.population / effect.per * frame.authorities)

    def weeks_by_year(self, values: Values) -> tuple[Array, Array]:
        """Weeks of an averted entry by calendar year: in that year of the stay, and in the one before, (m, Y) each."""
        assert self.stay is not None
        return self.stay.weeks_by_year(values["weeks"], self.years, WEEKS)

    def mix_by_year(self, values: Values) -> Array:
        """Share of an averted entry's weeks in each placement, by year after entry, (m, Y, P)."""
        pathway = self.section.care_pathway
        assert pathway is not None
        mix = np.column_stack([values[f"mix[{place.name}]"] for place in pathway.placements])
        mix = mix / mix.sum(1, keepdims=True)
        out = np.empty((len(mix), self.years, mix.shape[1]))
        for s in range(self.years):
            after = mix @ self.moves
            out[:, s] = (mix + after) / 2 if self.gradual else mix
            mix = after
        return out

    def paid(self, line: LedgerLine, values: Values, *, cash: bool = False) -> Array:
        """Money by year, undiscounted, (m, Y): of a programme line in full; of a saving per entry averted a year.

        A saving is per entry averted in each year of full effect; weeks of one entry run on into later years. With
        `cash` an annuity is the sum that is paid, in the year in which it is.
        """
        if line.kind == "programme":
            return self._programme(line, values[line.key] * line.quantity, cash=cash) * self.growth
        return self._saved(line, values, self._stays(values))

    def _stays(self, values: Values) -> tuple[Array, Array] | None:
        """Weeks of an averted entry by calendar year, which all lines share; None without a care pathway."""
        return None if self.stay is None else self.weeks_by_year(values)

    def _saved(self, line: LedgerLine, values: Values, stays: tuple[Array, Array] | None) -> Array:
        """Money by year that one entry averted a year saves, (m, Y), given the weeks that it would have stayed."""
        amount = values[line.key] * line.quantity
        first = np.zeros((len(amount), self.years))
        if line.timing == "case":
            first[:, 0] = amount
        elif line.timing == "child_week":
            assert stays is not None
            first = np.add(*stays) * amount[:, None]
        else:
            assert stays is not None
            first = self._placed(line, values, stays) * amount[:, None]
        out = np.zeros_like(first)
        for t in range(self.years):
            out[:, t:] += self.profile[t] * first[:, : self.years - t]
        return out * self.growth

    def _placed(self, line: LedgerLine, values: Values, stays: tuple[Array, Array]) -> Array:
        """Weeks of an averted entry in one kind of placement, by calendar year, (m, Y)."""
        assert self.section.care_pathway is not None
        place = [f"weekly[{p.name}]" for p in self.section.care_pathway.placements].index(line.key)
        fresh, carried = stays
        mix = self.mix_by_year(values)[:, :, place]
        before = np.column_stack([np.zeros(len(mix)), mix[:, :-1]])
        return np.asarray(fresh * mix + carried * before)

    def _programme(self, line: LedgerLine, amount: Array, *, cash: bool) -> Array:
        assert self.section.frame is not None
        pattern = np.zeros(self.years)
        if line.timing == "each_year":
            pattern[:] = 1.0
        elif line.timing == "repeated":
            pattern[1:] = 1.0
        elif line.spread and not cash:
            life = np.asarray(self._life_factors(line.spread))
            pattern[: line.spread] = 1 / life.sum()
        else:
            pattern[0] = 1.0
        return np.asarray(amount[:, None] * pattern * self.section.frame.authorities)

    def _life_factors(self, years: int) -> Array:
        """Discount factors over an asset's life, which may be longer than the horizon."""
        step = self.cost_factors[1] / self.cost_factors[0] if self.years > 1 else 1.0
        more = self.cost_factors[-1] * step ** np.arange(1, max(years - self.years, 0) + 1)
        return np.concatenate([self.cost_factors, more])[:years]

    def present(self, line: LedgerLine, values: Values) -> Array:
        """Present value of a line, (m,)."""
        return np.asarray(self.paid(line, values) @ self.cost_factors)

    def programme_cost(self, values: Values) -> Array:
        """Present cost of the whole programme in the perspective, (m,)."""
        return self._sum("programme", values)

    def saving_per_averted(self, values: Values, *, cashable: bool = False) -> Array:
        """Present saving, in the perspective, for one entry averted in every year of full effect, fading after, (m,).

        That is as many entries as `profile` adds up to: 3 full years and two of 0.75 and 0.5625 are 4.3 entries.
        """
        return self._sum("saving", values, cashable=cashable)

    def saving_single_entry(self, values: Values, *, cashable: bool = False) -> Array:
        """Present saving, in the perspective and within the horizon, for one entry averted in the first year, (m,)."""
        alone = replace(self, profile=np.eye(1, self.years)[0])
        return alone.saving_per_averted(values, cashable=cashable)

    def _sum(self, kind: str, values: Values, *, cashable: bool = False) -> Array:
        total = np.zeros(len(next(iter(values.values()))))
        stays = self._stays(values) if kind == "saving" else None
        for line in self.lines:
            if line.kind == kind and self.counted(line):
                paid = self._saved(line, values, stays) if kind == "saving" else self.paid(line, values)
                total = total + paid @ self.cost_factors * (line.released if cashable else 1.0)
        return total

    def effect_units(self, values: Values) -> Array:
        """Units of effect, discounted, for one entry averted in each year of full effect, (m,)."""
        effect = self.section.effect
        assert effect is not None
        if effect.unit == "week_of_care":
            first = np.add(*self.weeks_by_year(values))
            out = np.zeros_like(first)
            for t in range(self.years):
                out[:, t:] += self.profile[t] * first[:, : self.years - t]
            return np.asarray(out @ self.effect_factors)
        return np.asarray(values["per_entry"] * float(self.profile @ self.effect_factors))

    def evaluate(self, values: Values) -> tuple[Array, Array]:
        """Effects and costs of every strategy against the comparator, (m, K) each."""
        averted = self.averted(values)
        effects = (averted * self.effect_units(values))[:, None] * self.effect_share
        savings = (averted * self.saving_per_averted(values))[:, None] * self.effect_share
        costs = self.programme_cost(values)[:, None] * self.programme_share - savings
        return effects, costs


def mix_of(values: Mapping[str, object]) -> list[str]:
    """Return the names of the shares of the placement mix."""
    return [name for name in values if name.startswith("mix[")]


def as_shares(values: Values) -> dict[str, Array]:
    """Return parameters with the mix as shares that sum to one, as a reader knows them."""
    names = mix_of(values)
    total = np.sum([values[name] for name in names], axis=0) if names else 1.0
    return {name: np.asarray(one / total) if name in names else one for name, one in values.items()}


def rate_fall(effect: DeclaredEffect, values: Values) -> Array:
    """Fall in entries per `per` children and year, (m,)."""
    change, baseline = values["effect"], values["baseline"]
    if effect.scale == "rate_ratio":
        return np.asarray(baseline * (1 - change))
    if effect.scale == "odds_ratio":
        risk = baseline / effect.per
        odds = change * risk / (1 - risk)
        return np.asarray((risk - odds / (1 + odds)) * effect.per)
    return np.asarray(-change)


def decision_model(
    section: EconomicsSection,
    deflator: Deflator,
    cost_schedule: Schedule,
    effect_schedule: Schedule,
    observed: Observed | None = None,
    test: ConfidenceDistribution | None = None,
) -> DecisionModel:
    """Build the model of a checked declaration.

    Parameters
    ----------
    section, deflator, cost_schedule, effect_schedule
        The declaration and its dated series.
    observed
        The stays of its file.
    test
        The confidence distribution of an effect that a run's inverted test gave.
    """
    frame, effect = section.frame, section.effect
    assert frame is not None
    assert effect is not None
    lines = tuple(ledger_lines(section, deflator))
    declared = section.strategies
    names = tuple(s.name for s in declared) if declared else (frame.comparator, "Programme")
    shares = [(s.effect, s.programme) for s in declared] if declared else [(0.0, 0.0), (1.0, 1.0)]
    years = np.arange(frame.horizon)
    full = effect.persistence if effect.persistence is not None else frame.horizon
    growth = 1 + (frame.uplift or 0.0)
    return DecisionModel(
        section=section,
        lines=lines,
        strategies=names,
        effect_share=np.array([s[0] for s in shares]),
        programme_share=np.array([s[1] for s in shares]),
        cost_factors=factors(cost_schedule, frame.horizon),
        effect_factors=factors(effect_schedule, frame.horizon),
        profile=np.where(years < full, 1.0, (1 - effect.decay) ** np.maximum(years - full + 1, 0)),
        growth=np.asarray(growth ** years.astype(float)),
        moves=_moves(section),
        stay=stay_of(section.care_pathway, observed) if section.care_pathway is not None else None,
        parameters=tuple(_parameters(section, lines, observed, test)),
    )


def _moves(section: EconomicsSection) -> Array:
    """Return yearly moves between placements; what is not declared stays."""
    if section.care_pathway is None:
        return np.eye(0)
    places = section.care_pathway.placements
    names = [place.name for place in places]
    out = np.eye(len(places))
    for i, place in enumerate(places):
        for target, probability in place.to.items():
            out[i, names.index(target)] += probability
            out[i, i] -= probability
    return out


def _parameters(
    section: EconomicsSection,
    lines: tuple[LedgerLine, ...],
    observed: Observed | None,
    test: ConfidenceDistribution | None,
) -> list[Parameter]:
    """List every uncertain number."""
    effect, pathway = section.effect, section.care_pathway
    assert effect is not None
    ratio = effect.scale in ("rate_ratio", "odds_ratio")
    law = "confidence" if test is not None else "lognormal_median" if ratio else "normal"
    none = 1.0 if ratio else 0.0
    estimate = none if effect.estimate is None else effect.estimate
    out = [
        Parameter("effect", estimate if test is None else test.mean, effect.std_error or 0.0, law, test),
        Parameter("baseline", effect.baseline, effect.baseline_se, "gamma"),
        Parameter("per_entry", effect.per_entry, effect.per_entry_se, "normal"),
    ]
    if pathway is not None:
        out.append(_weeks(pathway, observed))
        for place in pathway.placements:
            shape = place.share * (pathway.concentration or 1.0)
            random = pathway.concentration is not None and 0 < place.share < 1
            out.append(Parameter(f"mix[{place.name}]", shape, 0.0, "share" if random else "fixed"))
    seen: set[str] = set()
    for line in lines:
        if line.key not in seen:
            out.append(Parameter(line.key, line.amount, line.se, line.law))
        seen.add(line.key)
    return out


def _weeks(pathway: CarePathway, observed: Observed | None) -> Parameter:
    """Return the mean stay: as declared, else as observed."""
    if observed is None:
        assert pathway.weeks is not None
        return Parameter("weeks", pathway.weeks, pathway.weeks_se or 0.0, "gamma")
    mean = observed.mean if pathway.weeks is None else pathway.weeks
    error = observed.error * mean / observed.mean if pathway.weeks_se is None else pathway.weeks_se
    return Parameter("weeks", mean, error, "gamma")
