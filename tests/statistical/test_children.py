"""The 2020 design on many draws of its world: the known effects come back within Monte Carlo error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sos_eval.comparison.build import build
from sos_eval.design.design import load_design
from sos_eval.panel.imputation import completed
from sos_eval.panel.load import load_panel
from sos_eval.worlds.children import children_from
from sos_eval.worlds.children_source import children_tables
from tests.conftest import ROOT

DESIGN, WORLD = ROOT / "designs" / "sos_evaluation_2020.yaml", ROOT / "synthetic" / "cin_cla_children.yaml"
DRAWS = 12
ENTRIES = {
    "assessment_days": "published", "re_referral": "published", "kinship": "published", "conference": "published_logit",
}  # fmt: skip


def differences(seed: int, base: Path, gaps: str) -> dict[str, float]:
    """Return estimate less truth of one draw, by outcome; gaps are a category of their own, or filled once.

    The pooled estimate is a mean over completed data sets: what one of them expects, it expects.
    """
    design = load_design(DESIGN)
    tables = children_tables(children_from(WORLD), seed)
    tables["authorities"].to_csv(base / "sos_evaluation_2020_authorities.csv", index=False)
    tables["register"].to_csv(base / "sos_evaluation_2020_register.csv", index=False)
    spec = replace(design.panel, source="csv", imputation=None)
    method = design.comparison
    if gaps == "category":
        method = replace(method, people=replace(method.people, missing="category"))
    panel = load_panel(spec, design.document, base=base, override=tables["events"], also=method.columns)
    if gaps == "filled":
        panel = completed(panel, panel.covariates, design.panel.imputation, np.random.default_rng(seed))
    truth = tables["truth"].set_index("outcome")["true_effect"]
    entries = {entry.id: entry.method for entry in design.estimators}
    out = {}
    for outcome, entry in ENTRIES.items():
        matched = build(method, method.restricted(panel.select(outcome)))
        out[outcome] = float(entries[entry].complete(matched.panel).values[0] - truth[outcome])
    return out


@pytest.mark.slow
@pytest.mark.parametrize("gaps", ["category", "filled"])
def test_known_effects_are_recovered_within_monte_carlo_error(tmp_path, gaps):
    drawn = [differences(seed, tmp_path, gaps) for seed in range(1, DRAWS + 1)]
    for outcome in ENTRIES:
        off = np.array([one[outcome] for one in drawn])
        error = off.std(ddof=1) / np.sqrt(DRAWS)
        print(f"{outcome}: bias {off.mean():.4f}, Monte Carlo error {error:.4f}, sd {off.std(ddof=1):.4f}")
        assert abs(off.mean()) < 3 * error, outcome
