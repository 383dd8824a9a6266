"""The runs and servers that the tests of this folder share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from made_runs import Running, write_map, write_run


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Run folders: "made" and "other" with a map, "bare" without labels, head or images but with a map,
    "mapless" without a map.
    """
    folder = tmp_path_factory.mktemp("runs")
    paths = {
        "made": write_run(folder / "made"),
        "other": write_run(folder / "other", seed=1, name="other", width=4),
        "bare": write_run(folder / "bare", name="bare", bare=True),
        "mapless": write_run(folder / "mapless", name="mapless"),
    }
    for name in ("made", "other", "bare"):
        write_map(paths[name])
    return paths


@pytest.fixture(scope="session")
def served(runs: dict[str, Path]) -> Iterator[Running]:
    """All runs of `runs`, read only by the tests that share this server."""
    running = Running([runs["made"], runs["other"], runs["bare"], runs["mapless"]], live=False)
    yield running
    running.close()


@pytest.fixture
def serving() -> Iterator[Callable[..., Running]]:
    """Starts servers that are stopped after the test."""
    started: list[Running] = []

    def start(paths: list[Path], **options: Any) -> Running:
        started.append(Running(paths, **options))
        return started[-1]

    yield start
    for running in started:
        running.close()
