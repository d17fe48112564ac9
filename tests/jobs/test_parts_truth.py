"""True effects by stage and of groups that a learner made: by loops over a world's expected outcomes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

import sos_eval as se
from sos_eval.declare import read_yaml
from sos_eval.estimators import ETWFE, CallawaySantAnna, EventStudyTWFE
from sos_eval.jobs.parts_truth import GROUP_TRUTH, STAGE_TRUTH, true_parts
from sos_eval.panel.tabular import from_frame
from sos_eval.results.fitted import Fitted
from sos_eval.results.overall_average import AS_ESTIMATED, PLAIN
from sos_eval.worlds.source import data_of, draw_once, known_effects
from sos_eval.worlds.world import world_from
from tests.worlds.tiny import TINY

#: Six start in 2013 and three in 2015; the effect grows, and differs with the rate of children in need.
WORLD = TINY | {
    "authorities": {**TINY["authorities"], "n": 14, "regions": {"North": {"authorities": 14}}},
    "adoption": {"pattern": "staggered", "treated": 9, "cohorts": {"2013": 2, "2015": 1}},
    "effect": {"size": -3.0, "shape": "growing", "periods": 3, "moderator": {"cin_rate": 0.5}},
}
STAGES = {"transition": 0, "embedded": 2}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A design over the world, what the world knows, its draw and its data."""
    folder = tmp_path_factory.mktemp("parts")
    (folder / "w.yaml").write_text(yaml.safe_dump(WORLD), encoding="utf-8")
    design = {
        "schema": "sos-eval/design/1", "name": "d", "seed": 1, "implementation": {"stages": STAGES},
        "panel": {
            "source": "world", "path": "w.yaml", "unit": "la_code", "time": "year",
            "outcome": {"count": "care_entries", "exposure": "children_0_17", "per": 1000},
            "treatment": {"first_treated": "first_treated"},
        },
        "estimators": [{"id": "cs", "method": "callaway_santanna"}], "inference": [{"method": "analytic"}],
    }  # fmt: skip
    (folder / "d.yaml").write_text(yaml.safe_dump(design, sort_keys=False), encoding="utf-8")
    draws = draw_once(world_from(read_yaml(folder / "w.yaml")), 1)
    return se.load_design(folder / "d.yaml"), known_effects(folder / "w.yaml", 1), draws, data_of(draws)


def truths(world, method, members=None):
    design, known, _, data = world
    names = {"unit": "la_code", "time": "year", "first_treated": "first_treated", "outcome": "care_entries"}
    panel = from_frame(data, **names, exposure="children_0_17", per=1000)
    fitted = Fitted("cs", "primary", method, method.complete(panel), panel)
    staged = pd.DataFrame({"stage": list(STAGES), "estimate": [1.0, 1.0]})
    return true_parts(design, known, fitted, {"implementation.by_stage": staged}, members or {})


def effects(draws):
    """Yield unit, start, periods since it and the effect per 1,000 of every treated row."""
    for i, unit in enumerate(draws.frame.units):
        for t, year in enumerate(draws.frame.world.periods):
            start = draws.frame.first_treated[i]
            if year >= start:
                yield str(unit), start, year - start, (draws.expected[0, i, t] - draws.untreated[0, i, t]) / 10


@pytest.mark.parametrize(
    ("method", "averaged"),
    [
        (CallawaySantAnna(), AS_ESTIMATED),
        (CallawaySantAnna(balance_e=2), AS_ESTIMATED),
        (ETWFE(covariates=()), AS_ESTIMATED),
        (EventStudyTWFE(), PLAIN),
    ],
)
def test_a_stage_is_the_mean_over_periods_of_the_mean_over_who_is_seen_then(world, method, averaged):
    """Both cohorts are seen for two periods, those of 2013 for four; balanced, these alone, and for three."""
    balanced = method.event_times.balance is not None
    rows = [(e, x) for _, start, e, x in effects(world[2]) if start == 2013 or not balanced]
    means = [np.mean([x for e, x in rows if e == since]) for since in range(3 if balanced else 4)]
    told = truths(world, method)[STAGE_TRUTH].set_index("stage")
    expected = {"transition": np.mean(means[:2]), "embedded": np.mean(means[2:])}
    assert told["true_effect"].to_dict() == pytest.approx(expected)
    assert set(told["averaged"]) == {averaged}
    assert set(told["scale"]) == {"rate_per"}


def test_of_ratios_it_is_the_mean_of_logs_of_children_with_and_without(world):
    draws, means = world[2], []
    since = draws.frame.world.periods - draws.frame.first_treated[:, None]
    children = np.broadcast_to(draws.frame.children, since.shape)
    for e in range(4):
        counts = [float((rates[0] * children)[since == e].sum()) for rates in (draws.expected, draws.untreated)]
        means.append(np.log(counts[0] / counts[1]))
    told = truths(world, ETWFE(covariates=(), family="poisson"))[STAGE_TRUTH].set_index("stage")
    expected = {"transition": np.exp(np.mean(means[:2])), "embedded": np.exp(np.mean(means[2:]))}
    assert told["true_effect"].to_dict() == pytest.approx(expected)
    assert set(told["scale"]) == {"ratio"}


def test_a_group_is_the_mean_of_its_treated_after_the_last_start_and_of_splits_the_median(world):
    late = {}
    for unit, start, since, effect in effects(world[2]):
        if start + since >= 2015:
            late.setdefault(unit, []).append(effect)
    units = list(late)
    rng = np.random.default_rng(1)
    dealt = [(split, unit, int(rng.integers(1, 3)), rng.random()) for split in (1, 2, 3) for unit in units]
    members = pd.DataFrame(dealt, columns=["split", "unit", "group", "weight"])
    told = truths(world, CallawaySantAnna(), {"double_ml": members})[GROUP_TRUTH]
    for group in (1, 2):
        means = []
        for split in (1, 2, 3):
            own = [(weight, np.mean(late[unit])) for s, unit, g, weight in dealt if (s, g) == (split, group)]
            means.append(sum(w * x for w, x in own) / sum(w for w, _ in own))
        [row] = told[told["group"] == group].to_dict("records")
        assert row["true_effect"] == pytest.approx(np.median(means))
