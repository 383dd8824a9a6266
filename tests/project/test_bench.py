"""Methods side by side: costs and figures of each, in a process of its own."""

from __future__ import annotations

import json

import numpy as np
import pytest
from small_runs import drifting_classes, flat_map

from timetravel.errors import BadInput
from timetravel.project import bench_child
from timetravel.project.array_folder import array_epochs
from timetravel.project.bench import BenchRow, bench, table
from timetravel.project.quality import Meter


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run as a folder of plain arrays, epochs 1, 2, 4."""
    run = drifting_classes(samples=120, epochs=3)
    path = tmp_path_factory.mktemp("runs") / "small"
    path.mkdir()
    np.save(path / "representations.npy", run.x.astype(np.float16))
    np.save(path / "head_weight.npy", np.stack([h.weight for h in run.heads]))
    np.save(path / "head_bias.npy", np.stack([h.bias for h in run.heads]))
    (path / "run.json").write_text(json.dumps({"epochs": [1, 2, 4]}))
    return path


@pytest.fixture(scope="module")
def rows(folder):
    told = []
    rows = bench(folder, ["pca", "aligned"], resolution=60, report=lambda *stage: told.append(stage))
    assert {stage.split(":")[0] for stage, _, _ in told} == {"pca", "aligned"}
    return rows


def test_each_method_gets_a_row_of_costs_and_figures(rows):
    assert [row.method for row in rows] == ["pca", "aligned"]
    for row in rows:
        assert row.error is None
        assert row.shape == (3, 120, 8, 3)
        assert list(row.epochs) == [1, 2, 4]
        assert 0 < row.fit_cpu_seconds <= row.cpu_seconds
        assert row.wall_seconds > 0
        assert row.compile_cpu_seconds > 0
        assert 20 < row.peak_mb < 20_000
        for name in ("neighbor_preservation", "ppr", "tint_agreement", "boundary_on_map", "jitter"):
            assert row.figures[name] is not None, name


def test_held_out_figures_are_always_there(rows):
    for row in rows:
        assert 0 <= row.figures["heldout_ppr"] <= 1
        assert 0 <= row.figures["heldout_blind_ppr"] <= 1
        assert row.epochs[4]["heldout_ppr"] is not None


def test_figures_are_those_of_the_map_judged_here(folder, rows):
    from timetravel.project.contracts import MappedEpoch
    from timetravel.project.methods import method

    epochs = array_epochs(folder)
    maps = method("pca").fit(epochs, seed=0)
    meter = Meter(epochs)
    for index in range(3):
        meter.add(epochs[index], MappedEpoch(positions=maps.positions[index], inverse=maps.inverse(index)))
    overall = meter.overall()
    for name in ("neighbor_preservation", "trustworthiness", "ppr", "temporal_ranking", "jitter"):
        assert rows[0].figures[name] == pytest.approx(overall[name], abs=1e-3), name


def test_rows_survive_json(rows):
    for row in rows:
        assert BenchRow.from_dict(json.loads(json.dumps(row.as_dict()))) == row


def test_the_table_has_a_line_a_method_and_its_figures(rows):
    lines = table(rows).splitlines()
    assert lines[0] == "small: 3 epochs x 120 samples x 8 wide, 3 classes"
    assert lines[4].startswith("| pca |")
    assert lines[5].startswith("| aligned |")
    assert len({line.count("|") for line in lines[2:6]}) == 1
    assert f"{rows[1].figures['ppr']:.4f}" in lines[5]


def test_a_method_that_fails_says_why_and_the_others_go_on(folder, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    np.save(few / "representations.npy", np.random.default_rng(0).normal(0, 1, (2, 3, 4)))
    failed, made = bench(few, ["dvi", "pca"], held_out=False)
    assert "needs at least 5" in failed.error
    assert failed.figures == {}
    assert made.error is None
    assert made.figures["ppr"] is None
    text = table([failed, made])
    assert "dvi failed: " in text
    assert "| - |" in text


def test_settings_reach_the_method_and_wrong_ones_are_told(folder):
    (row,) = bench(folder, ["aligned"], settings={"aligned": {"stillness": 1.0}}, held_out=False)
    assert row.settings["stillness"] == 1.0
    (row,) = bench(folder, ["pca"], settings={"pca": {"speed": 9}}, held_out=False)
    assert "speed" in row.error


def test_unknown_methods_and_folders_are_refused_before_anything_starts(folder, tmp_path):
    with pytest.raises(BadInput, match="isomap"):
        bench(folder, ["pca", "isomap"])
    with pytest.raises(BadInput, match="no folder"):
        bench(tmp_path / "nowhere", ["pca"])
    (row,) = bench(tmp_path, ["pca"])
    assert row.error is not None


def test_arrays_that_do_not_fit_each_other_are_refused(tmp_path):
    np.save(tmp_path / "representations.npy", np.zeros((2, 5, 4)))
    np.save(tmp_path / "head_weight.npy", np.zeros((2, 3, 7)))
    with pytest.raises(BadInput, match="head_weight"):
        array_epochs(tmp_path)
    np.save(tmp_path / "representations.npy", np.zeros((5, 4)))
    with pytest.raises(BadInput, match="expected \\(epochs, samples, width\\)"):
        array_epochs(tmp_path)


def test_packed_arrays_and_logits_are_read(tmp_path):
    x = np.random.default_rng(0).normal(0, 1, (2, 5, 4)).astype(np.float16)
    np.savez_compressed(tmp_path / "representations.npz", representations=x)
    np.save(tmp_path / "logits.npy", x[:, :, :3])
    epochs = array_epochs(tmp_path)
    np.testing.assert_array_equal(epochs[1].representations, x[1].astype(np.float32))
    np.testing.assert_array_equal(epochs[1].predicted, x[1, :, :3].argmax(1))


def test_learned_maps_place_the_boundary_probes_by_themselves(folder):
    epochs = array_epochs(folder)
    task = {
        "method": "dvi",
        "settings": {"batches": 60, "later_batches": 10, "hidden_share": 4.0, "layers": 2},
        "seed": 0,
        "resolution": 40,
        "held_out": False,
    }
    row = bench_child.measure(epochs, task)
    assert row["figures"]["boundary_preservation"] is not None
    assert row["settings"]["batches"] == 60


def test_the_own_placement_of_probes_is_what_is_judged():
    run = drifting_classes(samples=120, epochs=1)
    (plain,) = flat_map(run)
    own = type(plain)(
        positions=plain.positions,
        raster=plain.raster,
        probe_positions=lambda points: np.asarray(points)[:, :2],
    )
    data = run.epochs[0]
    judged = [Meter(run.epochs).add(data, mapped).figures for mapped in (plain, own)]
    assert judged[0]["boundary_preservation"] != judged[1]["boundary_preservation"]
