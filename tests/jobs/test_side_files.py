"""Every file that a design reads is in the bundle's provenance with its hash."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

import sos_eval as se

DESIGN = """schema: sos-eval/design/1
name: side
panel:
  source: csv
  path: p.csv
  unit: la
  time: year
  outcome: {value: y}
  treatment: {adoption: register.csv, untreated_means: never, overlapping: others.csv}
comparison: {method: neighbours, file: neighbours.csv}
estimators: [{id: primary, method: twfe}]
inference: [{method: analytic}]
checks: [{spillover: {file: near.csv}}]
seed: 1
"""


def test_registers_neighbours_and_rings_are_hashed(tmp_path):
    rng = np.random.default_rng(2)
    units = [f"A{u}" for u in range(12)]
    data = pd.DataFrame([(u, t) for u in units for t in range(2010, 2015)], columns=["la", "year"])
    data.assign(y=rng.normal(size=len(data))).to_csv(tmp_path / "p.csv", index=False)
    pairs = [(units[i], units[6 + j]) for i in range(4) for j in range(i, i + 3)]
    texts = {
        "register.csv": "unit,first_treated\n" + "".join(f"{u},2013\n" for u in units[:4]),
        "others.csv": "unit,programme,first_treated,note\nA1,Other,2012,\n",
        "neighbours.csv": "unit,neighbour\n" + "".join(f"{a},{b}\n" for a, b in pairs),
        "near.csv": "unit,neighbour\n" + "".join(f"{b},{a}\n" for a, b in pairs[:5]),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "d.yaml").write_text(DESIGN, encoding="utf-8")
    bundle = se.run(se.load_design(tmp_path / "d.yaml"), out=tmp_path / "out")
    named = {entry["file"].rsplit("/", 1)[-1]: entry["sha256"] for entry in bundle.provenance["data"]}
    assert set(named) == {"p.csv", *texts}
    for name in named:
        assert named[name] == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
