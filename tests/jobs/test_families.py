"""Safety outcomes are adjusted for their number by the lots that they share: eight units, every adoption listed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.jobs.run import run
from tests.jobs.eight_units import ADOPTIONS, written

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")

DESIGN = """\
schema: sos-eval/design/1
name: eight
panel:
  source: csv
  path: p.csv
  unit: la
  time: year
  outcomes:
    entry: {{value: entry}}
    hurt: {{value: hurt, role: safety, margin: 2}}
    again: {{value: again, role: harm, margin: 2}}
    kin: {{value: kin, role: displacement}}
  treatment: {{first_treated: start}}
estimators: [{{id: primary, method: twfe}}]
inference: [{{method: randomization, statistic: {statistic}, draws: 99}}]
seed: 1
"""
#: Changes from the first year to the second, by unit; the first two units start. `kin` has no second year in unit 8.
CHANGES = {
    "entry": [3, 1, 0, 2, -1, 1, 0, 2], "hurt": [5, 4, 1, 0, -1, 2, 0, -2], "again": [2, 1, 0, -1, 1, 0, 3, -2],
    "kin": [-1, -3, 2, 1, 0, 1, 2, np.nan],
}  # fmt: skip
FAMILY = ("hurt", "again", "kin")


def bundle(folder, statistic):
    return run(written(folder, CHANGES, DESIGN.format(statistic=statistic)), out=folder / "out")


def _differences(name, pairs=ADOPTIONS):
    change = np.array(CHANGES[name], float)
    return np.array([np.nanmean(change[list(pair)]) - np.nanmean(np.delete(change, pair)) for pair in pairs])


def _sorted(rows):
    return rows[np.lexsort(np.round(rows, 9).T)]


def by_hand() -> dict[str, float]:
    """Return step-down p values over all 28 adoptions: differences of mean changes, over their own spread."""
    each = {name: _differences(name, ((0, 1), *ADOPTIONS)) for name in FAMILY}
    drawn = {name: np.abs(one) / np.std(one) for name, one in each.items()}
    left, adjusted, largest = sorted(FAMILY, key=lambda name: -drawn[name][0]), {}, 0.0
    while left:
        top = np.max([drawn[name][1:] for name in left], axis=0)
        largest = max(largest, float((top >= drawn[left[0]][0] - 1e-9).mean()))
        adjusted[left.pop(0)] = largest
    return adjusted


def test_step_down_over_all_adoptions_by_hand(tmp_path):
    made = bundle(tmp_path, "coefficient")
    tests = pd.read_csv(made.path / "tests.csv").set_index("outcome")
    expected = by_hand()
    assert len(set(expected.values())) == 3
    for name in FAMILY:
        assert tests["p_adjusted"][name] == pytest.approx(expected[name], abs=1e-12)
        assert tests["family"][name] == "safety"
        assert tests["p_adjusted"][name] >= tests["p"][name]
    assert np.isnan(tests["p_adjusted"]["entry"])
    rows = {row["outcome"]: row for row in made.headline["safety"]}
    assert {name: row["p_adjusted"] for name, row in rows.items()} == pytest.approx(expected)


@pytest.mark.parametrize("statistic", ["studentised", "both"])
def test_outcomes_share_their_lots_draw_by_draw(tmp_path, statistic):
    made = bundle(tmp_path, statistic)
    draws = {name: made.tables(f"draws.primary.{name}.randomization") for name in CHANGES}
    seen = np.column_stack([draws[name]["estimate"][1:] for name in CHANGES])
    together = np.column_stack([_differences(name) for name in CHANGES])
    np.testing.assert_allclose(_sorted(seen), _sorted(together), atol=1e-9)
    tests = pd.read_csv(made.path / "tests.csv")
    told = tests[tests["p_adjusted"].notna()]
    assert told["statistic"].tolist() == [statistic] * 3
    assert (told["p_adjusted"] >= told["p"]).all()
