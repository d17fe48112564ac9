"""A design that does not ask for dowhy or econml never imports them, and runs where they cannot be installed."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT

CODE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("dowhy", "econml"):
            raise ModuleNotFoundError(f"{name} is not installed here", name=name)

sys.meta_path.insert(0, Absent())
from sos_eval.cli.main import main
main(["run", "designs/matched_did_care_entry.yaml", "--out", sys.argv[1]])
"""


def test_readme_design_runs_without_them(tmp_path):
    out = tmp_path / "bundle"
    done = subprocess.run([sys.executable, "-c", CODE, str(out)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr
    assert (out / "estimates.csv").is_file()
    assert (out / "report.html").is_file()
