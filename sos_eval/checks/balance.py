"""Declared limits on imbalance, judged on the balance tables: every comparison group gets the first two lines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import listed, numeral
from sos_eval.results.check import CheckResult
from sos_eval.results.comparison import EARLIER_OUTCOMES, OF_UNITS, USUAL_KS, Comparison, ComparisonMethod, gaps_told

__all__ = ["balance_results"]

#: How many covariates that were not made alike are named; the others are counted.
_NAMED = 4


@dataclass(frozen=True, slots=True)
class _Judgement:
    """A limit: what it judges, and which way.

    Attributes
    ----------
    source
        Column of `balance.csv`, or a measure beside it.
    size
        What is compared with the limit: a ratio counts the same either way round.
    """

    words: str
    source: str
    size: Callable[[pd.Series], pd.Series]
    least: bool = False
    always: bool = False


_LIMITS = {
    "max_smd": _Judgement("standardised mean difference", "std_mean_diff", abs, always=True),
    "max_variance_ratio": _Judgement(
        "variance ratio", "variance_ratio", lambda ratio: ratio.where(ratio >= 1, 1 / ratio), always=True
    ),
    "max_ks": _Judgement("distance between distribution functions", "ks", abs),
    "min_overlap": _Judgement("overlap coefficient", "overlap", abs, least=True),
    "max_l1": _Judgement("joint distance", "l1", abs),
    "max_prognostic": _Judgement("standardised difference of the prognostic score", "prognostic", abs),
    "min_ess": _Judgement("effective number of comparison units", "ess_comparison", abs, least=True),
}


def balance_results(method: ComparisonMethod, comparison: Comparison | None) -> list[CheckResult]:
    """Return the worst imbalance that the comparison leaves, judged where a limit is declared.

    Parameters
    ----------
    method
        The comparison as declared, with its limits.
    comparison
        What it built.

    Returns
    -------
    list of CheckResult
        ``balance.max_smd`` and ``balance.max_variance_ratio``, a line for each further limit that is declared, and
        ``balance.unlike`` where the group is less like the treated than the untreated units it was built from, counted
        alike, or not alike on what it was matched on, ``balance.few_carry`` (``_treated``) where the weights of an arm
        are worth less than half of its units; the others only where the design names a covariate or a limit.
    """
    limits = method.imbalance_limits
    carried = [] if comparison is None else _few_carry(comparison)
    if (comparison is None or comparison.balance.empty) and not limits:
        return carried
    asked = {name: what for name, what in _LIMITS.items() if what.always or name in limits}
    judged = [_judged(comparison, name, what, limits.get(name)) for name, what in asked.items()]
    if comparison is None:
        return judged
    return [*judged, *_unlike(comparison, limits, method.matched_on), *carried]


def _few_carry(comparison: Comparison) -> list[CheckResult]:
    """Say where the weights are so unequal that fewer than half as many units of equal weight would be worth them."""
    found = []
    for treated in (False, True):
        worth, weighed = comparison.effective(treated=treated), comparison.weighed(treated=treated)
        if not worth < weighed / 2:
            continue
        arm, other = ("treated", "the comparison") if treated else ("comparison", "the treated")
        text = (
            f"The {weighed} {arm} units are weighed so unequally that they are worth {worth:.1f} of equal weight: what "
            f"happened in the heaviest few decides what {other} {'is' if treated else 'are'} compared with."
        )
        name = f"balance.few_carry{'_treated' * treated}"
        found.append(CheckResult(name, f"effective_number_of_{arm}_units", worth, text))
    return found


def _unlike(comparison: Comparison, limits: Mapping[str, float], matched_on: Collection[str]) -> list[CheckResult]:
    """Say where the group is less like the treated than what it was built from, or not alike on what was matched on."""
    gaps, earlier = comparison.differences, comparison.left_apart
    wide = gaps["after"] > comparison.max_smd
    worse = gaps[(gaps["after"] > gaps["before"]) & wide]
    kept = (wide & _are_of(gaps.index, matched_on)) | gaps.index.isin(earlier.index)
    apart = gaps[kept & ~gaps.index.isin(worse.index)].sort_values("after", ascending=False, kind="stable")
    constant = comparison.constant_apart(limits.get("max_ks", USUAL_KS))
    constant = constant[_are_of(constant.index, matched_on)]
    texts = []
    if len(worse):
        made = (
            "The comparison group that was built is less like the treated units than the untreated units that it was "
            "built from, counted alike"
            if comparison.estimand == "att"
            else "Treated and untreated units as they are weighed are less like each other than they were unweighed"
        )
        texts.append(f"{made}: standardised difference {gaps_told(worse)}.")
    if len(apart):
        more = f"; and {len(apart) - _NAMED} more (balance.csv)" if len(apart) > _NAMED else ""
        texts.append(f"Matched on, but not made alike: standardised difference {gaps_told(apart[:_NAMED])}{more}.")
    if len(constant):
        named = listed([f"{name} {numeral(value, 2)}" for name, value in constant.items()])
        texts.append(
            "The same in all treated units, so without a standardised difference, and not made alike: largest distance "
            f"between distribution functions in {named}."
        )
    if not texts:
        return []
    of_means = pd.concat([worse, apart])["after"]
    statistic = "standardised_mean_difference" if len(of_means) else "distance_between_distribution_functions"
    worst = float(of_means.max() if len(of_means) else constant.max())
    return [CheckResult("balance.unlike", statistic, worst, " ".join(texts))]


def _are_of(names: Iterable[object], covariates: Collection[str]) -> NDArray[np.bool_]:
    """Say which rows of a table of balance are of some covariates: a category of a text is called text=category."""
    bare = [str(name).removesuffix(OF_UNITS) for name in names]
    return np.array([name in covariates or name.partition("=")[0] in covariates for name in bare], bool)


def _values(comparison: Comparison | None, source: str) -> tuple[pd.Series, str]:
    """Return a statistic after the group was built, by covariate, and why it has none.

    The effective number of comparison units needs no covariate.
    """
    if source == "ess_comparison" and comparison is not None and comparison.balance.empty:
        return pd.Series({"": comparison.effective(treated=False)}), ""
    if comparison is None or comparison.balance.empty:
        return pd.Series(dtype=float), "no covariate is named under comparison.on"
    further = comparison.measures
    if source in set(further.get("measure", ())):
        after = further[(further["stage"] == "after") & (further["measure"] == source)]
        return after.set_index("covariate")["value"].astype(float), next(iter(filter(None, after["reason"])), "")
    table = comparison.balance
    if source not in table:
        return pd.Series(dtype=float), "a group has no unit with complete covariates"
    after = table[(table["stage"] == "after") & (table["covariate"] != "distance")]
    return after.set_index("covariate")[source].astype(float), "none exists"


def _judged(comparison: Comparison | None, limit: str, what: _Judgement, threshold: float | None) -> CheckResult:
    """Judge one statistic by its worst covariate."""
    name, statistic = f"balance.{limit}", what.words.replace(" ", "_")
    declared = np.nan if threshold is None else float(threshold)
    values, why = _values(comparison, what.source)
    size = what.size(values)
    known = size.dropna()
    if known.empty:
        return CheckResult(name, statistic, np.nan, f"No {what.words} to judge: {why}.", declared)
    worst = str(known.idxmin() if what.least else known.idxmax())
    value = float(known.loc[worst])
    passed = None if threshold is None else bool(value >= threshold if what.least else value <= threshold)
    gaps = list(size.index[size.isna()]) if limit != "max_variance_ratio" else []
    text = _sentence(what, worst, value, threshold, gaps, float(values.loc[worst]))
    table = pd.DataFrame({"covariate": size.index, "value": size.to_numpy()})
    return CheckResult(name, statistic, value, text, declared, passed, table)


def _words(covariate: object) -> str:
    """Return a covariate as it stands in a sentence: ``the outcome before the start``."""
    return EARLIER_OUTCOMES.get(str(covariate), str(covariate).replace("_", " "))


def _sentence(what: _Judgement, worst: str, value: float, threshold: float | None, gaps: list[str], told: float) -> str:
    """Say what was found, of which covariate, and what was declared; `told` is what stands in the table."""
    which = f"{'smallest' if what.least else 'largest'} " if worst else ""
    turned = f"; {numeral(told)}, counted the other way round" if what.source == "variance_ratio" and told < 1 else ""
    of = f" ({_words(worst)}{turned})" if worst else ""
    limit = "" if threshold is None else f"; the declared limit is {threshold:g}"
    missing = f" None exists for {', '.join(map(_words, gaps))}." if gaps else ""
    return f"The {which}{what.words} after the comparison group was built is {value:.2f}{of}{limit}.{missing}"
