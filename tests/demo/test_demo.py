"""The demo: real training, recorded whole, the same every time, and never lost by an interruption."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from timetravel.demo import FACTORIES, run_demo
from timetravel.demo import recipes as recipes_of
from timetravel.demo.networks import SHAPES
from timetravel.demo.training import train_and_record
from timetravel.errors import BadInput
from timetravel.explain.pipeline import attribute
from timetravel.explain.rebuild import build
from timetravel.sampledata import digits
from timetravel.store.run import StoredRun, open_run


def same(one: StoredRun, other: StoredRun) -> bool:
    """Whether two runs hold the same numbers to the bit."""
    return one.epochs == other.epochs and all(
        np.array_equal(one.representations(epoch), other.representations(epoch))
        and one.record(epoch).metrics == other.record(epoch).metrics
        for epoch in one.epochs
    )


@pytest.mark.parametrize(("network", "accuracy"), [("cnn", 0.965), ("mlp", 0.95)])
def test_both_networks_learn_the_digits_in_the_epochs_of_the_demo(
    tmp_path: Path, network: str, accuracy: float
) -> None:
    with open_run(train_and_record(tmp_path, network, epochs=15)) as run:
        assert run.epochs == list(range(1, 16))
        assert run.records[-1].metrics["val_accuracy"] >= accuracy
        assert run.records[-1].metrics["train_accuracy"] >= accuracy
        assert run.records[0].metrics["val_accuracy"] < accuracy - 0.05  # something to watch


def test_everything_that_the_page_shows_is_recorded(tmp_path: Path) -> None:
    with open_run(train_and_record(tmp_path, "cnn", epochs=1)) as run:
        assert run.name == "digits-cnn"
        assert len(run.samples) == 1797
        assert sorted(run.samples.ids.tolist()) == list(range(1797))
        assert (run.samples.split == "test").sum() == 359
        assert run.classes == tuple("0123456789")
        assert run.activation_layers == ["relu1", "relu2", "relu3"]
        assert run.description.hyperparameters["seed"] == 0
        (record,) = run.records
        assert record.has_checkpoint
        assert record.learning_rates == (1e-3,)
        assert set(record.metrics) >= {"train_loss", "val_loss", "train_accuracy", "val_accuracy"}
        # The loss on the test images is the mean of the recorded losses of these samples.
        test = run.samples.split == "test"
        assert run.predictions(1).loss[test].mean() == pytest.approx(record.metrics["val_loss"], abs=1e-5)
        # Each sample is the image that its id says.
        part = digits(train=False)
        images = run.images(part.sample_ids)
        assert images is not None
        assert np.array_equal(np.stack(images), part.data.numpy())
        factory, arguments = FACTORIES["digits-cnn"]
        assert (run.description.factory, run.description.factory_arguments) == (factory, arguments)
        found = attribute(run, [4, 8], 1, "grad_cam", factory=factory, factory_arguments=arguments)
        assert found.values.shape == (1, 2, 8, 8)
        assert found.notes == ()


def test_one_seed_gives_one_run_and_another_seed_another(tmp_path: Path) -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    runs = [
        open_run(train_and_record(tmp_path / name, "mlp", epochs=2, seed=seed))
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_an_interrupted_training_keeps_its_epochs_and_goes_on_as_if_it_had_not_stopped(
    tmp_path: Path,
) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_and_record(tmp_path / "stopped", "cnn", epochs=4, report=interrupt)
    assert open_run(tmp_path / "stopped" / "digits-cnn").epochs == [1, 2]
    resumed = train_and_record(tmp_path / "stopped", "cnn", epochs=4)
    whole = train_and_record(tmp_path / "whole", "cnn", epochs=4)
    assert same(open_run(resumed), open_run(whole))


def test_a_finished_run_is_left_alone_and_more_epochs_are_added(tmp_path: Path) -> None:
    path = train_and_record(tmp_path, "mlp", epochs=1)
    key = open_run(path).key
    told: list[int] = []
    train_and_record(tmp_path, "mlp", epochs=1, report=lambda stage, done, total: told.append(done))
    assert open_run(path).key == key
    assert told == []
    assert open_run(train_and_record(tmp_path, "mlp", epochs=2)).epochs == [1, 2]


def test_a_folder_with_another_demo_is_refused_with_what_differs(tmp_path: Path) -> None:
    train_and_record(tmp_path, "mlp", epochs=1)
    with pytest.raises(BadInput, match=r"holds a run with another seed; .* pass another --out"):
        train_and_record(tmp_path, "mlp", epochs=1, seed=5)


def test_the_demo_makes_two_mapped_runs_the_same_every_time(tmp_path: Path) -> None:
    stages: list[str] = []
    first = run_demo(tmp_path / "a", epochs=2, report=lambda stage, done, total: stages.append(stage))
    second = run_demo(tmp_path / "b", epochs=2)
    assert [path.name for path in first] == ["digits-cnn", "digits-mlp"]
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"digits-cnn", "digits-mlp"}
    assert {"digits-cnn: training", "digits-mlp: training"} < set(stages)
    for one, other in zip(first, second, strict=True):
        a, b = open_run(one), open_run(other)
        assert a.maps
        for epoch in (1, 2):
            assert np.isfinite(a.positions(epoch)).all()
            assert np.array_equal(a.positions(epoch), b.positions(epoch))


@pytest.mark.parametrize("name", FACTORIES)
def test_every_factory_of_the_demo_builds_a_network_for_its_images(name: str) -> None:
    factory, arguments = FACTORIES[name]
    channels, side = SHAPES[arguments["dataset"]]
    model = build(factory, arguments).eval()
    assert model(torch.zeros(2, channels, side, side)).shape == (2, 10)


def test_unknown_networks_and_data_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no demo of 'rnn'"):
        train_and_record(tmp_path, "rnn", epochs=1)
    with pytest.raises(BadInput, match="unknown data set 'x'"):
        build("timetravel.demo.networks:mlp", {"dataset": "x"})
    with pytest.raises(FileNotFoundError, match="--root DIR"):
        train_and_record(tmp_path, "cnn", epochs=1, dataset="fashion-mnist")


@pytest.mark.parametrize(
    ("dataset", "folder", "classes"),
    [
        ("fashion-mnist", "torchvision", "Shirt"),
        ("mnist", "torchvision", "7 - seven"),
        ("cifar10", "cifar10", "frog"),
    ],
)
def test_other_data_sets_are_read_from_a_folder(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: str, folder: str, classes: str
) -> None:
    monkeypatch.setenv("TIMETRAVEL_CACHE", str(tmp_path / "cache"))
    small = replace(recipes_of.RECIPES[dataset], trained=400, recorded=200, tested=50)
    monkeypatch.setitem(recipes_of.RECIPES, dataset, small)  # type: ignore[arg-type]
    path = train_and_record(tmp_path / "out", "cnn", epochs=1, dataset=dataset, root=shared / "data" / folder)
    with open_run(path) as run:
        assert path.name == f"{dataset}-cnn"
        assert len(run.samples) == 250
        assert classes in run.classes
        assert len(np.unique(run.samples.ids)) == 250
        assert (run.samples.ids[run.samples.split == "test"] >= 10_000).all()
