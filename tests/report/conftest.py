from functools import cache

import pandas as pd
import pytest

from sos_eval.bundle.bundle import BundleContent, read_bundle, write_bundle
from sos_eval.report.draw import draw_all
from sos_eval.report.words import headline_of
from tests.bundle.handmade import by_dose, estimates, full
from tests.pilots import pilots_facts
from tests.report.cases import CASES, run_case


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """The handmade result with every table."""
    folder = tmp_path_factory.mktemp("bundles") / "full"
    rows = pd.concat([estimates(), by_dose()], ignore_index=True)
    write_bundle(folder, full(headline=headline_of(rows, pilots_facts()), estimates=rows))
    return read_bundle(folder)


@pytest.fixture(scope="session")
def drawn(bundle):
    """Its figures, drawn once."""
    return draw_all(bundle, ("svg",))


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """A bundle without a single row."""
    folder = tmp_path_factory.mktemp("bundles") / "bare"
    write_bundle(folder, BundleContent({"name": "bare"}, estimates().iloc[:0]))
    return read_bundle(folder)


@pytest.fixture(scope="session")
def case(tmp_path_factory):
    """Return the bundle of a case by its name, run when it is first asked for."""

    @cache
    def run(name):
        return run_case(tmp_path_factory.mktemp("case"), **CASES[name])

    return run
