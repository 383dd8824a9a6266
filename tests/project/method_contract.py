"""What every projection method owes its callers. A test class inherits it and says how to make the method."""

from __future__ import annotations

from typing import Any, ClassVar

import numba
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_runs import SmallRun, drifting_classes

from timetravel.errors import TimetravelError
from timetravel.project.contracts import ArrayEpochs, KeptEpochs, MapSet, ProjectionMethod
from timetravel.project.raster import common_extent, decision_map


class ProjectionMethodContract:
    """Set `extends` to False for methods that lay all epochs out together and refuse to add one."""

    extends: ClassVar[bool] = True
    samples: ClassVar[int] = 60

    @classmethod
    def make(cls) -> ProjectionMethod:
        """The method, with settings that are quick on small runs."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls) -> SmallRun:
        return drifting_classes(samples=cls.samples, epochs=3, width=6)

    @pytest.fixture(scope="class")
    @classmethod
    def maps(cls, run) -> MapSet:
        return cls.make().fit(run.epochs, seed=1)

    def test_every_present_sample_has_a_finite_position(self, run, maps):
        assert len(maps) == 3
        assert list(maps.labels) == [0, 1, 2]
        for positions in maps.positions:
            assert positions.shape == (self.samples, 2)
            assert positions.dtype == np.float32
            assert np.isfinite(positions).all()
            assert np.ptp(positions, 0).max() > 0

    def test_the_map_knows_its_method_settings_and_seed(self, maps):
        import json

        method = self.make()
        assert maps.method == method.name
        assert maps.seed == 1
        assert dict(maps.parameters).items() >= dict(method.parameters).items()
        json.dumps(dict(maps.parameters))

    def test_the_same_seed_gives_the_same_bits_with_any_number_of_threads(self, run, maps):
        again = with_threads(2, lambda: self.make().fit(run.epochs, seed=1))
        for one, two in zip(maps.positions, again.positions, strict=True):
            np.testing.assert_array_equal(one, two)

    def test_reordering_the_samples_reorders_the_map(self, run, maps):
        order = np.random.default_rng(3).permutation(self.samples)
        shuffled = ArrayEpochs(run.x[:, order], run.heads, sample_ids=order)
        again = self.make().fit(shuffled, seed=1)
        for one, two in zip(maps.positions, again.positions, strict=True):
            np.testing.assert_array_equal(one[order], two)

    def test_fitting_changes_nothing_that_it_was_given(self, run):
        before = run.x.copy()
        self.make().fit(run.epochs, seed=0)
        np.testing.assert_array_equal(run.x, before)

    def test_the_inverse_gives_representations_logits_and_trust(self, run, maps):
        points = np.random.default_rng(0).uniform(-30, 30, (40, 2)).astype(np.float32)
        for index in range(3):
            inverse = maps.inverse(index)
            back, logits, trust = inverse(points), inverse.logits(points), inverse.trust(points)
            assert back.shape == (40, 6)
            assert back.dtype == np.float32
            assert np.isfinite(back).all()
            assert logits.shape == (40, 3)
            np.testing.assert_allclose(logits, run.heads[index].logits(back), rtol=1e-3, atol=1e-2)
            assert trust.shape == (40,)
            assert ((trust >= 0) & (trust <= 1)).all()
            assert inverse.trust(maps.positions[index]).min() > 0.5

    def test_the_inverse_answers_a_point_alike_alone_and_among_others(self, maps):
        inverse, points = maps.inverse(1), maps.positions[1]
        np.testing.assert_allclose(inverse(points)[7:8], inverse(points[7:8]), rtol=1e-4, atol=1e-4)

    def test_a_decision_map_can_be_drawn(self, run, maps):
        positions, data = maps.positions[2], run.epochs[2]
        raster = decision_map(
            maps.inverse(2),
            positions,
            data.predicted,
            extent=common_extent(list(maps.positions)),
            resolution=30,
        )
        assert raster.cell_class.shape == (30, 30)
        assert set(np.unique(raster.cell_class)) <= {0, 1, 2}

    def test_unseen_samples_are_placed_near_what_they_resemble(self, run, maps):
        x = run.x[2][:10] + 1e-3
        for predicted in (None, run.epochs[2].predicted[:10]):
            placed = maps.place(2, x, predicted)
            assert placed.positions.shape == (10, 2)
            assert np.isfinite(placed.positions).all()
            assert placed.distance.shape == placed.snapped.shape == placed.shift.shape == (10,)
            away = np.linalg.norm(placed.positions - maps.positions[2][:10], axis=1)
            assert np.median(away) < 0.2 * np.ptp(maps.positions[2], 0).max()
        assert not maps.place(2, x, None).snapped.any()

    def test_no_sample_to_place_is_no_error(self, run, maps):
        placed = maps.place(0, np.zeros((0, 6), np.float32))
        assert placed.positions.shape == (0, 2)

    def test_held_out_samples_are_absent_and_can_be_placed(self, run):
        keep = np.arange(self.samples) % 4 != 0
        maps = self.make().fit(KeptEpochs(run.epochs, keep), seed=0)
        assert np.isnan(maps.positions[1][~keep]).all()
        assert np.isfinite(maps.positions[1][keep]).all()
        placed = maps.place(1, run.x[1][~keep], run.epochs[1].predicted[~keep])
        assert np.isfinite(placed.positions).all()

    def test_adding_an_epoch_moves_nothing_or_is_refused(self, run):
        method = self.make()
        short = ArrayEpochs(run.x[:2], run.heads[:2])
        maps = method.fit(short, seed=1)
        before = [p.copy() for p in maps.positions]
        if not self.extends:
            with pytest.raises(TimetravelError, match="--refit"):
                method.extend(maps, run.epochs)
            return
        longer = method.extend(maps, run.epochs)
        assert len(maps) == 2
        assert len(longer) == 3
        for one, two in zip(before, longer.positions, strict=False):
            np.testing.assert_array_equal(one, two)
        assert np.isfinite(longer.positions[2]).all()

    def test_a_complete_map_is_extended_by_nothing(self, run, maps):
        again = self.make().extend(maps, run.epochs)
        for one, two in zip(maps.positions, again.positions, strict=True):
            np.testing.assert_array_equal(one, two)

    def test_samples_may_come_and_go(self, run):
        x = run.x.copy()
        x[0, 45:] = np.nan
        x[2, :10] = np.nan
        maps = self.make().fit(ArrayEpochs(x, run.heads), seed=0)
        for positions, wide in zip(maps.positions, x, strict=True):
            np.testing.assert_array_equal(np.isnan(positions[:, 0]), np.isnan(wide[:, 0]))

    def test_one_epoch_is_enough(self, run):
        maps = self.make().fit(ArrayEpochs(run.x[:1], run.heads[:1]), seed=0)
        assert np.isfinite(maps.positions[0]).all()

    def test_epochs_without_a_head_are_mapped(self, run):
        maps = self.make().fit(ArrayEpochs(run.x), seed=0)
        assert np.isfinite(maps.positions[2]).all()
        assert np.isfinite(maps.inverse(2)(maps.positions[2])).all()

    @pytest.mark.parametrize(
        "kind", ["equal", "duplicates", "thin", "huge", "tiny", "offset", "outlier", "one class"]
    )
    def test_odd_representations_give_a_finite_map_or_a_clear_error(self, run, kind):
        x, heads = odd(run, kind)
        self.finite_or_refused(ArrayEpochs(x, heads))

    @pytest.mark.parametrize("count", [1, 2, 3, 5, 7])
    def test_few_samples_give_a_finite_map_or_a_clear_error(self, count):
        few = drifting_classes(samples=count, epochs=2, width=6)
        self.finite_or_refused(few.epochs)

    def finite_or_refused(self, epochs: ArrayEpochs) -> None:
        maps, said = self.fitted_or_told(epochs)
        if maps is None:
            assert len(said) > 20
            assert "\n" not in said
            return
        for positions in maps.positions:
            assert np.isfinite(positions).all()
        assert np.isfinite(maps.inverse(0)(maps.positions[0])).all()

    def fitted_or_told(self, epochs: ArrayEpochs) -> tuple[MapSet | None, str]:
        """The maps, or what the method says against making them."""
        try:
            return self.make().fit(epochs, seed=0), ""
        except TimetravelError as error:
            return None, str(error)

    def test_epochs_of_unequal_width_are_refused_by_name_or_mapped(self, run):
        epochs = ArrayEpochs([run.x[0], run.x[1][:, :4]], None, labels=[10, 20])
        maps, said = self.fitted_or_told(epochs)
        assert "epoch 20" in said if maps is None else np.isfinite(maps.positions[1]).all()

    def test_progress_is_told_and_never_passes_the_end(self, run):
        told: list[tuple[str, int, int]] = []
        self.make().fit(run.epochs, seed=0, report=lambda *stage: told.append(stage))
        assert told
        assert all(0 <= done <= total for _, done, total in told)
        assert told[-1][1] == told[-1][2]


def odd(run: SmallRun, kind: str) -> tuple[NDArray[np.float32], Any]:
    """A run with something wrong, and its heads."""
    x, heads = run.x.copy(), run.heads
    if kind == "equal":
        x[1] = 2
    elif kind == "duplicates":
        x[:, 20:40] = x[:, :1]
    elif kind == "thin":
        return np.ascontiguousarray(x[:, :, :1]), None
    elif kind == "huge":
        return x * np.float32(1e30), None
    elif kind == "tiny":
        return x * np.float32(1e-30), None
    elif kind == "offset":
        x += 1e4
    elif kind == "outlier":
        x[:, 0] = 1e4
    elif kind == "one class":
        heads = [type(h)(weight=h.weight, bias=np.array([0, 1e6, 0], np.float32)) for h in heads]
    return x, heads


def with_threads(count: int, work: Any) -> Any:
    """The result of work() while numba and torch may use that many threads."""
    numba_before, torch_before = numba.get_num_threads(), torch.get_num_threads()
    numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
    torch.set_num_threads(count)
    try:
        return work()
    finally:
        numba.set_num_threads(numba_before)
        torch.set_num_threads(torch_before)
