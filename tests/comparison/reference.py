"""Panels of the stored reference data: each row a unit that is seen once before and once after."""

import numpy as np

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


def agrees(found, treated, values, *, rel=1e-8, columns=None):
    """Hold weights, numbers and balance against a case of WeightIt or MatchIt with cobalt's balance."""
    weights = found.weights
    if "weights" in values:
        np.testing.assert_allclose(weights, values["weights"], rtol=rel, atol=1e-10)
    else:
        for arm, group in (("treated", treated), ("control", ~treated)):
            np.testing.assert_allclose(weights[group][:20], values[f"weights_first20_{arm}"], rtol=rel, atol=1e-10)
    for arm, group in (("treated", treated), ("control", ~treated)):
        own = weights[group]
        np.testing.assert_allclose(own.sum() ** 2 / (own @ own), values[f"ess_{arm}"], rtol=rel)
        assert (own > 0).sum() == values[f"n_{arm}"] - values.get(f"n_zero_{arm}", 0)
    checked = 0
    table = found.balance.set_index(["stage", "covariate"])
    stored = values.get("balance") or values.get("balance_cobalt")
    for name, row in stored.items():
        ours = name if ("after", name) in table.index else name.replace("_", "=", 1)
        if ("after", ours) not in table.index:
            continue
        assert abs(table.loc[("after", ours), "mean_treated"] - row["mean_treated"]) <= rel * max(
            1, abs(row["mean_treated"])
        )
        assert abs(table.loc[("after", ours), "ks"] - row["ks"]) <= max(rel, 1e-8)
        checked += 1
    assert checked >= 3


__all__ = ["agrees", "build", "of_case", "people"]
