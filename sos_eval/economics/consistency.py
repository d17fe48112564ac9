"""What a typed declaration can still get wrong: every contradiction at once, in the user's own names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sos_eval.economics.declared import CarePathway
from sos_eval.economics.files_only import beside_files
from sos_eval.economics.gate.dossier import gate_rule
from sos_eval.economics.group_checks import group_problems
from sos_eval.economics.idle import given_twice, idle_keys
from sos_eval.economics.model.deflator import Deflator
from sos_eval.economics.model.discount import schedule_names
from sos_eval.economics.model.stay import CHILDHOOD
from sos_eval.economics.names import name_problems
from sos_eval.economics.problem import Path, Problem, declared_lines, modelled
from sos_eval.economics.section import EconomicsSection, threshold_grid
from sos_eval.errors import nearest

__all__ = ["problems", "too_long", "unknown_parameters"]

#: Shapes between which the distribution of stays says something.
_SHAPES = (0.05, 1000.0)


def problems(section: EconomicsSection, deflator: Deflator, *, varied: bool = False) -> list[Problem]:
    """List everything that contradicts itself in a declaration.

    Parameters
    ----------
    section, deflator
        The declaration and its price index.
    varied
        Whether it is a scenario, in which a key of the base case may rest.
    """
    found: list[Problem] = [] if varied else list(idle_keys(section))
    for check in (_thresholds, _gate, _files_or_model, _frame, _discount, _strategies, _uptake, _effect, _pathway):
        found += list(check(section))
    for check in (_stays, _implementation, _decision, given_twice, name_problems, group_problems, _cheers):
        found += list(check(section))
    found += list(_lines(section, deflator))
    return found


def _thresholds(section: EconomicsSection) -> Iterator[Problem]:
    try:
        threshold_grid(section.thresholds)
    except ValueError as error:
        yield ("thresholds",), str(error), ""


def _gate(section: EconomicsSection) -> Iterator[Problem]:
    if section.gate.override and not section.gate.why.strip():
        yield ("gate", "why"), "an override needs its reason, which is printed with it", "say why"
    known = gate_rule()["fields"] | gate_rule()["beyond_the_dossier"]
    for key, names in (("facts", section.gate.facts), ("evidence", section.gate.evidence)):
        for name in names:
            if name not in known:
                yield ("gate", key, name), "no such field of a dossier", nearest(name, known)
    for name in section.gate.evidence:
        if name in known and name not in section.gate.facts:
            what = f"evidence of {name}, which is not declared under gate.facts"
            yield ("gate", "evidence", name), what, "declare the fact, or leave its evidence out"


def _files_or_model(section: EconomicsSection) -> Iterator[Problem]:
    psa = section.psa
    if (psa.effects is None) != (psa.costs is None):
        yield ("psa",), "effects and costs go together", "name a file for each"
    if psa.params is not None and psa.effects is None:
        yield ("psa", "params"), "params without effects and costs", "name a file for each"
    if modelled(section):
        for key in ("frame", "discount", "effect"):
            if getattr(section, key) is None:
                yield (key,), "is missing", "declare it, or name files of draws under psa"
        if section.implementation is None and not section.costs:
            yield ("implementation",), "no cost of the programme is declared", "add its costs"
    elif section.psa.correlation:
        yield ("psa", "correlation"), "draws from files have their dependence already", "leave it out"
    if not modelled(section):
        yield from beside_files(section)


def _frame(section: EconomicsSection) -> Iterator[Problem]:
    frame = section.frame
    if frame is None:
        return
    for key in ("currency", "comparator"):
        if not getattr(frame, key).strip():
            yield ("frame", key), "is empty", "declare it"
    real = [key for key in ("costs", "effects") if isinstance(getattr(section.rates, key), str)]
    if frame.uplift is not None and (real or frame.prices == "real"):
        what = "a nominal uplift beside real prices or a real discount rate mixes nominal and real"
        instead = "leave it out, or write prices: nominal with nominal rates (numbers) under discount"
        yield ("frame", "uplift"), what, instead
    elif frame.prices == "nominal" and real:
        yield (
            ("discount", real[0]),
            "nominal prices are discounted by a real schedule",
            "write a nominal rate (a number)",
        )
    for path, line in declared_lines(section):
        if line.prices != frame.prices:
            what = f"{line.name}: amounts are {line.prices}, the frame's are {frame.prices}: nominal and real are mixed"
            yield (*path, "prices"), what, "bring them to one"


def _discount(section: EconomicsSection) -> Iterator[Problem]:
    for key in ("costs", "effects"):
        rate = getattr(section.rates, key)
        if isinstance(rate, str) and rate not in schedule_names():
            yield ("discount", key), f"no schedule is called {rate!r}", nearest(rate, schedule_names())
        if rate == "green_book_health_2018" and section.frame is not None and section.frame.horizon > 126:
            yield ("discount", key), "the schedule ends after 125 years", "choose another, or a shorter horizon"
        if rate == "green_book_2026_lower" and section.frame is not None and section.frame.horizon <= 50:
            what = f"the lower rate is a sensitivity for horizons over 50 years; this one has {section.frame.horizon}"
            yield ("discount", key), what, "write green_book_2026"


def _strategies(section: EconomicsSection) -> Iterator[Problem]:
    declared, frame = section.strategies, section.frame
    if not declared:
        return
    names = [s.name for s in declared]
    if len(declared) < 2:
        yield ("strategies",), "one strategy is no comparison", "add the comparator"
    if frame is not None and names[0] != frame.comparator:
        yield ("strategies", 0, "name"), f"the first is not the frame's comparator {frame.comparator!r}", "put it first"
    if declared[0].effect or declared[0].programme:
        yield ("strategies", 0), "the comparator has neither effect nor cost", "write effect: 0 and programme: 0"
    shares = [(s.effect, s.programme) for s in declared]
    for j, share in enumerate(shares):
        if share in shares[:j]:
            twin = names[shares.index(share)]
            yield ("strategies", j), f"{names[j]} and {twin} are identical", "keep one of them"


def _uptake(section: EconomicsSection) -> Iterator[Problem]:
    """Check that authorities take a strategy up within the horizon, and stay."""
    for j, strategy in enumerate(section.strategies):
        shares, here = strategy.uptake, ("strategies", j, "uptake")
        if not shares:
            continue
        if j == 0:
            yield here, "the comparator is what happens anyway: nobody takes it up", "leave it out"
        if section.frame is not None and len(shares) > section.frame.horizon:
            yield here, f"{len(shares)} years within a horizon of {section.frame.horizon}", "leave later years out"
        if list(shares) != sorted(shares):
            yield here, f"{list(shares)}: shares fall, but who has taken it up stays", "write rising shares"
        if not shares[-1]:
            yield here, "nobody ever takes it up: there is no budget", "write rising shares, such as [0.2, 0.6, 1]"


def _effect(section: EconomicsSection) -> Iterator[Problem]:
    effect = section.effect
    if effect is None:
        return
    ratio = effect.scale in ("rate_ratio", "odds_ratio")
    if effect.estimate is not None:
        if effect.bundle:
            yield ("effect", "estimate"), "an estimate beside a bundle to take it from", "keep one of them"
        if effect.std_error is None:
            yield ("effect", "std_error"), "is missing: an effect without its error is no evidence", "add it"
        if effect.std_error == 0:
            yield ("effect", "std_error"), "0: no estimate is known without error", "write its standard error"
        if not effect.source.strip() and not effect.bundle:
            yield ("effect", "source"), "is missing", "say where the estimate comes from"
        if ratio and effect.estimate <= 0:
            yield ("effect", "estimate"), f"{effect.estimate:g}: a ratio is above zero", "write the ratio, not its log"
        if not ratio and -effect.estimate > effect.baseline:
            what = f"{effect.estimate:g}: more entries averted than there are (baseline {effect.baseline:g})"
            yield ("effect", "estimate"), what, "check the scale"
    if effect.scale in ("risk_difference", "odds_ratio") and effect.baseline > effect.per:
        yield ("effect", "baseline"), f"{effect.baseline:g} per {effect.per:g} is a probability above 1", "check per"
    if effect.unit in ("re_entry", "qaly") and not effect.per_entry_source and modelled(section):
        yield (
            ("effect", "per_entry_source"),
            f"is missing: how many {effect.unit} an entry stands for",
            "say the source",
        )
    if effect.unit == "week_of_care" and section.care_pathway is None and modelled(section):
        yield ("effect", "unit"), "weeks of care need the care_pathway", "declare it"


def _pathway(section: EconomicsSection) -> Iterator[Problem]:
    pathway = section.care_pathway
    if pathway is None:
        return
    names = [place.name for place in pathway.placements]
    total = sum(place.share for place in pathway.placements)
    if abs(total - 1) > 1e-6:
        yield ("care_pathway", "placements"), f"the shares sum to {total:.6g}", "let them sum to 1"
    for i, place in enumerate(pathway.placements):
        path = ("care_pathway", "placements", i)
        for target in place.to:
            if target not in names or target == place.name:
                others = [name for name in names if name != place.name]
                yield (*path, "to", target), "no other placement is called so", nearest(target, others)
        if sum(place.to.values()) > 1:
            yield (*path, "to"), f"the probabilities sum to {sum(place.to.values()):g}", "let them sum to 1 at most"


def _stays(section: EconomicsSection) -> Iterator[Problem]:
    """Check the distribution of stays and the ages at entry."""
    pathway = section.care_pathway
    if pathway is None:
        return
    stays, here, filed = pathway.stays, ("care_pathway", "stays"), False
    if stays is not None:
        shaped, filed = stays.distribution in ("weibull", "gamma"), stays.distribution == "empirical"
        for key, given, wanted in (("shape", stays.shape, shaped), ("path", stays.path, filed)):
            if (given is not None) != wanted:
                what = f"{stays.distribution} stays {'need it' if wanted else 'have none'}"
                yield (*here, key), what, "add it" if wanted else "leave it out"
        if stays.shape is not None and not _SHAPES[0] <= stays.shape <= _SHAPES[1]:
            low = stays.shape < _SHAPES[0]
            what = "nearly every stay would end at once" if low else "every stay would be the mean"
            instead = f"write {_SHAPES[0]:g} or more" if low else "write distribution: fixed"
            yield (*here, "shape"), f"{stays.shape:g}: {what}", instead
    if filed and pathway.age_at_entry:
        yield ("care_pathway", "age_at_entry"), "observed stays have ended at 18 already", "leave it out"
    if pathway.weeks is None and not filed:
        yield ("care_pathway", "weeks"), "is missing: stays need their mean", "add it"
    means: list[tuple[Path, float | None]] = [(("care_pathway", "weeks"), pathway.weeks)]
    means += [(("equity", i, "weeks"), group.weeks) for i, group in enumerate(section.equity)]
    for place, weeks in means:
        if weeks is not None and weeks > CHILDHOOD:
            yield place, f"{weeks:,.10g} weeks on average, but 18 years are {CHILDHOOD:,.0f}", "write weeks, not days"
    yield from _ages(pathway)


def _ages(pathway: CarePathway) -> Iterator[Problem]:
    here = ("care_pathway", "age_at_entry")
    for age in pathway.age_at_entry:
        try:
            within = 0 <= float(age) < 18
        except ValueError:
            within = False
        if not within:
            yield (*here, age), f"{age}: an age at entry is a number of years from 0 to below 18", "{0: 0.3, 10: 0.7}"
    total = sum(pathway.age_at_entry.values())
    if pathway.age_at_entry and abs(total - 1) > 1e-6:
        yield here, f"the shares sum to {total:.6g}", "let them sum to 1"


def _lines(section: EconomicsSection, deflator: Deflator) -> Iterator[Problem]:
    """Check that every cost says where it comes from, of which year and per what, and can be deflated."""
    entries: list[tuple[tuple[str | int, ...], str, str, object]] = [
        (path, line.name, line.source, line.price_year) for path, line in declared_lines(section)
    ]
    if section.care_pathway is not None:
        for i, place in enumerate(section.care_pathway.placements):
            entries.append((("care_pathway", "placements", i), place.name, place.source, place.price_year))
    for path, name, source, year in entries:
        if not source.strip():
            yield (*path, "source"), f"{name}: a cost without a source", "say where the amount comes from"
        if year is None:
            yield (*path, "price_year"), f"{name}: a cost without its price year", "write the year of the prices"
        elif deflator.problem(str(year)):
            yield (*path, "price_year"), f"{name}: {deflator.problem(str(year))}", deflator.instead(str(year))
    if section.frame is not None and deflator.problem(str(section.frame.price_year)):
        year = str(section.frame.price_year)
        yield ("frame", "price_year"), deflator.problem(year), deflator.instead(year)
    for i, line in enumerate(section.costs):
        if line.unit is None:
            yield (
                ("costs", i, "unit"),
                f"{line.name}: a cost without its unit",
                ("write child_week, case, authority_year or fixed"),
            )
        if line.unit == "child_week" and section.care_pathway is None:
            yield ("costs", i, "unit"), f"{line.name}: child-weeks need the care_pathway", "declare it"
    for path, line in declared_lines(section):
        if line.distribution in ("gamma", "lognormal") and line.amount <= 0 < line.se:
            yield (*path, "amount"), f"{line.name}: a {line.distribution} cost is above zero", "or distribution: normal"


def _implementation(section: EconomicsSection) -> Iterator[Problem]:
    """Refuse a unit that a line of the programme cannot have, and an uplift from nowhere."""
    declared = section.implementation
    if declared is None:
        return
    wanted = {"training": "fixed", "set_up": "fixed", "licence": "authority_year", "running": "authority_year"}
    for key, unit in wanted.items():
        line = getattr(declared, key)
        if line is not None and line.unit not in (None, unit):
            what = f"{line.name}: {key} is counted {'once' if unit == 'fixed' else 'each year'} for each authority"
            yield ("implementation", key, "unit"), f"{what}, not per {line.unit}", f"leave it out, or write {unit}"
    if declared.optimism_bias and not declared.optimism_source.strip():
        yield ("implementation", "optimism_source"), "is missing: an uplift without a source", "say where it comes from"


def _decision(section: EconomicsSection) -> Iterator[Problem]:
    """Refuse a sensitivity analysis that has no threshold to be about."""
    if section.decision_threshold is None and (section.dsa.ranges or section.dsa.two_way):
        what = "the net benefit is varied at the decision threshold, and none is declared"
        yield ("dsa",), what, "add decision_threshold: money a unit of effect"
    for name, (low, high) in section.dsa.ranges.items():
        share = name.startswith("mix[")
        if not low < high:
            instead = f"[{high:g}, {low:g}]" if low > high else "a range has two ends"
            yield ("dsa", "ranges", name), f"[{low:g}, {high:g}]: the first is not the lower", instead
        elif share and not 0 <= low < high <= 1:
            yield ("dsa", "ranges", name), f"[{low:g}, {high:g}]: a share of the mix lies in 0 to 1", ""
    places = section.care_pathway.placements if section.care_pathway is not None else ()
    for place in places:
        if place.share == 1 and f"mix[{place.name}]" in section.dsa.ranges:
            what = f"{place.name} is the whole mix: no other placement can take up the rest"
            yield ("dsa", "ranges", f"mix[{place.name}]"), what, "give another placement a share"
    if section.voi.next_study is not None:
        here = ("voi", "next_study")
        if section.decision_threshold is None:
            yield here, "its net benefit is at the decision threshold, and none is declared", "add decision_threshold"
        if not section.voi.next_study.cost_source.strip():
            yield (*here, "cost_source"), "is empty", "say where the cost of an authority and year comes from"
        if not modelled(section):
            yield here, "draws from files name no effect that it would measure", "write it under voi.studies"


def _cheers(section: EconomicsSection) -> Iterator[Problem]:
    items = [str(i) for i in range(1, 29)]
    for name in section.cheers:
        if name not in items:
            yield ("cheers", name), "CHEERS 2022 has items 1 to 28", "write the item's number"
        elif not section.cheers[name].strip():
            yield ("cheers", name), "is empty: the item stays open", "answer it, or leave it out"


def too_long(weeks: float, limit: float) -> Iterator[Problem]:
    """Refuse a mean stay that ages at entry do not leave room for (`weeks`: the longest that may be drawn)."""
    if weeks >= limit:
        what = f"up to {weeks:,.0f} weeks may be drawn, but the ages at entry leave {limit:,.0f} on average before 18"
        yield ("care_pathway", "weeks"), what, "check weeks, weeks_se and age_at_entry"


def unknown_parameters(section: EconomicsSection, names: Sequence[str]) -> Iterator[Problem]:
    """Check every place that names a parameter."""
    for i, group in enumerate(section.voi.evppi):
        for name in group:
            if name not in names:
                instead = nearest(name, names) if names else "name the file with their draws under psa.params"
                yield ("voi", "evppi", i), f"no parameter is called {name!r}", instead
    for i, study in enumerate(section.voi.studies):
        if study.parameter not in names:
            yield ("voi", "studies", i, "parameter"), f"no parameter is called {study.parameter!r}", (
                nearest(study.parameter, names)
            )  # fmt: skip
    for name in section.dsa.ranges:
        if name not in names:
            yield ("dsa", "ranges", name), "no parameter is called so", nearest(name, names)
    for i, pair in enumerate(section.dsa.two_way):
        for name in pair:
            if name not in names:
                yield ("dsa", "two_way", i), f"no parameter is called {name!r}", nearest(name, names)
    for i, entry in enumerate(section.psa.correlation):
        for name in entry.between:
            if name not in names:
                yield ("psa", "correlation", i), f"no parameter is called {name!r}", nearest(name, names)
