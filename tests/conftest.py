"""Fixtures that every part of the tests shares."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("TIMETRAVEL_SHARED", Path(__file__).parents[1].parent / "shared"))
"""Real data sets and recorded runs that are too large to ship; tests that need them skip, saying so."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of large test data."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is missing; set TIMETRAVEL_SHARED to the folder that holds data/ and tools/")
    return SHARED
