"""A small design that is run once: four pilots among twelve authorities; what its run knows is what tests read."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

import sos_eval as se
from sos_eval.results.facts import RunFacts
from tests.bundle.handmade import panel

DESIGN = """\
schema: sos-eval/design/1
name: pilots
title: Signs of Safety and children entering care
question:
  intervention: Signs of Safety
  population: Children aged 0-17 in English local authorities
  comparator: Authorities not known to use Signs of Safety
  outcome: Children starting to be looked after per 10,000 children
  expected_direction: decrease
  caveats: [Six of ten pilots used the approach <before> it started.]
panel:
  source: csv
  path: pilots.csv
  unit: la_code
  time: year
  year_convention: ends_march
  outcomes:
    entry: {count: entries, exposure: children, per: 10000, label: Children starting to be looked after}
  treatment: {first_treated: start, untreated_means: unknown}
  omit_times: {2013: boundaries changed}
  flag_times: {2018: new recording rule}
estimators:
  - {id: primary, method: callaway_santanna}
  - {id: poisson, method: poisson_did}
  - {id: twfe, method: twfe, role: sensitivity}
inference:
  - {method: randomization, draws: 199}
  - {method: analytic}
seed: 1
"""


def pilots_run(folder: Path) -> se.ResultBundle:
    """Write the panel and the design into a folder and run it there."""
    names = {"unit": "la_code", "time": "year", "count": "entries", "exposure": "children", "first_treated": "start"}
    table = panel().frame[list(names)].rename(columns=names)
    table["start"] = table["start"].where(table["start"] < 9999)
    left_out = table[table["year"] == 2012].assign(year=2013)
    pd.concat([table, left_out]).to_csv(folder / "pilots.csv", index=False)
    (folder / "pilots.yaml").write_text(DESIGN)
    return se.run(se.load_design(folder / "pilots.yaml"), out=folder / "out")


@cache
def pilots_facts() -> RunFacts:
    """Return what the run of the pilots knows, read back from its `results.json`; run once for all tests."""
    with TemporaryDirectory() as folder:
        return pilots_run(Path(folder)).facts
