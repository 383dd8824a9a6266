"""The figures agree with the referee, the independent program that defines them."""

from __future__ import annotations

import numpy as np
import pytest
from small_runs import drifting_classes, flat_map

from timetravel.project.contracts import ArrayEpochs, MappedEpoch
from timetravel.project.quality import quality
from timetravel.store.facts import DecisionRaster, Head


def as_referee_sees_it(referee, folder, x, heads, mapped, fitted):
    folder.mkdir()
    arrays = {
        "representations": x,
        "head_weight": np.stack([h.weight for h in heads]),
        "head_bias": np.stack([h.bias for h in heads]),
        "positions": np.stack([m.positions for m in mapped]),
        "inverse": np.stack([m.inverse(m.positions) for m in mapped]),
        "decision_class": np.stack([m.raster.cell_class for m in mapped]),
        "extent": np.array([m.raster.extent for m in mapped]),
        "fitted": fitted,
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return referee.evaluate(referee.Run(folder), folder)


def assert_agreement(theirs, ours):
    pairs = [(theirs["overall"], ours["overall"])]
    pairs += list(zip(theirs["epochs"], ours["epochs"].values(), strict=True))
    compared = 0
    for expected, found in pairs:
        for name, value in expected.items():
            if name != "epoch":
                assert found[name] == (None if value is None else pytest.approx(value, abs=1e-6)), name
                compared += 1
    assert compared > 60


@pytest.mark.parametrize(("samples", "classes"), [(150, 3), (3200, 10)])
def test_figures_of_a_small_run_agree_with_the_referee(referee, tmp_path, samples, classes):
    run = drifting_classes(samples=samples, epochs=3, width=12, classes=classes)
    x, fitted = run.x.astype(np.float16), np.arange(samples) % 5 != 2
    rounded = type(run)(x.astype(np.float32), run.heads)
    mapped = flat_map(rounded, resolution=120)
    theirs = as_referee_sees_it(referee, tmp_path / "arrays", x, run.heads, mapped, fitted)
    assert_agreement(theirs, quality(ArrayEpochs(x, run.heads), mapped, fitted=fitted))


@pytest.mark.parametrize("name", ["fmnist_cnn", "cifar10_cnn"])
def test_figures_of_a_recorded_run_agree_with_the_referee(referee, shared, tmp_path, name):
    folder = shared / "data" / "recorded" / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing")
    with np.load(folder / "representations.npz") as pack:
        x = pack["representations"][[0, 5, 11], :900]
    weights, biases = (np.load(folder / f"head_{part}.npy")[[0, 5, 11]] for part in ("weight", "bias"))
    heads = [Head(weight=w, bias=b) for w, b in zip(weights, biases, strict=True)]
    mapped = principal_map(x, heads)
    fitted = np.arange(900) % 5 != 0
    theirs = as_referee_sees_it(referee, tmp_path / "arrays", x, heads, mapped, fitted)
    assert_agreement(theirs, quality(ArrayEpochs(x, heads), mapped, fitted=fitted))


def principal_map(x, heads):
    """The plane of largest variance of each epoch, its linear inverse and a raster read through it."""
    mapped = []
    for e, head in enumerate(heads):
        wide = x[e].astype(np.float64)
        mean = wide.mean(0)
        axes = np.linalg.svd(wide - mean, full_matrices=False)[2][:2]
        y = ((wide - mean) @ axes.T).astype(np.float32)

        def back(points, axes=axes, mean=mean):
            return (np.asarray(points, np.float64) @ axes + mean).astype(np.float32)

        (x0, y0), (x1, y1) = y.min(0), y.max(0)
        columns, rows = np.linspace(x0, x1, 101)[:-1], np.linspace(y0, y1, 101)[:-1]
        grid = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2)
        classes = head.logits(back(grid)).argmax(1).astype(np.int32).reshape(100, 100)
        flat = np.ones((100, 100), np.float32)
        extent = (float(x0), float(x1), float(y0), float(y1))
        raster = DecisionRaster(cell_class=classes, margin=flat, confidence=flat, trust=flat, extent=extent)
        mapped.append(MappedEpoch(positions=y, inverse=back, raster=raster))
    return mapped
