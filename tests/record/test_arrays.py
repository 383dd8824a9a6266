"""Runs made from somebody's arrays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from timetravel.errors import BadInput
from timetravel.record.arrays import import_arrays
from timetravel.store.facts import Predictions
from timetravel.store.run import open_run

# The fixture TINY: three classes, eight samples, six epochs of a model, its predictions and p(label).
TINY_LABELS = "aaabbbcc"
TINY_PREDICTED = ["bacbabba", "aabbabbb", "aaaabbbb", "aaabbbcb", "abababcb", "aaabbbcb"]
TINY_P_TRUE = [
    [0.30, 0.50, 0.20, 0.45, 0.25, 0.60, 0.20, 0.10],
    [0.60, 0.70, 0.35, 0.55, 0.35, 0.80, 0.25, 0.15],
    [0.70, 0.80, 0.55, 0.30, 0.50, 0.85, 0.30, 0.20],
    [0.80, 0.90, 0.75, 0.60, 0.65, 0.90, 0.55, 0.25],
    [0.85, 0.35, 0.80, 0.70, 0.30, 0.95, 0.65, 0.20],
    [0.90, 0.95, 0.85, 0.75, 0.60, 0.95, 0.75, 0.10],
]
TINY_ACCURACY = [0.375, 0.5, 0.625, 0.875, 0.625, 0.875]
TINY_LOSS = [1.2643, 0.8839, 0.7563, 0.4559, 0.6360, 0.4699]


def tiny_logits() -> np.ndarray:
    """(6, 8, 3) ln p: the label's own, the predicted class's share of the rest, the third class."""
    logits = np.empty((6, 8, 3))
    for epoch in range(6):
        for sample in range(8):
            label, said = "abc".index(TINY_LABELS[sample]), "abc".index(TINY_PREDICTED[epoch][sample])
            p = TINY_P_TRUE[epoch][sample]
            row = np.full(3, (1 - p) / 2 if said == label else 0.2 * (1 - p))
            row[said] = 0.8 * (1 - p) if said != label else p
            row[label] = p
            logits[epoch, sample] = np.log(row)
    return logits


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """TINY as a folder of arrays: an identity head, so that the representation is the logits."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    about = {
        "name": "TINY A",
        "classes": ["a", "b", "c"],
        "epochs": list(range(6)),
        "optimiser": "SGD",
        "train_loss": TINY_LOSS,
    }
    (folder / "run.json").write_text(json.dumps(about))
    np.save(folder / "representations.npy", tiny_logits().astype(np.float32))
    np.save(folder / "logits.npy", tiny_logits().astype(np.float32))
    np.save(folder / "labels.npy", np.array(["abc".index(c) for c in TINY_LABELS]))
    return folder


def put(folder: Path, name: str, array: Any) -> None:
    for old in folder.glob(f"{name}.np?"):
        old.unlink()
    np.save(folder / f"{name}.npy", array)


def about(folder: Path, **changes: Any) -> None:
    found = json.loads((folder / "run.json").read_text()) | changes
    (folder / "run.json").write_text(
        json.dumps({name: value for name, value in found.items() if value is not None})
    )


def test_tiny_gives_its_worked_numbers(tiny: Path, tmp_path: Path) -> None:
    with open_run(import_arrays(tiny, tmp_path / "run")) as run:
        assert (run.name, run.classes, run.epochs) == ("TINY A", ("a", "b", "c"), [0, 1, 2, 3, 4, 5])
        said: list[Predictions] = [run.predictions(epoch) for epoch in run.epochs]
        assert ["".join("abc"[c] for c in one.predicted) for one in said] == TINY_PREDICTED
        np.testing.assert_allclose([one.p_true for one in said], TINY_P_TRUE, atol=1e-6)
        np.testing.assert_allclose([one.correct.mean() for one in said], TINY_ACCURACY)
        np.testing.assert_allclose([one.loss.mean() for one in said], TINY_LOSS, atol=1e-4)
        assert run.description.hyperparameters == {"optimizer": "SGD"}
        assert run.record(2).metrics["train_loss"] == 0.7563


def test_every_form_of_file_gives_the_same_run(tiny: Path, tmp_path: Path) -> None:
    with open_run(import_arrays(tiny, tmp_path / "plain")) as run:
        expected = [run.logits(epoch) for epoch in run.epochs]
        representations = [run.representations(epoch) for epoch in run.epochs]
    values = tiny_logits()
    (tiny / "representations.npy").unlink()
    np.savez_compressed(tiny / "representations.npz", representations=values.astype(">f8"))
    put(tiny, "logits", np.asfortranarray(values.astype(">f4")))
    with open_run(import_arrays(tiny, tmp_path / "odd")) as run:
        for epoch in run.epochs:
            np.testing.assert_array_equal(run.logits(epoch), expected[epoch])
            np.testing.assert_array_equal(run.representations(epoch), representations[epoch])
    (tiny / "representations.npz").unlink()
    np.savez(tiny / "representations.npz", representations=np.asfortranarray(values))
    with open_run(import_arrays(tiny, tmp_path / "fortran")) as run:
        np.testing.assert_array_equal(run.representations(3), representations[3])


def test_a_head_gives_the_logits_that_are_missing(tiny: Path, tmp_path: Path) -> None:
    (tiny / "logits.npy").unlink()
    put(tiny, "head_weight", np.repeat(2 * np.eye(3)[None], 6, 0))
    put(tiny, "head_bias", np.ones((6, 3)))
    with open_run(import_arrays(tiny, tmp_path / "run")) as run:
        np.testing.assert_allclose(run.logits(4), 2 * tiny_logits()[4] + 1, atol=1e-5)
        assert run.head(4) is not None


def test_without_logits_and_head_there_are_no_predictions(tiny: Path, tmp_path: Path) -> None:
    (tiny / "logits.npy").unlink()
    (tiny / "labels.npy").unlink()
    with open_run(import_arrays(tiny, tmp_path / "run")) as run:
        assert run.logits(0) is None
        assert (run.predictions(0).predicted == -1).all()
        assert (run.samples.labels == -1).all()


def test_logits_must_agree_with_the_head_but_for_rounding(tiny: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 8, 200)).astype(np.float32) * 10
    weight, bias = rng.normal(size=(6, 3, 200)).astype(np.float32), rng.normal(size=(6, 3)).astype(np.float32)
    logits = np.einsum("end,ecd->enc", x, weight) + bias[:, None]
    put(tiny, "head_weight", weight)
    put(tiny, "head_bias", bias)
    put(tiny, "representations", x.astype(np.float16))
    put(tiny, "logits", logits.astype(np.float16))
    import_arrays(tiny, tmp_path / "half")
    logits[2, 5, 1] += 0.02 * np.abs(logits).max()
    put(tiny, "logits", logits.astype(np.float16))
    with pytest.raises(
        BadInput, match=r"epoch 2: logits differ from .* in 1 places, first at sample 5, class 1"
    ):
        import_arrays(tiny, tmp_path / "run")
    put(tiny, "representations", x)
    logits[2, 5, 1] -= 0.018 * np.abs(logits).max()
    put(tiny, "logits", logits)
    with pytest.raises(BadInput, match="epoch 2: logits differ"):
        import_arrays(tiny, tmp_path / "run")


def test_ids_are_made_unique_over_splits_and_the_given_rows_kept(tiny: Path, tmp_path: Path) -> None:
    put(tiny, "split", np.array([0, 0, 0, 0, 0, 1, 1, 1], np.uint8))
    put(tiny, "sample_index", np.array([3, 4, 5, 6, 90, 3, 4, 5]))
    with open_run(import_arrays(tiny, tmp_path / "run")) as run:
        assert run.samples.ids.tolist() == [3, 4, 5, 6, 90, 1000000003, 1000000004, 1000000005]
        assert run.samples.split.tolist() == ["train"] * 5 + ["test"] * 3
        assert run.samples.attributes["sample_index"].tolist() == [3, 4, 5, 6, 90, 3, 4, 5]
    put(tiny, "sample_index", np.array([3, 4, 5, 6, 3, 3, 4, 5]))
    with pytest.raises(BadInput, match="sample_index holds 3 more than once in one split"):
        import_arrays(tiny, tmp_path / "twice")
    put(tiny, "split", np.array(["train"] * 5 + ["val"] * 3))
    put(tiny, "sample_index", np.arange(8))
    with open_run(import_arrays(tiny, tmp_path / "named")) as run:
        assert run.samples.split[7] == "validation"


def test_labelled_masks_become_rounds_and_picks(tiny: Path, tmp_path: Path) -> None:
    masks = np.zeros((6, 8), bool)
    masks[:2, :2], masks[2:5, :4], masks[5:, :5] = True, True, True
    put(tiny, "labelled", masks)
    with open_run(import_arrays(tiny, tmp_path / "run")) as run:
        found = [run.labelling(epoch) for epoch in run.epochs]
        assert [one.round for one in found] == [0, 0, 1, 1, 1, 2]
        assert [np.flatnonzero(one.picked).tolist() for one in found] == [[2, 3], [2, 3], [4], [4], [4], []]
        assert found[5].labelled.sum() == 5


def test_label_noise_is_kept(tiny: Path, tmp_path: Path) -> None:
    labels = np.load(tiny / "labels.npy")
    right = labels.copy()
    right[2] = 2
    put(tiny, "true_labels", right)
    put(tiny, "noisy", right != labels)
    with open_run(import_arrays(tiny, tmp_path / "run")) as run:
        assert run.samples.noisy is not None
        assert np.flatnonzero(run.samples.noisy).tolist() == [2]
    put(tiny, "noisy", np.ones(8, bool))
    with pytest.raises(BadInput, match="noisy disagrees with labels and true_labels at 7 samples"):
        import_arrays(tiny, tmp_path / "other")


def test_images_and_losses_are_kept(tiny: Path, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (8, 4, 5, 4), np.uint8)
    put(tiny, "images", images)
    put(tiny, "losses", np.arange(48).reshape(6, 8).astype(np.float32))
    with open_run(import_arrays(tiny, tmp_path / "run")) as run:
        pictures = run.images([6])
        assert pictures is not None
        np.testing.assert_array_equal(pictures[0], images[6, ..., :3])  # transparency is dropped
        np.testing.assert_array_equal(run.predictions(5).loss, np.arange(40, 48))


def test_progress_is_reported(tiny: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    import_arrays(tiny, tmp_path / "run", report=lambda *what: seen.append(what))
    assert seen == [("import", done, 6) for done in range(1, 7)]


WRONG: list[tuple[str, Callable[[Path], object], str]] = [
    (
        "no run.json",
        lambda f: (f / "run.json").unlink(),
        "has no run.json; expected one with name, classes and epochs",
    ),
    ("no json", lambda f: (f / "run.json").write_text("{"), "run.json is no JSON"),
    ("a list", lambda f: (f / "run.json").write_text("[1]"), "run.json holds no table"),
    ("no name", lambda f: about(f, name=None), "run.json: name is missing; expected text"),
    ("classes", lambda f: about(f, classes=[1]), r"run.json: classes is \[1\]; expected a list of names"),
    ("same class", lambda f: about(f, classes=["a", "a", "b"]), "classes holds 'a' twice"),
    ("text epoch", lambda f: about(f, epochs=["1"]), "epochs is .*; expected a list of whole numbers"),
    ("epochs", lambda f: about(f, epochs=[1, 2]), "run.json lists 2 epochs, representations.npy .* has 6"),
    ("epoch twice", lambda f: about(f, epochs=[0, 1, 2, 3, 3, 4]), "run.json lists epoch 3 twice"),
    (
        "no array",
        lambda f: (f / "representations.npy").unlink(),
        "no representations.npy or representations.npz",
    ),
    (
        "rank",
        lambda f: put(f, "representations", np.zeros((6, 8))),
        r"representations.npy has shape \(6, 8\); expected \(any",
    ),
    (
        "integers",
        lambda f: put(f, "representations", np.zeros((6, 8, 2), int)),
        "holds int64; expected floating-point",
    ),
    ("empty", lambda f: put(f, "representations", np.zeros((6, 0, 2))), "is empty; expected at least one"),
    ("samples", lambda f: put(f, "labels", np.zeros(7, int)), r"labels.npy has shape \(7,\); expected \(8\)"),
    ("label", lambda f: put(f, "labels", np.full(8, 3)), "labels holds 3 at sample 0"),
    ("float labels", lambda f: put(f, "labels", np.zeros(8)), "labels.npy holds float64; expected integers"),
    (
        "logits",
        lambda f: put(f, "logits", np.zeros((6, 8, 4), np.float32)),
        r"logits.npy has shape \(6, 8, 4\); expected \(6, 8, 3\)",
    ),
    ("half a head", lambda f: put(f, "head_bias", np.zeros((6, 3))), "has head_bias and no head_weight"),
    ("head", lambda f: put(f, "head_weight", np.zeros((6, 3, 2))), r"expected \(6, 3, 3\)"),
    ("split", lambda f: put(f, "split", np.full(8, 7)), "split.npy holds 7; expected one of"),
    (
        "images",
        lambda f: put(f, "images", np.zeros((8, 4, 4))),
        r"images.npy .* of float64; expected \(8, height, width\)",
    ),
    (
        "objects",
        lambda f: np.save(f / "labels.npy", np.array([{}] * 8, object), allow_pickle=True),
        "holds object; expected plain numbers",
    ),
    ("no array file", lambda f: (f / "labels.npy").write_bytes(b"hello"), "labels.npy is no numpy array"),
    ("zip", lambda f: (f / "representations.npy").rename(f / "representations.npz"), "is no whole .npz file"),
    (
        "other name",
        lambda f: ((f / "labels.npy").unlink(), np.savez(f / "labels.npz", x=np.zeros(8))),
        "holds x.npy; expected the array under its own name",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_wrong_input_is_named_and_leaves_nothing(
    spoil: Callable[[Path], object], message: str, tiny: Path, tmp_path: Path
) -> None:
    spoil(tiny)
    with pytest.raises(BadInput, match=message):
        import_arrays(tiny, tmp_path / "runs" / "run")
    assert not list(tmp_path.glob("runs/*"))


def test_a_file_that_was_cut_short_is_refused_before_it_is_loaded(tiny: Path, tmp_path: Path) -> None:
    path = tiny / "logits.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-8])
    with pytest.raises(BadInput, match=r"logits.npy has \d+ bytes; expected \d+ for shape \(6, 8, 3\)"):
        import_arrays(tiny, tmp_path / "run")
    huge = whole.replace(b"(6, 8, 3), }" + b" " * 14, b"(6, 8, 300000000000000), }")
    assert len(huge) == len(whole)
    path.write_bytes(huge)
    with pytest.raises(BadInput, match=r"logits.npy has"):
        import_arrays(tiny, tmp_path / "run")
    path.unlink()
    packed = tiny / "logits.npz"
    np.savez_compressed(packed, logits=tiny_logits())
    content = bytearray(packed.read_bytes())
    content[200] ^= 0xFF
    packed.write_bytes(content)
    with pytest.raises(BadInput, match=r"logits.npz"):
        import_arrays(tiny, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_existing_run_is_not_touched(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    import_arrays(tiny, tmp_path / "empty")
    with pytest.raises(BadInput, match="exists already; expected a new path"):
        import_arrays(tiny, tmp_path / "empty")
    with pytest.raises(BadInput, match="is no folder"):
        import_arrays(tmp_path / "nowhere", tmp_path / "run")


@pytest.mark.parametrize("name", ["fmnist_cnn", "cifar10_cnn"])
def test_recorded_runs_import_as_their_notes_say(name: str, shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "recorded" / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing")
    notes = json.loads((folder / "run.json").read_text())
    with open_run(import_arrays(folder, tmp_path / "run")) as run:
        assert run.epochs == notes["epochs"]
        assert list(run.classes) == notes["classes"]
        assert len(run.samples) == notes["shape"]["samples"]
        assert run.description.model == notes["architecture"]
        train = run.samples.split == "train"
        for at, epoch in enumerate(run.epochs):
            said = run.predictions(epoch)
            # Noted before rounding to half precision, which changes the class of a sample or two.
            assert said.correct[train].mean() == pytest.approx(notes["train_accuracy"][at], abs=6e-4)
            assert said.correct[~train].mean() == pytest.approx(notes["test_accuracy"][at], abs=1.1e-3)
            assert run.record(epoch).metrics["test_accuracy"] == notes["test_accuracy"][at]
        with np.load(folder / "representations.npz") as packed:
            np.testing.assert_array_equal(run.representations(run.epochs[-1]), packed["representations"][-1])
        pictures = run.images(run.samples.ids[:1])
        assert pictures is not None
        with np.load(folder / "images.npz") as packed:
            np.testing.assert_array_equal(pictures[0], packed["images"][0])
    shutil.rmtree(tmp_path / "run")
