"""A small design on disk: eight units, five periods, written fresh for each test."""

import pytest

from tests.panel.small import SmallDesign


@pytest.fixture
def small(tmp_path):
    return SmallDesign(tmp_path)
