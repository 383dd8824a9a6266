"""Fixtures that every part of the tests shares."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SHARED = Path(os.environ.get("TIMETRAVEL_SHARED", Path(__file__).parents[1].parent / "shared"))
"""Real data sets and recorded runs that are too large to ship; tests that need them skip, saying so."""


ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def chromium_path() -> str | None:
    """The system's Chromium; None leaves the choice to Playwright."""
    for name in (os.environ.get("TIMETRAVEL_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"):
        if name and shutil.which(name):
            return shutil.which(name)
    return None


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A Chromium for all tests: Playwright runs once a process."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of large test data."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is missing; set TIMETRAVEL_SHARED to the folder that holds data/ and tools/")
    return SHARED


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    """Networks that a test makes have the same weights, whatever ran before it."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests leave this account's cache folder alone."""
    before = os.environ.get("TIMETRAVEL_CACHE")
    os.environ["TIMETRAVEL_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["TIMETRAVEL_CACHE"]
    else:
        os.environ["TIMETRAVEL_CACHE"] = before


@pytest.fixture(scope="session")
def tiny_module() -> ModuleType:
    """tests/tiny.py: what TINY consists of, its expected numbers, and `tiny_run(path, model)`."""
    spec = importlib.util.spec_from_file_location("tiny", Path(__file__).parent / "tiny.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny(tiny_module: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs A and B of TINY. For reading; copy a run before changing it."""
    folder = tmp_path_factory.mktemp("tiny")
    for model in "AB":
        tiny_module.tiny_run(folder / model, model)
    return folder
