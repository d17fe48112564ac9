"""Nothing heavy on import: the command line answers at once, and lists its methods without their libraries."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

# (pyarrow is not among them: pandas imports it by itself.)
HEAVY = (
    "econml", "dowhy", "matplotlib", "sklearn", "scipy.stats", "duckdb", "openpyxl", "docx", "jinja2", "numba",
    "distributed", "statsmodels", "shap",
)  # fmt: skip
NUMBERS = ("numpy", "pandas", "scipy")

CASES = {
    "import sos_eval": ("import sos_eval", (*HEAVY, *NUMBERS, "pydantic", "click")),
    "sos-eval --help": ("from sos_eval.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass",
                        (*HEAVY, *NUMBERS, "pydantic", "ruamel", "tqdm")),
    "list estimators": ("from sos_eval.results.method import ROOMS, registered as r\nfor k in ROOMS: r(k)", HEAVY),
    "every module": (
        "import pkgutil, importlib, sos_eval\n"
        "for one in pkgutil.walk_packages(sos_eval.__path__, 'sos_eval.'):\n"
        "    if not one.name.endswith('__main__'): importlib.import_module(one.name)",
        HEAVY,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_nothing_heavy(case):
    code, unwanted = CASES[case]
    told = f"{code}\nimport sys\nprint('LOADED', [name for name in {unwanted!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("LOADED []")
