"""The demo: two small networks trained on real images, recorded, mapped, ready to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from timetravel.demo.recipes import NETWORKS, RECIPES, run_name

Report = Callable[[str, int, int], None]

FACTORIES: Mapping[str, tuple[str, dict[str, Any]]] = {
    run_name(dataset, network): (f"timetravel.demo.networks:{network}", {"dataset": dataset})
    for dataset in RECIPES
    for network in NETWORKS
}
"""Run folder name to the factory of its network and its arguments, for those who serve the demo."""

__all__ = ["FACTORIES", "run_demo"]


def run_demo(
    out: str | Path,
    *,
    epochs: int = 15,
    dataset: str = "digits",
    root: str | Path | None = None,
    seed: int = 0,
    report: Report | None = None,
) -> list[Path]:
    """Trains and records a convolutional network and an MLP, maps both runs, and gives their folders.

    out: folder that the two runs go to. dataset: "digits" ships; "mnist", "fashion-mnist" and "cifar10"
    are read from `root`. Interrupted, it keeps every finished epoch and goes on when called again; the
    same seed gives the same runs and maps on one machine. Raises BadInput for a folder that holds a demo
    of other settings, FileNotFoundError where the data set is not under `root`.
    """
    from timetravel.demo.training import train_and_record
    from timetravel.project.pipeline import project
    from timetravel.store.run import open_run

    paths = [
        train_and_record(
            Path(out), network, epochs=epochs, dataset=dataset, root=root, seed=seed, report=report
        )
        for network in NETWORKS
    ]
    for path in paths:

        def named(stage: str, done: int, total: int, name: str = path.name) -> None:
            if report is not None:
                report(f"{name}: {stage}", done, total)

        with open_run(path) as run:
            project(run, seed=seed, report=named)
    return paths
