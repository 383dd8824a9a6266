"""Where the epochs of a large run start: a layout of some of its samples, the others beside them."""

import numpy as np
import pytest
from small_runs import drifting_classes

from timetravel.project import start
from timetravel.project.aligned import Aligned
from timetravel.project.contracts import ArrayEpochs, EpochData
from timetravel.project.figures_neighbors import trustworthiness
from timetravel.sampledata import digits


def test_a_small_run_starts_from_all_its_samples() -> None:
    assert start.some(np.arange(start.LARGE), 0).all()


def test_of_a_large_one_about_as_many_are_taken_as_are_wanted_whatever_the_ids_look_like() -> None:
    for ids in (np.arange(60_000), np.arange(60_000) * 1024, np.arange(60_000) - 30_000):
        chosen = start.some(ids, 0)
        assert abs(int(chosen.sum()) - start.FEW) < 400  # four standard deviations
        assert abs(np.corrcoef(chosen, np.arange(60_000))[0, 1]) < 0.02


def test_who_is_taken_depends_on_the_id_alone() -> None:
    ids = np.arange(40_000)
    order = np.random.default_rng(0).permutation(40_000)
    np.testing.assert_array_equal(start.some(ids[order], 0), start.some(ids, 0)[order])
    # of fewer samples more are taken, the same ones among them
    assert (start.some(ids[:20_000], 0) >= start.some(ids, 0)[:20_000]).all()


@pytest.fixture(scope="module")
def digits_epochs() -> ArrayEpochs:
    """The shipped digits themselves, 1,797 x 64, as the one epoch of a run."""
    images = [
        np.asarray(image, np.float32).ravel() for half in (True, False) for image, _ in digits(train=half)
    ]
    return ArrayEpochs(np.stack(images)[None])


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "LARGE", 300)
    monkeypatch.setattr(start, "FEW", 200)


def test_the_start_of_all_is_in_order_though_only_some_were_laid_out(
    digits_epochs: ArrayEpochs, small_is_large: None
) -> None:
    data = digits_epochs[0]
    anchor = start.Anchor.make(data, 0)
    few = np.flatnonzero(start.some(data.sample_ids, 0))
    assert len(few) < 250
    begun = start.common_start([(few, Aligned()._graph(data.take(few), 0)[0])], anchor, len(data))
    found = trustworthiness(data.representations, begun, 15)
    plane = trustworthiness(data.representations, anchor.plane, 15)
    assert found is not None
    assert plane is not None
    assert found > 0.93 > plane + 0.05, (found, plane)


def test_every_sample_starts_apart_from_the_others_and_beside_one_of_the_few(small_is_large: None) -> None:
    run = drifting_classes(900)
    data = run.epochs[2]
    anchor = start.Anchor.make(data, 0)
    few = np.flatnonzero(start.some(data.sample_ids, 0))
    assert anchor.near is not None
    graph, _, _ = Aligned()._graph(data.take(few), 0)
    begun = start.common_start([(few, graph)], anchor, 900)
    assert np.isfinite(begun).all()
    others = np.setdiff1d(np.arange(900), few)
    apart = ((begun[others, None] - begun[few][None]) ** 2).sum(2)
    nearest = few[apart.argmin(1)]
    assert (nearest == anchor.near[others, 0]).mean() > 0.5
    assert len(np.unique(begun, axis=0)) > 850


def test_the_order_of_samples_only_permutes_the_map(small_is_large: None) -> None:
    run = drifting_classes(600)
    order = np.random.default_rng(1).permutation(600)
    ids = np.arange(600)
    plain = Aligned().fit(run.epochs)
    mixed = Aligned().fit(ArrayEpochs(run.x[:, order], run.heads, sample_ids=ids[order]))
    for a, b in zip(plain.positions, mixed.positions, strict=True):
        np.testing.assert_array_equal(a[order], b)


def test_samples_that_the_last_epoch_lacks_have_a_place_too(small_is_large: None) -> None:
    run = drifting_classes(600)
    epochs = [run.epochs[i] for i in range(3)]
    epochs[2] = epochs[2].take(np.arange(0, 600, 2))

    class Some(ArrayEpochs):
        def __getitem__(self, index: int, /) -> EpochData:
            return epochs[index]

    maps = Aligned().fit(Some(run.x, run.heads))
    assert np.isfinite(maps.positions[0]).all()
    assert np.isfinite(maps.positions[2]).all(1).sum() == 300
