"""Reading YAML: values, lines, and what is said about a bad file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest
from annotated_types import Ge

from sos_eval.declare import Declared, build, json_schema, read_yaml
from sos_eval.errors import DesignFault, Faults, InputFault, listed, nearest


@dataclass(frozen=True)
class Inner(Declared):
    caliper: float = 0.2
    """In SD of the distance."""
    order: Literal["largest", "smallest"] = "largest"


@dataclass(frozen=True)
class Outer(Declared):
    name: str
    """What it is called."""
    ratio: Annotated[int, Ge(1)] = 1
    inner: Inner = field(default_factory=Inner)
    listed: tuple[Inner, ...] = ()


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "x.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def said(path: Path) -> str:
    with pytest.raises(DesignFault) as caught:
        build(Outer, read_yaml(path).data, read_yaml(path))
    return str(caught.value).replace(str(path), "x.yaml")


def test_values_and_lines(tmp_path):
    document = read_yaml(write(tmp_path, "name: a\nlisted:\n  - {caliper: 1,\n     order: smallest}\n"))
    assert document.data == {"name": "a", "listed": [{"caliper": 1, "order": "smallest"}]}
    assert document.lines[("listed", 0, "order")] == 4
    made = build(Outer, document.data, document)
    assert made == Outer("a", listed=(Inner(1.0, "smallest"),))


def test_a_byte_order_mark_is_no_fault(tmp_path):
    assert read_yaml(write(tmp_path, b"\xef\xbb\xbfname: a\n")).data == {"name": "a"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: a\ninner:\n  calliper: 1\n", 'x.yaml:3: inner.calliper: no such key; did you mean "caliper"?'),
        ("name: a\nratio: many\n", "x.yaml:2: ratio: 'many': must be a valid integer"),
        ("name: a\nratio: 0\n", "x.yaml:2: ratio: 0: must be greater than or equal to 1"),
        ("name: a\ninner: {order: larger}\n", "x.yaml:2: inner.order: 'larger' is not one of the options; did you"),
        ("ratio: 1\n", "x.yaml: name: is missing; add it"),
        ("name: a\nname: b\n", "x.yaml:2: name: the key stands twice"),
        ("name: [a\nratio: 1\n", "x.yaml:2: not valid YAML"),
        ("", "x.yaml: the file is empty"),
        ("just words\n", "x.yaml:1: the file holds no keys"),
        (b"name: \xff\n", "x.yaml: byte 6 is not UTF-8 text; save the file as UTF-8"),
        ("name: a\nlisted: [{calliper: 1}]\n", 'x.yaml:2: listed.0.calliper: no such key; did you mean "caliper"?'),
        ("name: a\ninner: 3\n", "x.yaml:2: inner: 3: must be a mapping"),
        ("name: a\ninner: {caliper: .nan}\n", "x.yaml:2: inner.caliper: nan: must be a finite number"),
    ],
)
def test_faults_say_where_what_and_instead(tmp_path, text, expected):
    assert said(write(tmp_path, text)).startswith(expected)


def test_all_faults_at_once(tmp_path):
    text = said(write(tmp_path, "name: a\nratio: many\nunknown: 1\ninner: {order: x, calliper: 2}\n"))
    assert [line.split(": ")[0] for line in text.splitlines()] == ["x.yaml:2", "x.yaml:4", "x.yaml:4", "x.yaml:3"]


def test_a_missing_file_names_its_neighbour(tmp_path):
    write(tmp_path, "name: a\n")
    with pytest.raises(DesignFault, match=r'no such file; did you mean "x.yaml"'):
        read_yaml(tmp_path / "xx.yaml")


def test_schema_carries_the_docstrings():
    assert json_schema(Outer)["properties"]["name"]["description"] == "What it is called."


def test_nearest_lists_what_is_valid_where_nothing_is_near():
    assert nearest("zzz", ["a", "b"]) == "write one of: a, b"


def test_long_lists_are_counted():
    assert listed(range(10), at_most=2) == "0, 1 and 8 more"


def test_a_collector_without_faults_is_silent():
    Faults().stop()


def test_a_fault_stands_once():
    faults = Faults(InputFault)
    faults.add("a", "b")
    faults.add("a", "b")
    assert len(faults.found) == 1


def test_a_device_is_refused_at_once():
    with pytest.raises(DesignFault, match="is a device, not a file"):
        read_yaml("/dev/zero")
