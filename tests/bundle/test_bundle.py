import json
import os
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest

from sos_eval.bundle import bundle as room
from sos_eval.bundle.bundle import BundleContent, check_out, read_bundle, write_bundle
from sos_eval.bundle.listing import list_files
from sos_eval.errors import InputFault
from sos_eval.terms import EFFECT_COLUMNS
from tests.bundle.handmade import content, estimates

SCHEMA = json.loads((room.Path(room.__file__).parent / "schema.json").read_text(encoding="utf-8"))


def siblings(folder):
    return sorted(path.name for path in folder.iterdir())


def test_everything_comes_back_as_it_went_in(tmp_path):
    """Ids stay text, floats come back bit for bit, flags are True, False and None."""
    given = content(tables={"adoption": pd.DataFrame({"unit": ["007", "NA"], "first_treated": [2015.0, np.nan]})})
    write_bundle(tmp_path / "out", given)
    back = read_bundle(tmp_path / "out")
    pd.testing.assert_frame_equal(back.estimates, given.estimates, check_dtype=False, check_exact=True)
    pd.testing.assert_frame_equal(back.balance, given.balance, check_dtype=False, check_exact=True)
    assert list(back.diagnostics["passed"]) == [None, True, False]
    assert list(back.diagnostics["statistic"]) == ["p_value", "max", "max_change"]
    assert back.tables("adoption")["unit"].tolist() == ["007", "NA"]
    assert back.tables("absent").empty
    assert back.design == given.design
    assert siblings(tmp_path) == ["out"]


def test_estimates_have_the_columns_of_the_contract_in_order(tmp_path):
    write_bundle(tmp_path / "out", content())
    assert (tmp_path / "out/estimates.csv").read_text().splitlines()[0].split(",") == list(EFFECT_COLUMNS)


def test_same_content_same_bytes(tmp_path):
    """Awkward doubles are written in full; nothing of the clock or the machine enters."""
    table = estimates().assign(estimate=lambda t: t["estimate"].fillna(1.0) / 3 + 1e-17)
    for name in ("a", "b"):
        write_bundle(tmp_path / name, content(estimates=table))
    first = (tmp_path / "a/estimates.csv").read_bytes()
    assert first == (tmp_path / "b/estimates.csv").read_bytes()
    assert b"\r" not in first
    assert read_bundle(tmp_path / "a").estimates["estimate"].tolist() == table["estimate"].tolist()


def test_results_json_is_strict_and_follows_its_schema(tmp_path):
    """No NaN or Infinity: null."""
    write_bundle(
        tmp_path / "out", content(headline={"verdict": "decrease", "conf_low": -np.inf, "n_units": np.int64(3)})
    )
    text = (tmp_path / "out/results.json").read_text(encoding="utf-8")
    found = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in results.json"))
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(found, SCHEMA)
    assert found["headline"] == {"verdict": "decrease", "conf_low": None, "n_units": 3}
    assert found["estimates"][3]["estimate"] is None
    assert len(found["estimates"]) == len(estimates())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found | {"estimates": [{"estimator": "x"}]}, SCHEMA)


def test_existing_out_is_refused_without_force_and_replaced_with_it(tmp_path):
    write_bundle(tmp_path / "out", content(log="old"))
    with pytest.raises(InputFault, match="exists already; choose another --out, or replace it with --force"):
        write_bundle(tmp_path / "out", content(log="new"))
    assert (tmp_path / "out/log.txt").read_text() == "old"
    write_bundle(tmp_path / "out", content(log="new"), force=True)
    assert (tmp_path / "out/log.txt").read_text() == "new"
    assert siblings(tmp_path) == ["out"]


def test_a_folder_that_is_no_bundle_is_never_replaced(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.txt").write_text("years of work")
    with pytest.raises(InputFault, match="something else than a result bundle"):
        write_bundle(tmp_path / "thesis", content(), force=True)
    assert (tmp_path / "thesis/chapter.txt").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    write_bundle(tmp_path / "empty", content(), force=True)
    assert read_bundle(tmp_path / "empty").headline == {"verdict": "inconclusive"}


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("older", [False, True])
def test_nothing_half_written_when_stopped(tmp_path, stop, older):
    """Ctrl-C or a bug while rendering leaves neither a partial folder nor new parents, and an older bundle whole."""
    out = tmp_path / "reports" / "x"
    if older:
        write_bundle(out, content(log="old"))
    seen = []

    def render(folder):
        seen.append(siblings(folder))
        raise stop

    with pytest.raises(stop):
        write_bundle(out, content(), force=True, render=render)
    assert "estimates.csv" in seen[0]
    if older:
        assert siblings(out.parent) == ["x"]
        assert (out / "log.txt").read_text() == "old"
    else:
        assert siblings(tmp_path) == []


def test_rendering_happens_before_the_folder_takes_its_name(tmp_path):
    out = tmp_path / "x"

    def render(folder):
        assert not out.exists()
        (folder / "report.html").write_text("<html></html>")

    assert (write_bundle(out, content(), render=render).path / "report.html").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_out_is_the_users_fault(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(InputFault, match="cannot be written to"):
        write_bundle(tmp_path / "locked" / "out", content())


def test_out_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputFault, match="is a file, not a folder"):
        check_out(tmp_path / "file" / "out", force=False)
    with pytest.raises(InputFault, match="is a file"):
        check_out(tmp_path / "file", force=True)


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    def render(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(InputFault, match="No space left on device"):
        write_bundle(tmp_path / "out", content(), render=render)
    assert siblings(tmp_path) == []


def test_a_bug_is_not_blamed_on_the_user(tmp_path):
    def render(folder):
        raise FileNotFoundError(2, "a font is missing")

    with pytest.raises(FileNotFoundError):
        write_bundle(tmp_path / "out", content(), render=render)


def test_reading_something_else_is_refused(tmp_path):
    with pytest.raises(InputFault, match="no such folder"):
        read_bundle(tmp_path / "nowhere")
    with pytest.raises(InputFault, match="not a result bundle"):
        read_bundle(tmp_path)
    (tmp_path / "results.json").write_text('{"schema": "sos-eval/bundle/9"}')
    with pytest.raises(InputFault, match="'sos-eval/bundle/9'; this version reads sos-eval/bundle/1"):
        read_bundle(tmp_path)


def test_weights_of_people_are_withheld(tmp_path):
    write_bundle(tmp_path / "out", content(weights=None))
    assert not (tmp_path / "out/weights.csv").exists()
    assert read_bundle(tmp_path / "out").weights.empty


def test_economics_goes_to_its_folder(tmp_path):
    parts = {"gate": {"tier": "E1"}, "summary": pd.DataFrame({"strategy": ["a"], "cost": [1.5]})}
    write_bundle(tmp_path / "out", content(economics=parts))
    back = read_bundle(tmp_path / "out").economics
    assert back["gate"] == {"tier": "E1"}
    assert back["summary"]["cost"].tolist() == [1.5]


def test_the_facts_of_a_run_never_take_the_place_of_what_the_bundle_writes(tmp_path):
    write_bundle(tmp_path / "out", content())
    written = read_bundle(tmp_path / "out").results
    assert not set(BundleContent({"name": "x"}, estimates()).facts.to_json()) & {
        "schema", "design", "headline", "estimates", "balance", "flow", "diagnostics", "provenance", "tables",
    }  # fmt: skip
    assert written["headline"] == {"verdict": "inconclusive"}


def test_a_results_json_that_no_run_wrote_is_the_users_fault(tmp_path):
    write_bundle(tmp_path / "out", content())
    file = tmp_path / "out" / "results.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"panel": "none"}))
    list_files(tmp_path / "out")
    with pytest.raises(InputFault, match=r"results\.json: does not hold what a run writes there"):
        _ = read_bundle(tmp_path / "out").facts


def test_an_empty_bundle_is_still_a_bundle(tmp_path):
    write_bundle(tmp_path / "out", BundleContent({"name": "x"}, estimates().iloc[:0]))
    back = read_bundle(tmp_path / "out")
    assert back.estimates.empty
    assert list(back.estimates.columns) == list(EFFECT_COLUMNS)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system that grants writing and refuses it")
def test_a_place_that_refuses_files_is_said_before_anything_runs():
    """Root may write to /proc as far as permissions go; making a folder there still fails."""
    with pytest.raises(InputFault, match=r"/proc cannot be written to"):
        check_out("/proc/bundle", force=False)
