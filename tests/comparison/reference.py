"""Panels of the stored reference data: each row a unit that is seen once before and once after."""

import numpy as np
import pandas as pd

from sos_eval.comparison import build
from tests.comparison.panels import NEVER, panel_of
from tests.reference.stored import data


def people(name, columns, treat="treat"):
    """Return a data set's units as a panel in its own order, and who is treated."""
    table = data(name) if isinstance(name, str) else name
    treated = table[treat].to_numpy() == 1
    units = [f"u{i:05}" for i in range(len(table))]
    starts = np.where(treated, 2, NEVER)
    values = {one: table[one].to_numpy() for one in columns}
    return panel_of(units, [1, 2], starts, np.zeros((len(table), 2)), **values), treated


def of_case(case, name):
    """Return the panel of a case's formula, who is treated, its covariates, spec and values."""
    covariates = tuple(part.strip() for part in case["spec"]["formula"].partition("~")[2].split("+"))
    panel, treated = people(name, covariates)
    return panel, treated, covariates, case["spec"], case["values"]


#: Numbers of balance as cobalt calls them, and as ours are called.
BALANCE = {"mean_treated": "mean_treated", "mean_control": "mean_comparison", "smd": "std_mean_diff",
           "vr": "variance_ratio", "ks": "ks"}  # fmt: skip


def agrees(found, treated, values, outcome, *, rel=1e-8, standardised=True):
    """Hold weights, their sums and balance of every covariate against a case of WeightIt or MatchIt with cobalt.

    ``outcome``: (n,), whose weighted means enter last. ``standardised``: whether its differences are over the treated
    units' deviation, as ours always are.
    """
    weights = found.weights
    if "weights" in values:
        np.testing.assert_allclose(weights, values["weights"], rtol=rel, atol=1e-10)
    for arm, group in (("treated", treated), ("control", ~treated)):
        own = weights[group]
        if f"weights_first20_{arm}" in values:
            np.testing.assert_allclose(own[:20], values[f"weights_first20_{arm}"], rtol=rel, atol=1e-10)
        np.testing.assert_allclose(own.sum() ** 2 / (own @ own), values[f"ess_{arm}"], rtol=rel)
        if f"sum_w_{arm}" in values:
            np.testing.assert_allclose(own.sum(), values[f"sum_w_{arm}"], rtol=rel)
        if "checksum" in values:
            place = np.flatnonzero(group) + 1
            sums = [own.sum(), own @ own, own @ place, own.min(), own.max()]
            names = ("sum", "sumsq", "sum_times_row", "min", "max")
            np.testing.assert_allclose(sums, [values["checksum"][arm][name] for name in names], rtol=rel, atol=1e-10)
        np.testing.assert_array_equal((own > 0).sum(), values[f"n_{arm}"] - values.get(f"n_zero_{arm}", 0))
    if "checksum_w" in values:
        sums = [weights @ weights, weights @ np.arange(1, len(weights) + 1)]
        np.testing.assert_allclose(sums, [values["checksum_w"][name] for name in ("sumsq", "sum_times_row")], rtol=rel)
    means = [np.average(outcome[group], weights=weights[group]) for group in (treated, ~treated)]
    np.testing.assert_allclose(means[0] - means[1], values["effect"]["unadjusted"]["coef"], rtol=max(rel, 1e-7))
    balanced(found.balance, values.get("balance") or values["balance_cobalt"], rel=rel, standardised=standardised)


def same_sets(found, values):
    """Hold who is in a set with whom against a case of MatchIt; its units stand in the order of the panel's."""
    ours = found.sets.set_index("unit")["matched_set"].reindex([f"u{i:05}" for i in range(len(values["subclass"]))])
    codes, theirs = pd.factorize(ours)[0], np.array([-1 if one is None else one for one in values["subclass"]])
    assert ((codes < 0) == (theirs < 0)).all()
    assert len({*zip(codes, theirs, strict=True)}) == len({*codes}) == len({*theirs})


def balanced(balance, stored, *, rel=1e-8, standardised=True):
    """Hold every number of balance, before where the file has it and after, against cobalt's."""
    table = balance.set_index(["stage", "covariate"])
    known = set(table.index.get_level_values("covariate"))
    for name, row in stored.items():
        ours = name if name in known else name.replace("_", "=", 1)
        for stage, suffix in (("before", "_un"), ("after", "")):
            for theirs, column in BALANCE.items():
                value = row.get(f"{theirs}{suffix}")
                if value is None and not (theirs == "vr" and f"vr{suffix}" in row):
                    continue
                if theirs == "smd" and not standardised:
                    continue
                expected = np.nan if value is None else value
                np.testing.assert_allclose(
                    table.loc[(stage, ours), column], expected, rtol=rel, atol=rel, err_msg=f"{stage} {name} {theirs}"
                )


__all__ = ["agrees", "balanced", "build", "of_case", "people", "same_sets"]
