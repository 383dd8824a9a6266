"""A stored map of the package's own method says of the boundary what the referee says of its export."""

from __future__ import annotations

import numpy as np
import pytest
from small_runs import drifting_classes, stored

from timetravel.project.export import export_arrays
from timetravel.project.pipeline import project
from timetravel.store.run import open_run

BOUNDARY = ("boundary_preservation", "boundary_on_map")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = drifting_classes(samples=160, epochs=3, width=8)
    with open_run(stored(made, tmp_path_factory.mktemp("aligned") / "run", range(3))) as run:
        yield run


@pytest.mark.parametrize("share", [0.1, 0.0])
def test_boundary_figures_are_the_referees_with_and_without_own_boundary_samples(
    run, tmp_path, referee, share
):
    made = project(run, name=f"share {share}", boundary_share=share, resolution=60)
    export_arrays(run, made.name, tmp_path)
    placed_by_map = tmp_path / "boundary_positions.npy"
    assert placed_by_map.exists() == (share > 0)
    judged = made.quality()["epochs"].values()
    for theirs, ours in zip(referee.evaluate(referee.Run(tmp_path), tmp_path)["epochs"], judged, strict=True):
        for name in BOUNDARY:
            assert ours[name] == pytest.approx(theirs[name], abs=1e-6)
    # without the map's own placement the referee falls back to its rule, whose figures are stored beside
    placed_by_map.unlink(missing_ok=True)
    for theirs, ours in zip(referee.evaluate(referee.Run(tmp_path), tmp_path)["epochs"], judged, strict=True):
        for name in BOUNDARY:
            assert ours[f"{name}_by_rule"] == pytest.approx(theirs[name], abs=1e-6)


def test_a_map_with_one_epoch_of_one_class_is_exported_with_the_probes_of_the_others(tmp_path):
    made = drifting_classes(samples=60, epochs=2, width=6)
    head = made.heads[0]
    made.heads[0] = type(head)(weight=head.weight, bias=np.array([0, 1e6, 0], np.float32))
    with open_run(stored(made, tmp_path / "run", range(2))) as run:
        export_arrays(run, project(run, resolution=40).name, tmp_path / "arrays")
    spots = np.load(tmp_path / "arrays" / "boundary_positions.npy")
    assert np.isnan(spots[0]).all()
    assert np.isfinite(spots[1]).all()
