"""Folders of DeepVisualInsight, TimeVis and the later tool import as the same run as plain arrays do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from timetravel.errors import BadInput
from timetravel.record.arrays import import_arrays
from timetravel.store.run import StoredRun, open_run

EPOCHS, TRAIN, TEST, WIDTH = [1, 2, 10], 12, 5, 6
CLASSES = ["ant", "bee", "cow"]


class Made:
    """A small network's outputs over three epochs, to be written in any layout."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        count = TRAIN + TEST
        self.inputs = torch.rand(count, 1, 2, 2)
        self.labels = torch.randint(0, 3, (count,))
        self.models = [
            nn.Sequential(nn.Flatten(), nn.Linear(4, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 3)) for _ in EPOCHS
        ]
        with torch.no_grad():
            self.representations = [model[:3](self.inputs).numpy() for model in self.models]
            self.logits = [model(self.inputs).numpy() for model in self.models]
        self.labelled = [list(range(4)), list(range(8)), list(range(TRAIN))]


@pytest.fixture(scope="module")
def made() -> Made:
    return Made()


@pytest.fixture
def plain(made: Made, tmp_path: Path) -> Path:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"name": "dynamics", "classes": CLASSES, "epochs": EPOCHS}))
    masks = np.zeros((3, TRAIN + TEST), bool)
    for epoch, rows in enumerate(made.labelled):
        masks[epoch, rows] = True
    arrays = {
        "representations": np.stack(made.representations),
        "head_weight": np.stack([model[3].weight.detach().numpy() for model in made.models]),
        "head_bias": np.stack([model[3].bias.detach().numpy() for model in made.models]),
        "labels": made.labels.numpy(),
        "split": np.repeat([0, 1], [TRAIN, TEST]),
        "sample_index": np.concatenate([np.arange(TRAIN), np.arange(TEST)]),
        "labelled": masks,
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


@pytest.fixture
def published(made: Made, tmp_path: Path) -> Path:
    folder = tmp_path / "dynamics"
    for part, rows in (("training", slice(0, TRAIN)), ("testing", slice(TRAIN, None))):
        place = folder / f"{part.capitalize()}_data"
        place.mkdir(parents=True)
        torch.save(made.inputs[rows].clone(), place / f"{part}_dataset_data.pth")
        torch.save(made.labels[rows].clone(), place / f"{part}_dataset_label.pth")
    for epoch, model, x, rows in zip(EPOCHS, made.models, made.representations, made.labelled, strict=True):
        place = folder / "Model" / f"Epoch_{epoch}"
        place.mkdir(parents=True)
        torch.save(model.state_dict(), place / "subject_model.pth")
        np.save(place / "train_data.npy", x[:TRAIN])
        np.save(place / "test_data.npy", x[TRAIN:])
        (place / "index.json").write_text(json.dumps(rows))
    settings = {
        "DVI": {
            "CLASSES": CLASSES,
            "DATASET": "toy",
            "TRAINING": {"NET": "mlp", "optimizer_args": {"lr": 0.1}},
        }
    }
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "Model" / "model.py").write_text("raise RuntimeError('code in the folder was run')")
    return folder


@pytest.fixture
def later(made: Made, tmp_path: Path) -> Path:
    folder = tmp_path / "dynamics"
    (folder / "dataset" / "image").mkdir(parents=True)
    np.save(folder / "dataset" / "labels.npy", made.labels.numpy())
    index = {"train": list(range(TRAIN)), "test": list(range(TRAIN, TRAIN + TEST))}
    (folder / "dataset" / "index.json").write_text(json.dumps(index))
    (folder / "dataset" / "info.json").write_text(json.dumps({"model": "Mlp", "classes": CLASSES}))
    for row, pixels in enumerate(made.inputs):
        Image.fromarray((pixels[0].numpy() * 255).astype(np.uint8)).save(
            folder / "dataset" / "image" / f"{row}.png"
        )
    for epoch, model, x, logits in zip(EPOCHS, made.models, made.representations, made.logits, strict=True):
        place = folder / "epochs" / f"epoch_{epoch}"
        place.mkdir(parents=True)
        torch.save(model.state_dict(), place / "model.pth")
        np.save(place / "embeddings.npy", x)
        np.save(place / "predictions.npy", logits)
    return folder


def agree(a: StoredRun, b: StoredRun) -> None:
    assert a.epochs == b.epochs == EPOCHS
    assert a.classes == b.classes
    assert a.name == b.name
    np.testing.assert_array_equal(a.samples.labels, b.samples.labels)
    np.testing.assert_array_equal(a.samples.split, b.samples.split)
    for epoch in EPOCHS:
        np.testing.assert_array_equal(a.representations(epoch), b.representations(epoch))
        np.testing.assert_allclose(a.logits(epoch), b.logits(epoch), atol=1e-5)
        np.testing.assert_array_equal(a.predictions(epoch).predicted, b.predictions(epoch).predicted)
        np.testing.assert_array_equal(a.head(epoch).weight, b.head(epoch).weight)


def test_the_published_layout_is_the_same_run(
    plain: Path, published: Path, made: Made, tmp_path: Path
) -> None:
    with (
        open_run(import_arrays(plain, tmp_path / "a")) as a,
        open_run(import_arrays(published, tmp_path / "b")) as b,
    ):
        agree(a, b)
        np.testing.assert_array_equal(a.samples.ids, b.samples.ids)
        for epoch in EPOCHS:
            np.testing.assert_array_equal(a.labelling(epoch).labelled, b.labelling(epoch).labelled)
            assert a.labelling(epoch).round == b.labelling(epoch).round
        assert b.checkpoint(2).keys() == made.models[1].state_dict().keys()
        np.testing.assert_array_equal(b.inputs([3]).arrays[0], made.inputs[3])
        assert b.description.hyperparameters["optimizer_args.lr"] == 0.1
        assert (b.description.model, b.description.data_set) == ("mlp", "toy")


def test_the_later_layout_is_the_same_run(plain: Path, later: Path, made: Made, tmp_path: Path) -> None:
    with (
        open_run(import_arrays(plain, tmp_path / "a")) as a,
        open_run(import_arrays(later, tmp_path / "b")) as b,
    ):
        agree(a, b)
        assert b.samples.ids.tolist() == list(range(TRAIN + TEST))
        np.testing.assert_array_equal(b.images([7])[0], (made.inputs[7, 0].numpy() * 255).astype(np.uint8))
        assert b.checkpoint(10) is not None


def test_representations_of_the_labelled_samples_alone_leave_the_others_absent(
    published: Path, made: Made, tmp_path: Path
) -> None:
    place = published / "Model" / "Epoch_1"
    np.save(place / "train_data.npy", made.representations[0][:4])
    with open_run(import_arrays(published, tmp_path / "run")) as run:
        assert np.flatnonzero(~run.present(1)).tolist() == list(range(4, TRAIN))
        assert run.present(2).all()


def test_changed_labels_of_a_noise_experiment_are_kept(published: Path, made: Made, tmp_path: Path) -> None:
    old = [(int(made.labels[row]) + 1) % 3 for row in (2, 5)]
    (published / "index.json").write_text("[2, 5]")
    (published / "old_labels.json").write_text(json.dumps(old))
    with open_run(import_arrays(published, tmp_path / "run")) as run:
        assert np.flatnonzero(run.samples.noisy).tolist() == [2, 5]
        assert run.samples.true_labels[[2, 5]].tolist() == old


def test_outputs_that_are_probabilities_become_logits(later: Path, made: Made, tmp_path: Path) -> None:
    for epoch, logits in zip(EPOCHS, made.logits, strict=True):
        place = later / "epochs" / f"epoch_{epoch}"
        (place / "model.pth").unlink()
        np.save(place / "predictions.npy", torch.from_numpy(logits).softmax(1).numpy())
    with open_run(import_arrays(later, tmp_path / "run")) as run:
        expected = torch.from_numpy(made.logits[0]).softmax(1).amax(1)
        np.testing.assert_allclose(run.predictions(1).p_predicted, expected, rtol=1e-5)
        assert run.head(1) is None


class Hostile:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def test_a_pickle_in_the_folder_is_refused_and_not_run(published: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    torch.save({"weight": Hostile(canary)}, published / "Model" / "Epoch_2" / "subject_model.pth")
    with pytest.raises(BadInput, match=r"subject_model.pth cannot be read as plain tensors"):
        import_arrays(published, tmp_path / "run")
    assert not canary.exists()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("Model/Epoch_2/index.json", "[99]", "index.json in Epoch_2 lists row 99; expected 0 to 11"),
        ("Model/Epoch_2/index.json", "{}", "holds no list of rows"),
        ("old_labels.json", "[1]", r"old_labels.json holds int64 of shape \(1,\); expected 2 integers"),
        ("config.json", '{"DVI": {"CLASSES": ["ant"]}}', "labels holds . at sample"),
    ],
)
def test_what_is_wrong_in_the_folder_is_named(
    file: str, content: str, message: str, published: Path, tmp_path: Path
) -> None:
    (published / "index.json").write_text("[2, 5]")
    (published / "old_labels.json").write_text("[0, 0]")
    (published / file).write_text(content)
    with pytest.raises(BadInput, match=message):
        import_arrays(published, tmp_path / "run")


def test_missing_representations_are_named(published: Path, tmp_path: Path) -> None:
    (published / "Model" / "Epoch_2" / "test_data.npy").unlink()
    with pytest.raises(BadInput, match=r"Epoch_2 has no test_data.npy"):
        import_arrays(published, tmp_path / "run")
