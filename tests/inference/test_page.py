"""Every cell of the matrix in `docs/inference.md`, read from the page and run."""

from __future__ import annotations

import re
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import NotIdentified
from sos_eval.results.method import registered
from tests.conftest import ROOT
from tests.fakes import fit
from tests.inference.page import PANELS, demonstration, fits

NUMBERS = ["std_error", "conf_low", "conf_high", "p_value"]
#: Methods whose interval is that of a test turned round: they have no standard error.
INVERTED = {"randomization", "subcluster_wild_bootstrap", "wild_cluster_bootstrap"}
#: Methods that take untreated clusters for treated, and so need no second treated one.
FROM_UNTREATED = {"conley_taber", "ferman_pinto"}
FITS = fits()
#: A fit of random effects for every draw and every shift.
LONG = {("multilevel", "randomization")}


def matrix() -> tuple[dict[tuple[str, str], str], dict[str, str]]:
    """Return what the page says of each pair of estimator and inference, and its numbered notes."""
    text = (ROOT / "docs" / "inference.md").read_text(encoding="utf-8")
    lines = [[cell.strip(" `") for cell in line.strip("|\n").split("|")] for line in re.findall(r"^\|.*$", text, re.M)]
    methods, rows = lines[0][1:], lines[2:]
    said = {(row[0], method): cell for row in rows for method, cell in zip(methods, row[1:], strict=True)}
    return said, dict(re.findall(r"^(\d+)\. (.+)$", text, re.M))


SAID, NOTES = matrix()


def infer(method: str, fitted, **options) -> pd.DataFrame:
    options |= {"draws": 19} if method == "randomization" else {}
    return registered("inference")[method](**options).infer(fitted, np.random.default_rng(0)).table


def test_the_page_has_every_pair():
    assert set(SAID) == {(one, method) for one in registered("estimator") for method in registered("inference")} - {
        (one, "auto") for one in registered("estimator")
    }


@pytest.mark.parametrize(
    ("estimator", "method"), [pytest.param(*pair, marks=[pytest.mark.slow] * (pair in LONG)) for pair in SAID]
)
def test_a_cell_is_what_happens(estimator, method, monkeypatch):
    """Defined: numbers for every effect without another fit. By refitting: not without one. Refused: the note."""
    fitted, said = FITS[estimator], SAID[estimator, method]
    if isinstance(fitted, str):
        assert said == "not fitted here"
        return
    told = NOTES[found[0]] if (found := re.search(r"\d+", said)) else ""
    options = {"statistic": "coefficient"} if method == "randomization" and "coefficient" in told else {}
    table = infer(method, fitted, **options)
    note, refits = told if said.startswith("refused") else "", said.startswith("by refitting")
    whole = table[table["aggregation"] == "overall"].iloc[0]
    if whole["reason"] == "no value is rejected: the interval is unbounded":  # 2 of 16 signs of four clusters: p .125
        assert (whole["n_clusters"], whole["p_value"]) == (4, 0.125)
        return
    told = table[table["reason"] == note]
    assert "overall" in set(told["aggregation"])
    assert told["estimate"].notna().all()
    numbers = told[NUMBERS[1:] if method in INVERTED and not note else NUMBERS]
    assert (numbers.isna() if note else np.isfinite(numbers)).all(axis=None), numbers
    others = table[table["reason"] != note]
    assert (others["reason"] != "").all()
    only_tested = others["reason"].str.startswith(("no interval", "every trial value needs a new estimation"))
    assert others[NUMBERS[:3]].isna().all(axis=None)
    assert (others["p_value"].notna() == only_tested).all()
    again = []
    for way in ("complete", "estimate_assignments"):
        monkeypatch.setattr(type(fitted.estimator), way, lambda *_: again.append(1) or 1 / 0)
    with pytest.raises(ZeroDivisionError) if refits else nullcontext():
        infer(method, fitted, **options)
    assert bool(again) == refits


@pytest.mark.parametrize(("estimator", "method"), [pair for pair in SAID if pair[0] != "matched_did"])
def test_one_treated_cluster_has_a_test_that_takes_others_for_treated_and_nothing_else(estimator, method):
    panel = PANELS.get(estimator, demonstration)()
    one = panel.with_first_treated(np.where(np.arange(24) == 4, 2006.0, np.inf))
    needed = registered("estimator")[estimator].needs["treated_units"]
    if needed > 1 or isinstance(FITS[estimator], str):
        with pytest.raises(
            NotIdentified,
            match=None
            if isinstance(FITS[estimator], str)
            else "one unit alone|no unit has|the same dose|fewer than 5 folds",
        ):
            fit(registered("estimator")[estimator](), one)
        return
    fitted = fit(registered("estimator")[estimator](), one)
    if method in FROM_UNTREATED:
        table = infer(method, fitted)
        assert np.isfinite(table.loc[table["aggregation"] == "overall", NUMBERS].iloc[0].to_numpy(float)).all()
        table = table[table["aggregation"] != "overall"]
    elif method == "randomization":
        table = infer(method, fitted, statistic="coefficient")
        overall = table[table["aggregation"] == "overall"].iloc[0]
        assert np.isfinite(overall[["estimate", "p_value", "conf_low", "conf_high"]].to_numpy(float)).all()
        table = infer(method, fitted, statistic="studentised")
    else:
        table = infer(method, fitted)
    assert table[NUMBERS].isna().all(axis=None)
    assert (table["reason"] != "").all()
