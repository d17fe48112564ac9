import hashlib
import json
import sys

import numpy as np

from sos_eval.bundle.files import json_text
from sos_eval.bundle.provenance import code_hash, hash_file, hash_mapping, provenance, versions


def test_file_hash_is_plain_sha256(tmp_path):
    file = tmp_path / "panel.csv"
    file.write_bytes(b"a,b\n1,2\n")
    assert hash_file(file) == hashlib.sha256(b"a,b\n1,2\n").hexdigest()


def test_design_hash_ignores_the_order_of_keys_and_nothing_else():
    one = hash_mapping({"a": 1, "b": [1, 2], "c": np.float64(0.5)})
    assert one == hash_mapping({"c": 0.5, "b": (1, 2), "a": 1})
    assert one != hash_mapping({"a": 1, "b": [2, 1], "c": 0.5})
    assert one != hash_mapping({"a": 1, "b": [1, 2]})


def test_versions_name_only_what_was_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "distributed", raising=False)  # another test of this process may have
    found = versions()
    assert found["numpy"] == np.__version__
    assert "distributed" not in found
    monkeypatch.setitem(sys.modules, "distributed", sys)
    assert "distributed" in versions()


def test_provenance_is_json_and_says_when_a_plan_was_never_locked(tmp_path):
    file = tmp_path / "panel.csv"
    file.write_text("x")
    made = provenance(
        design={"name": "x"}, design_path="designs/x.yaml", data=[file], seed=3, timings={"load": 0.123456},
        inference={"rule": "the first declared", "choice": "randomization"}, headline_rule="the first",
    )  # fmt: skip
    back = json.loads(json_text(made))
    assert back["lock"] == {"state": "never_locked"}
    assert back["data"] == [{"file": str(file), "sha256": hashlib.sha256(b"x").hexdigest(), "bytes": 1}]
    assert back["timings"] == {"load": 0.1235}
    assert back["headline_rule"] == "the first"
    assert len(code_hash()) == 64
