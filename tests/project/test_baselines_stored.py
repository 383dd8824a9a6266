"""Baseline maps are stored, opened again and grown like our own, and their figures are the referee's."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from small_runs import drifting_classes, stored

from timetravel.errors import BadInput
from timetravel.project.baselines import alignedumap, dvi, timevis, umap
from timetravel.project.export import export_arrays
from timetravel.project.pipeline import project, stored_maps
from timetravel.project.run_epochs import RunEpochs
from timetravel.store.run import open_run

RUN = drifting_classes(samples=80, epochs=3, width=8)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """The same methods, trained for moments."""
    few = {"hidden_share": 4.0, "layers": 2, "batches": 120, "later_batches": 40}
    monkeypatch.setattr(dvi, "DeepVisualInsight", partial(dvi.DeepVisualInsight, **few))
    monkeypatch.setattr(timevis, "TimeVis", partial(timevis.TimeVis, hidden=24, layers=2, batches=100))
    monkeypatch.setattr(umap, "PerEpochUMAP", partial(umap.PerEpochUMAP, passes=30))
    monkeypatch.setattr(alignedumap, "AlignedUMAP", partial(alignedumap.AlignedUMAP, passes=20))


@pytest.mark.parametrize("method", ["pca", "umap", "dvi"])
def test_a_stored_map_grows_by_new_epochs_and_keeps_the_old_ones(tmp_path, method):
    path = stored(RUN, tmp_path / "run", [0, 1])
    with open_run(path) as run:
        made = project(run, method=method, resolution=40)
        before = [made.positions(epoch) for epoch in (0, 1)]
    stored(RUN, path, [2])
    with open_run(path) as run:
        grown = project(run, method=method, resolution=40)
        assert grown.epochs == [0, 1, 2]
        for epoch in (0, 1):
            np.testing.assert_array_equal(before[epoch], grown.positions(epoch))
        whole = project(run, name="whole", method=method, resolution=40)
        if method != "pca":  # the plane of three epochs is another than that of two
            np.testing.assert_allclose(whole.positions(2), grown.positions(2), atol=1e-4)
        assert grown.quality()["overall"]["temporal_ranking"] is not None


@pytest.mark.parametrize("method", ["alignedumap", "timevis"])
def test_a_method_that_lays_all_epochs_out_together_asks_for_a_refit(tmp_path, method):
    path = stored(RUN, tmp_path / "run", [0, 1])
    with open_run(path) as run:
        project(run, method=method, resolution=40)
    stored(RUN, path, [2])
    with open_run(path) as run:
        with pytest.raises(BadInput, match="--refit"):
            project(run, method=method, resolution=40)
        assert project(run, method=method, resolution=40, refit=True).epochs == [0, 1, 2]


@pytest.mark.parametrize("method", ["dvi", "timevis"])
def test_learned_networks_come_back_from_the_store(tmp_path, method):
    with open_run(stored(RUN, tmp_path / "run", range(3))) as run:
        made = project(run, method=method, resolution=40)
        maps = stored_maps(run, made, RunEpochs(run))
        x = run.representations(1).astype(np.float32)
        np.testing.assert_allclose(maps.place(1, x).positions, made.positions(1), atol=1e-5)
        back = maps.inverse(1)(made.positions(1))
        head = run.head(1)
        np.testing.assert_array_equal(head.logits(back).argmax(1), made.columns(1)["roundtrip_class"])
        assert len(maps.boundary[1].positions) > 0


@pytest.mark.parametrize("method", ["aligned", "pca", "dvi"])
def test_stored_figures_are_those_of_the_referee_on_the_exported_arrays(tmp_path, referee, method):
    with open_run(stored(RUN, tmp_path / "run", range(3))) as run:
        made = project(run, method=method, resolution=60)
        export_arrays(run, made.name, tmp_path / "arrays")
        judged = made.quality()
    theirs = referee.evaluate(referee.Run(tmp_path / "arrays"), tmp_path / "arrays")
    pairs = [(theirs["overall"], judged["overall"])]
    pairs += list(zip(theirs["epochs"], judged["epochs"].values(), strict=True))
    for expected, found in pairs:
        for name, value in expected.items():
            if name != "epoch":
                assert found[name] == (None if value is None else pytest.approx(value, abs=1e-6)), name
