"""The vocabulary: a word for each thing, with a definition of one line. `docs/glossary.md` is made from it."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = [
    "ADOPTION_COLUMNS",
    "AGGREGATIONS",
    "BALANCE_COLUMNS",
    "DIAGNOSTIC_COLUMNS",
    "EFFECT_COLUMNS",
    "FLOW_COLUMNS",
    "GLOSSARY",
    "KEY_COLUMNS",
    "PERIOD_COLUMNS",
    "ROLES",
    "SAFETY_ROLES",
    "TEST_COLUMNS",
    "Aggregation",
    "Direction",
    "Estimand",
    "Role",
    "Scale",
    "Verdict",
    "YearConvention",
    "__version__",
]

__version__ = "0.1.0"

Role = Literal["primary", "secondary", "sensitivity"]
Aggregation = Literal["group_time", "event_time", "cohort", "calendar", "overall", "simple"]
Scale = Literal["rate_per", "ratio", "log", "count", "value"]
Direction = Literal["decrease", "increase", "none"]
Estimand = Literal["att", "ate", "ato"]
Verdict = Literal["inconclusive", "decrease", "increase", "no_meaningful_effect", "not_identified"]
YearConvention = Literal["calendar", "ends_march", "starts_april"]

ROLES: tuple[str, ...] = get_args(Role)
AGGREGATIONS: tuple[str, ...] = get_args(Aggregation)

EFFECT_COLUMNS = (
    "estimator", "role", "estimand", "aggregation", "cohort", "time", "event_time", "subgroup", "scale",
    "estimate", "std_error", "conf_low", "conf_high", "conf_level", "band_low", "band_high",
    "statistic", "df", "p_value", "n_obs", "n_units", "n_treated_units", "n_clusters",
    "outcome", "inference", "reason",
)  # fmt: skip
KEY_COLUMNS = ("estimand", "aggregation", "cohort", "time", "event_time", "subgroup", "scale")
BALANCE_COLUMNS = (
    "covariate", "stage", "mean_treated", "mean_comparison", "std_mean_diff", "variance_ratio", "ks",
    "n_treated", "n_comparison", "ess_comparison",
)  # fmt: skip
DIAGNOSTIC_COLUMNS = ("name", "outcome", "estimator", "statistic", "value", "threshold", "passed", "text")
TEST_COLUMNS = (
    "estimator", "outcome", "aggregation", "inference", "statistic", "strata", "draws", "observed", "mean", "sd",
    "mean_estimate", "p", "p_centred", "mcse", "low", "high", "low_mcse", "high_mcse", "family", "p_adjusted",
)  # fmt: skip
#: Roles of outcomes that stand beside the verdict: those that should not get worse, and where children may be moved to.
SAFETY_ROLES = ("safety", "harm", "displacement")
FLOW_COLUMNS = ("step", "what", "units", "rows", "names", "reason")
#: Columns of any table that hold periods; they are written in the panel's own notation.
PERIOD_COLUMNS = ("cohort", "time", "first_treated", "embedded", "stopped")
ADOPTION_COLUMNS = ("unit", "first_treated", "embedded", "stopped", "prior_use", "evidence", "note")

GLOSSARY: dict[str, str] = {
    "unit": "who is observed and treated: an authority, unless the design says otherwise",
    "time": "when: a year under a declared convention",
    "first_treated": "a unit's first treated period; infinite for never treated",
    "cohort": "the units that share a first treated period",
    "event_time": "time minus first_treated; negative before the start",
    "cell": "one cohort at one time: ATT(g, t)",
    "estimand": "the quantity that is asked for: att, ate, ato, rate_ratio",
    "att": "average effect on the treated, on the outcome's own scale",
    "ate": "average effect over all units compared, treated and untreated, both groups weighed to stand for all",
    "ato": "average effect where the groups overlap: each unit counts by the chance of the other group",
    "acrt": "average causal response on the treated: how much one more of a dose does",
    "rate_ratio": "rate with the intervention over the rate without it",
    "aggregation": "how cells are averaged",
    "group_time": "no averaging: a row per cohort and time",
    "overall": "average over treated units of each unit's average effect since its start",
    "simple": "average over all treated unit-periods",
    "calendar": "average over cohorts within a period",
    "control": "which untreated units a cell is compared with: never_treated or not_yet_treated",
    "comparison": "the group that restriction, matching or weighting builds, before any later outcome's value is read",
    "exposure": "the population at risk behind a count: children aged 0 to 17",
    "per": "the scale of a rate: 10000 means per 10,000 children",
    "role": "primary (the question), secondary, or sensitivity (does the answer depend on a choice)",
    "world": "a declared data-generating process",
    "truth": "a world's true effects, in the key columns of an effect table",
    "diagnosand": "a quantity computed over draws of a world: bias, coverage, power",
    "headline": "the one number of a bundle, fixed by rule before outcomes are read",
    "lock": "the frozen plan: a hash of the resolved design and whether outcomes had been seen",
    "not_yet_treated": "a unit that starts later than the period in question",
    "transition": "periods between a unit's start and full embedding",
    "influence": "each unit's contribution to an estimate, scaled so its mean square over n is the variance",
    "band": "an interval that covers all rows of an aggregation at once (simultaneous)",
}
