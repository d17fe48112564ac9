from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sos_eval.declare import read_yaml
from sos_eval.errors import DesignFault
from sos_eval.worlds.children import is_of_children
from sos_eval.worlds.draw import draw_world
from sos_eval.worlds.source import data_of, draw_once, world_frame
from sos_eval.worlds.world import document_of, load_world, world_from
from tests.conftest import ROOT
from tests.worlds.tiny import tiny


def _faults(text: str, tmp_path: Path) -> list[str]:
    file = tmp_path / "w.yaml"
    file.write_text(text)
    with pytest.raises(DesignFault) as caught:
        load_world(file)
    return [str(fault).replace(str(tmp_path) + "/", "") for fault in caught.value.faults]


def test_england_loads():
    world = load_world(ROOT / "synthetic" / "england.yaml")
    assert world.authorities.n == 148
    assert world.periods.tolist() == list(range(2011, 2026))


def test_every_world_loads_and_says_its_purpose_first():
    files = sorted((ROOT / "synthetic").glob("*.yaml"))
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert text.startswith("# ")
        if is_of_children(read_yaml(file)):
            assert len(world_frame(file)) > 50_000
            continue
        world = load_world(file)
        if world.panel is None:
            draws = draw_once(world)
            assert len(data_of(draws)) == draws.frame.shown.sum()
            assert np.isfinite(draws.truth["true_effect"]).all()


def test_all_faults_at_once_with_their_lines(tmp_path):
    """Unknown key, wrong type, negative spread: three faults of reading, each with its line."""
    text = """schema: sos-eval/world/1
name: w
outcome:
  level_std: 0.2
  trend_sd: -1
authorities:
  n: many
"""
    assert sorted(_faults(text, tmp_path)) == [
        'w.yaml:4: outcome.level_std: no such key; did you mean "level_sd"?',
        "w.yaml:5: outcome.trend_sd: -1: must be greater than or equal to 0",
        "w.yaml:7: authorities.n: 'many': must be a valid integer, unable to parse string as an integer",
    ]


def test_contradictions_are_found_together(tmp_path):
    text = """schema: sos-eval/world/1
name: w
times: {first: 2011, last: 2016}
authorities: {n: 8}
outcome:
  distribution: poisson
  dispersion: 0.1
adoption:
  pattern: staggered
  treated: 9
  cohorts: {2031: 1}
  selection: {covariates: {cin_rte: 1}}
effect:
  moderator: {idacy: 1}
"""
    assert _faults(text, tmp_path) == [
        "w.yaml:7: outcome.dispersion: has no meaning with distribution: poisson; remove it",
        "w.yaml:11: adoption.cohorts: 2031 is outside the world's times; write 2011 to 2016",
        "w.yaml:10: adoption.treated: 9 of 8 authorities cannot start; write a smaller number",
        "w.yaml:12: adoption.selection.covariates.cin_rte: no such covariate; declare it under authorities.covariates, "
        "or in panel.covariates",
        'w.yaml:14: effect.moderator.idacy: no such column; did you mean "idaci"?',
    ]


def test_missing_schema_and_file(tmp_path):
    assert "w.yaml: schema: is missing; write schema: sos-eval/world/1" in _faults("name: w\n", tmp_path)
    with pytest.raises(DesignFault, match="no such file"):
        load_world(tmp_path / "other.yaml")


def test_a_changed_key_that_does_not_exist_names_the_nearest():
    with pytest.raises(DesignFault, match=r'effect.sise: no such key; did you mean "size"\?'):
        tiny(effect__sise=-2)


def test_a_world_survives_being_written_down():
    """What sweeps start from: a world as plain values builds the same world."""
    world = load_world(ROOT / "synthetic" / "england.yaml")
    assert world_from(document_of(world)) == world
    assert world_from(document_of(world), {"effect.size": -1.0}).effect.size == -1.0


def test_draw_is_a_batch_on_one_frame():
    draws = draw_world(tiny(), np.random.default_rng(1), 7)
    assert draws.outcomes.shape == (7, 8, 6)
    assert draws.panel.n_units == 8
    assert draws.panel.cohorts.tolist() == [2013.0, 2015.0]
    np.testing.assert_array_equal(draws.panel.matrix("count"), draws.observed[0])
    np.testing.assert_allclose(draws.panel.matrix(), draws.outcomes[0])


def test_faults_of_mechanisms_have_their_lines(tmp_path):
    """Children are not in this version; a wrong key, share and coefficient deep in theory, mergers and revisions."""
    text = """schema: sos-eval/world/1
name: w
times: {first: 2011, last: 2016}
children: {n: 100}
theory:
  edges:
    - [practice, trust, 0.8]
    - [trust, outcome, high]
mergers:
  - start: 2014
    treated: dropped
revisions:
  by_age:
    0: {share: 1.5, sise: 2}
"""
    assert sorted(_faults(text, tmp_path)) == sorted(
        [
            "w.yaml:4: children: a world of children has no panel of authorities to draw here; write: sos-eval "
            "simulate FILE --out P.csv, or panel: {source: world} in a design",
            "w.yaml:6: theory.edges.trust.outcome: 'high': must be a valid number, unable to parse string as a number",
            "w.yaml:11: mergers.0.treated: 'dropped' is not one of the options; did you mean \"drop\"?",
            "w.yaml:14: revisions.by_age.0.share: 1.5: must be less than or equal to 1",
            'w.yaml:14: revisions.by_age.0.sise: no such key; did you mean "size"?',
        ]
    )


def test_a_shock_is_changed_by_its_name():
    world = world_from(
        document_of(load_world(ROOT / "synthetic" / "england.yaml")), {"outcome.shocks.pandemic.spread": 0.1}
    )
    assert [shock.spread for shock in world.outcome.shocks] == [0.1, 0.2]
    with pytest.raises(
        DesignFault, match=r"outcome\.shocks\.pandemik\.spread: there is no entry 'pandemik'; did you mean"
    ):
        world_from(document_of(world), {"outcome.shocks.pandemik.spread": 0.1})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"authorities.population.growth_sd": 3}, "growth_sd: 3 leaves some authorities without children"),
        ({"authorities.population.median": 400000}, "population.median: is not between minimum and maximum"),
        ({"authorities.deprivation.mean": 5}, "deprivation.mean: is not between minimum and maximum"),
        ({"authorities.n": 10**9}, "authorities.n"),
        ({"effect.contamination": {"share": 0.2, "start": 3000}}, "3000 is after the last period"),
        ({"columns.unit": ""}, "columns.unit"),
    ],
)
def test_what_no_world_can_be_is_refused(changes, said):
    with pytest.raises(DesignFault, match=said):
        tiny(**changes)
