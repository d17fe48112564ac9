"""What a declaration may not hold, and the limits that only an option raises."""

from __future__ import annotations

from pathlib import Path

import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.declare import Document, build, read_json, read_yaml
from sos_eval.errors import DesignFault
from sos_eval.limits import limits, raised
from sos_eval.panel.spec import OutcomeSpec


def yaml(folder: Path, text: str) -> Document:
    (folder / "d.yaml").write_text(text, encoding="utf-8")
    return read_yaml(folder / "d.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: !!int abc\n", r"d\.yaml: not valid YAML"),
        ('a: "\\ud800"\n', r"d\.yaml:1: half a character"),
        ('a: "x\\0y"\n', r"d\.yaml:1: a null character"),
        ("a: {2013: x, '2013': y}\n", r"d\.yaml:1: 2013: the key stands twice, as number and as text"),
        ("a: " + "[" * 300 + "]" * 300, r"d\.yaml:1: nests deeper than 50; raise it with --limit-depth"),
        (f"x: &a [{'1, ' * 999}]\ny: &b [{'*a, ' * 99}]\nz: [{'*b, ' * 99}]\n", "more than 100,000 values"),
    ],
)  # fmt: skip
def test_declarations_that_are_refused(tmp_path: Path, text: str, said: str):
    with pytest.raises(DesignFault, match=said):
        yaml(tmp_path, text)


def test_merged_keys_and_dates_are_plain_values(tmp_path: Path):
    document = yaml(tmp_path, "base: &b {x: 1}\n<<: {y: 2}\nz:\n  <<: *b\n  day: 2014-10-01\n")
    assert document.data["z"] == {"x": 1, "day": "2014-10-01"}
    assert document.data["y"] == 2
    assert document.where(("z", "day")).endswith(":5")


def test_true_is_no_number():
    with pytest.raises(DesignFault, match="per: true or false where a number is meant"):
        build(OutcomeSpec, {"value": "y", "per": True}, Document({}, Path("d.yaml")))


def test_json_keeps_to_the_same_limits(tmp_path: Path):
    file = tmp_path / "d.json"
    for text, said in (
        ("[1]", "no object"),
        ('{"a": ' + "[" * 99 + "]" * 99 + "}", "nests deeper"),
        ("[" * 10**5, "nests"),
    ):
        file.write_text(text)
        with pytest.raises(DesignFault, match=said):
            read_json(file)


def test_only_an_option_raises_a_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "d.yaml"
    file.write_text("a: [[[[1]]]]\n")
    assert answered(cli, ["check", str(file), "--limit-depth", "3"], Screen()) == 2
    assert "nests deeper than 3" in capsys.readouterr().err
    assert answered(cli, ["check", str(file), "--limit-bytes", "5"], Screen()) == 2
    assert "holds 13 bytes, more than 5" in capsys.readouterr().err
    assert limits().depth == 50
    with raised(depth=60):
        assert limits().depth == 60
