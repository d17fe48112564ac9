"""The main job: the same bytes from the same input, nothing half-written, nothing heavy, nobody overwritten."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.errors import DataFault, InputFault

DESIGN = """\
schema: sos-eval/design/1
name: small
panel:
  source: csv
  path: panel.csv
  unit: la
  time: year
  outcome: {count: entries, exposure: children, per: 10000}
  treatment: {first_treated: start}
estimators:
  - {id: primary, method: callaway_santanna}
  - {id: poisson, method: poisson_did}
inference:
  - {method: randomization, draws: 99}
  - {method: analytic}
checks: [pretrends, leave_one_out]
seed: 4
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    units, years = np.arange(24), np.arange(2010, 2017)
    data = pd.DataFrame([(f"A{u:02d}", t) for u in units for t in years], columns=["la", "year"])
    number = data["la"].str[1:].astype(int)
    data["start"] = np.where(number < 8, 2013 + number % 2, 0)
    data["children"] = 20_000 + 500 * number
    rate = 30 + number % 5 - 4 * ((data["start"] > 0) & (data["year"] >= data["start"]))
    data["entries"] = rng.poisson(rate * data["children"] / 1e4)
    data.to_csv(tmp_path / "panel.csv", index=False)
    (tmp_path / "small.yaml").write_text(DESIGN)
    return tmp_path


def run(folder: Path, out: str = "out", **options: object) -> se.ResultBundle:
    return se.run(se.load_design(folder / "small.yaml"), out=folder / out, **options)


def test_the_same_input_gives_the_same_bytes(folder):
    first, second = run(folder, "a"), run(folder, "b")
    for name in (
        "estimates.csv",
        "balance.csv",
        "flow.csv",
        "diagnostics.csv",
        "weights.csv",
        "figures/event_study.svg",
    ):
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes(), name


MATCHED = DESIGN.replace("checks: [pretrends, leave_one_out]\n", "checks: [placebo_units]\n").replace(
    "estimators:", "comparison: {method: nearest, on: [outcome_pre], ratio: 2}\nestimators:"
)


def test_the_same_bytes_on_any_number_of_processes(folder, undrawn, monkeypatch):
    """Pieces of 10 adoptions, all but the first of four on processes; matched, so that groups are built again."""
    monkeypatch.setattr("sos_eval.results.adoptions.DRAWS_AT_ONCE", 10)
    monkeypatch.setattr("sos_eval.jobs.crew.PROCESSES_PAY", 0.0)
    (folder / "small.yaml").write_text(MATCHED.replace("draws: 99", "draws: 39"))
    alone, *others = (run(folder, f"w{workers}", workers=workers) for workers in (1, 3))
    for other in others:
        for file in (alone.path / "estimates.csv", alone.path / "diagnostics.csv", *(alone.path / "tables").iterdir()):
            assert (other.path / file.relative_to(alone.path)).read_bytes() == file.read_bytes(), file.name


def test_long_inference_is_announced_and_counted(folder, undrawn, monkeypatch):
    """What takes more than ten seconds is said beforehand, short inference is not; the log has it, estimates do not."""
    said, told = [], []
    quiet = run(folder, "quiet", notice=said.append, progress=lambda *given: told.append(given))
    assert said == []
    counted = [given for given in told if given[0] == "primary, randomization"]
    assert counted
    assert counted[-1][1] >= 99
    assert all(done <= of for _, done, of in counted)
    monkeypatch.setattr("sos_eval.jobs.steps.seconds_each", lambda method, fitted: 0.2)
    slow = run(folder, "slow", notice=said.append)
    assert said[0] == "primary, randomization: about 60 seconds for some 297 estimates under other adoptions"
    assert said[1].startswith("poisson, randomization: about 5 minutes")
    assert said[0] in (slow.path / "log.txt").read_text()
    assert (quiet.path / "estimates.csv").read_bytes() == (slow.path / "estimates.csv").read_bytes()


def test_the_whole_is_announced_where_no_single_inference_is_long(folder, undrawn, monkeypatch):
    """297 and 1,485 estimates at 6 milliseconds: 1.8 and 8.9 seconds, 10.7 together."""
    said = []
    monkeypatch.setattr("sos_eval.jobs.steps.seconds_each", lambda method, fitted: 0.006)
    run(folder, "whole", notice=said.append)
    assert said == ["all inference together: about 10 seconds; checks and figures come after it"]


def test_interrupted_inference_leaves_nothing(folder):
    """Stopped in the middle of counting estimates."""

    def stop(what, done, of):
        if what == "poisson, randomization" and done > 99:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, progress=stop)
    assert sorted(path.name for path in folder.iterdir()) == ["panel.csv", "small.yaml"]


def test_another_seed_moves_only_what_is_drawn(folder, undrawn):
    first = run(folder, "a").estimates
    second = se.run(se.load_design(folder / "small.yaml", seed=5), out=folder / "b").estimates
    pd.testing.assert_series_equal(first["estimate"], second["estimate"])
    drawn = first["inference"] == "randomization"
    assert not first.loc[drawn, "p_value"].equals(second.loc[drawn, "p_value"])
    pd.testing.assert_series_equal(first.loc[~drawn, "p_value"], second.loc[~drawn, "p_value"])


def test_an_existing_bundle_is_left_alone(folder, undrawn):
    run(folder)
    before = (folder / "out" / "estimates.csv").stat().st_mtime_ns
    with pytest.raises(InputFault, match="--force"):
        run(folder)
    assert (folder / "out" / "estimates.csv").stat().st_mtime_ns == before
    run(folder, force=True)


def test_a_fault_in_the_data_leaves_nothing_behind(folder):
    data = pd.read_csv(folder / "panel.csv", dtype=str)
    data.loc[3, "entries"] = "c"
    data.to_csv(folder / "panel.csv", index=False)
    before = sorted(folder.iterdir())
    with pytest.raises(DataFault, match="entries"):
        run(folder)
    assert sorted(folder.iterdir()) == before


def test_the_headline_repeats_a_row_of_the_estimates(folder, undrawn):
    bundle = run(folder)
    row = bundle.estimates.query(
        "estimator == 'primary' and aggregation == 'overall' and inference == 'randomization'"
    ).iloc[0]
    for name in ("estimate", "conf_low", "conf_high", "p_value"):
        assert bundle.headline[name] == row[name]
    assert bundle.headline["inference_rule"]["headline"] == "randomization"


def test_a_declared_cluster_robust_headline_gives_way_to_the_rule(folder, undrawn):
    text = DESIGN.replace("  - {method: randomization, draws: 99}\n", "")
    (folder / "small.yaml").write_text(text)
    bundle = run(folder)
    assert bundle.headline["inference"] == "randomization"
    assert bundle.headline["inference_rule"]["changed"] is True
    assert {"analytic", "randomization"} == set(bundle.estimates["inference"])


def test_a_transformed_outcome_keeps_its_scale(folder, undrawn):
    (folder / "small.yaml").write_text(DESIGN.replace("per: 10000}", "per: 10000, transform: log}"))
    bundle = run(folder)
    scales = bundle.estimates.groupby("estimator")["scale"].unique()
    assert list(scales["primary"]) == ["log"]
    rows = {row["what"]: row for row in bundle.headline["converted"]}
    seen = bundle.facts.detectable
    assert seen.unit == "share"
    for what, size in (("detectable fall", -seen.fall), ("detectable rise", seen.rise)):
        assert rows[what]["percent"] == pytest.approx(100 * size)
        assert rows[what]["value"] == pytest.approx(np.log1p(size))
        assert rows[what]["people"] is None or np.isnan(rows[what]["people"])  # a change of logs is no number of people
    assert "in logs" not in bundle.headline["sentence"]
    assert "points)" in bundle.headline["sentence"]


def without_never_treated(folder: Path, control: str) -> None:
    data = pd.read_csv(folder / "panel.csv")
    data[data["start"] > 0].to_csv(folder / "panel.csv", index=False)
    text = DESIGN.replace("method: callaway_santanna", f"method: callaway_santanna, control: {control}")
    (folder / "small.yaml").write_text(text.replace("  - {id: poisson, method: poisson_did}\n", ""))


def test_later_cohorts_serve_where_nobody_is_never_treated(folder, undrawn, unsized):
    without_never_treated(folder, "not_yet_treated")
    text = (folder / "small.yaml").read_text().replace("checks: [pretrends, leave_one_out]", "checks: []")
    (folder / "small.yaml").write_text(text.replace("  - {method: randomization, draws: 99}\n", ""))
    overall = run(folder).estimates.query("aggregation == 'overall'")
    assert overall["estimate"].notna().all()


def test_never_treated_controls_are_refused_where_there_are_none(folder):
    without_never_treated(folder, "never_treated")
    with pytest.raises(InputFault, match="write control: not_yet_treated"):
        run(folder)


def test_tables_that_figures_read_are_in_the_bundle(folder, undrawn):
    names = run(folder).table_names
    assert {"adoption", "outcome_paths", "leave_one_out", "primary.randomization"} <= set(names)


def test_results_json_agrees_with_its_published_schema(folder):
    import json

    import jsonschema

    bundle = run(folder)
    schema = json.loads((Path(se.__file__).parent / "bundle" / "schema.json").read_text())
    jsonschema.validate(bundle.results, schema)
