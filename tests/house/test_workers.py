"""Tests that share a run go to one worker: xdist's own groups were ignored, and the pilots' design ran twice in CI."""

import pytest

from tests.conftest import shared_by


@pytest.mark.parametrize(
    ("test", "group"),
    [
        ("tests/jobs/test_sos_pilots.py::test_the_flow_names_who_left_and_why", "pilots"),
        ("tests/report/test_first_page.py::test_lost_periods_are_on_page_one", "cases"),
        ("tests/jobs/test_judge.py::test_the_joint_interval_never_contradicts_its_p", "tests/jobs/test_judge.py"),
        ("tests/jobs/test_run.py::test_x[a::b]", "tests/jobs/test_run.py::test_x[a::b]"),
    ],
)
def test_what_shares_a_run_has_a_group(test, group):
    assert shared_by(test) == group
