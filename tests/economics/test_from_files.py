"""Draws from files: what they use of a declaration, what is refused beside them, how many there must be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from sos_eval.errors import InputFault
from sos_eval.jobs.economics import run_economics
from tests.economics.test_model import SHORTER, declared

#: A strategy that costs 1,000 and does 1 more in every draw but for its noise.
DRAWS = 60


def written(folder, draws=DRAWS, **blocks):
    rng = np.random.default_rng(1)
    p = rng.normal(1, 0.2, draws)
    for name, table in (("e", {"A": np.zeros(draws), "B": p}), ("c", {"A": np.zeros(draws), "B": 1000 * p**2}),
                        ("p", {"p": p})):  # fmt: skip
        pd.DataFrame(table).to_csv(folder / f"{name}.csv", index=False)
    plain = {"schema": "sos-eval/economics/1", "name": "plain", "decision_threshold": 2000,
             "psa": {"effects": "e.csv", "costs": "c.csv", "params": "p.csv"},
             "gate": {"override": "E2", "why": "to see"}}  # fmt: skip
    for key, value in blocks.items():
        plain[key] = {**plain[key], **value} if isinstance(plain.get(key), dict) else value
    file = folder / "x.yaml"
    file.write_text(yaml.safe_dump(plain, sort_keys=False))
    return file


def refused(folder, **blocks):
    with pytest.raises(InputFault) as caught:
        run_economics(written(folder, **blocks), folder / "out")
    return str(caught.value)


MODEL = declared()
GROUPS = [{"name": "all", "dimension": "d", "share": 1, "baseline": 30, "source": "x"}]
IDLE = {
    "deflator": {"path": "d.csv", "vintage": "v", "source": "s"}, "strategies": [
        {"name": "A", "effect": 0, "programme": 0}, {"name": "B", "uptake": [1]}],
    "costs": [{"name": "v", "amount": 1, "unit": "case", "price_year": "2024-25", "source": "x"}],
    "care_pathway": MODEL["care_pathway"], "implementation": MODEL["implementation"], "dsa": {"points": 5},
    "scenarios": [SHORTER], "equity": GROUPS,
}  # fmt: skip


def test_blocks_of_a_model_are_refused_beside_files(tmp_path):
    (tmp_path / "d.csv").write_text("price_year,index\n2024-25,100\n")
    said = refused(tmp_path, **IDLE, discount={"costs": 0.03, "effects": 0.03})
    for key in IDLE:
        assert f"{key}: beside draws from files it changes nothing" in said
    assert "discount: draws from files are present values already" in said
    assert not (tmp_path / "out").exists()


def test_keys_that_do_nothing_beside_files_are_refused_and_the_others_are_not(tmp_path):
    frame = {"perspective": "authority", "price_year": "2024-25", "currency": "EUR", "horizon": 2, "comparator": "A",
             "population": 1}  # fmt: skip
    said = refused(tmp_path, psa={"draws": 500}, frame={**frame, "authorities": 3, "why": "x"},
                   effect={"baseline": 1, "unit": "qaly", "estimate": -1, "std_error": 1, "source": "x", "decay": 0.5},
                   voi={"years": 3}, discount={"costs": 0.03, "effects": 0.01})  # fmt: skip
    for key in ("psa.draws", "frame.authorities", "frame.why", "effect.estimate", "effect.std_error", "effect.source",
                "effect.decay"):  # fmt: skip
        assert f"{key}: beside draws from files it changes nothing" in said
    assert "discount.effects: draws from files are present values already" in said
    for key in ("psa.effects", "frame.currency", "effect.unit", "discount.costs"):
        assert f"{key}: " not in said


def test_what_is_used_beside_files_is_used_and_nothing_else_answers_an_item(tmp_path):
    # three years of one decision at 10%: 1 + 1 / 1.1 + 1 / 1.21
    frame = {"perspective": "authority", "price_year": "2024-25", "currency": "EUR", "horizon": 2, "comparator": "A",
             "population": 1}  # fmt: skip
    file = written(tmp_path, frame=frame, effect={"baseline": 1, "unit": "qaly"}, voi={"years": 3},
                   discount={"costs": 0.1})  # fmt: skip
    out = run_economics(file, tmp_path / "out").folder
    assert pd.read_csv(out / "evpi_population.csv")["decisions"].iloc[0] == pytest.approx(1 + 1 / 1.1 + 1 / 1.21)
    sheet = pd.read_csv(out / "cheers.csv", keep_default_na=False).set_index("item")
    held = sheet.loc[sheet["from"] == "declaration", "answer"].to_dict()
    assert held == {7: "B against A", 11: "qaly", 13: "valued at the declared thresholds",
                    20: "draws from files; gate on the evidence"}  # fmt: skip


def test_draws_too_few_for_an_interval_are_refused(tmp_path):
    # a tail of 2.5% of 39 draws holds less than one of them
    for draws in (1, 39):
        assert f"{draws} draws: a 95% interval needs 40 or more" in refused(tmp_path, draws=draws)
    assert run_economics(written(tmp_path, draws=40), tmp_path / "out").folder.is_dir()
