"""A map's own facts, written and read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from timetravel.store.facts import DecisionRaster, MapDescription, MapEpoch
from timetravel.store.maps import MapWriter
from timetravel.store.reader import LedgerReader
from timetravel.store.run import StoredRun

FIRST = (-1.0, 2.5, -3.0, 0.25)
SECOND = (-1.5, 2.0, -3.0, 0.5)


def raster(extent: tuple[float, float, float, float]) -> DecisionRaster:
    flat = np.zeros((4, 4), np.float32)
    return DecisionRaster(
        cell_class=np.zeros((4, 4), np.int32), margin=flat, confidence=flat, trust=flat + 1, extent=extent
    )


def mapped(run: StoredRun, *rasters: DecisionRaster | None) -> None:
    places = np.random.default_rng(0).normal(size=(len(run.samples), 2)).astype(np.float32)
    with MapWriter.open(run, MapDescription(name="m", method="made", parameters={}, seed=0)) as writer:
        for epoch, one in enumerate(rasters):
            writer.commit([MapEpoch(epoch=epoch, positions=places * (epoch + 1), raster=one)])


def test_the_extent_of_a_map_is_known_without_reading_its_segments(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.run(tmp_path / "run", range(2))
    run = StoredRun(tmp_path / "run")
    mapped(run, raster(FIRST), raster(SECOND))
    run.refresh()

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the segments were read")

    monkeypatch.setattr(LedgerReader, "read", refuse)
    assert run.map("m").extent == (-1.5, 2.5, -3.0, 0.5)
    run.close()


def test_without_a_decision_map_at_every_epoch_the_extent_is_that_of_those_there_are(
    small: Any, tmp_path: Path
) -> None:
    small.run(tmp_path / "run", range(2))
    run = StoredRun(tmp_path / "run")
    mapped(run, None, raster(FIRST))
    run.refresh()
    assert run.map("m").extent == FIRST
    run.close()


def test_without_any_decision_map_the_extent_holds_all_positions(small: Any, tmp_path: Path) -> None:
    small.run(tmp_path / "run", range(2))
    run = StoredRun(tmp_path / "run")
    mapped(run, None, None)
    run.refresh()
    x0, x1, y0, y1 = run.map("m").extent
    places = run.map("m").positions(1)
    low, high = places.min(0).astype(float), places.max(0).astype(float)
    room = 0.05 * (high - low)
    assert np.allclose([x0, y0], low - room)
    assert np.allclose([x1, y1], high + room)
    run.close()
