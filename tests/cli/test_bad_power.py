"""A wrong power study gets one clear message per fault, exit 2, no traceback, and nothing is written."""

from __future__ import annotations

import pytest

from tests.cli.bad_power import CASES, PowerCase, said_about


def test_the_sound_case_runs():
    said = said_about(PowerCase(()))
    assert (said.code, said.err) == (0, "")
    assert "out/power.csv" in said.written


@pytest.mark.parametrize("name", CASES)
def test_bad_power(name):
    said = said_about(CASES[name])
    assert said.code == 2, said.err
    assert said.written == ()
    assert said.out == ""
    assert "Traceback" not in said.err
    for words in CASES[name].expected:
        assert words in said.err
