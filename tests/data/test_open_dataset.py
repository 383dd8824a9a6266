"""Data sets by name, from folders in the layouts that people have."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import MNIST, FashionMNIST

from timetravel.sampledata import digits, open_dataset
from timetravel.sampledata.make_digits import idx_bytes

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def write_idx(folder: Path, *, packed: bool) -> None:
    """Four small files with 3 training and 2 test images."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 3), ("t10k", 2)):
        images = np.arange(count * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(count, 28, 28)
        for kind, array in (("images-idx3", images), ("labels-idx1", np.arange(count, dtype=np.uint8))):
            name = f"{part}-{kind}-ubyte"
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
            else:
                (folder / name).write_bytes(idx_bytes(array))


@pytest.mark.parametrize("inside", [".", "FashionMNIST/raw", "raw"])
@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_are_found_packed_or_plain_in_the_usual_places(
    tmp_path: Path, inside: str, packed: bool
) -> None:
    write_idx(tmp_path / "root" / inside, packed=packed)
    before = sorted((tmp_path / "root").rglob("*"))
    train = open_dataset("fashion-mnist", tmp_path / "root", cache=tmp_path / "cache")
    test = open_dataset("FashionMNIST", tmp_path / "root", train=False, cache=tmp_path / "cache")
    assert isinstance(train, FashionMNIST)
    assert (len(train), len(test)) == (3, 2)
    assert train[2][1] == 2
    assert sorted((tmp_path / "root").rglob("*")) == before  # the given folder may be read-only


def test_files_in_torchvision_s_layout_are_read_where_they_are(tmp_path: Path) -> None:
    write_idx(tmp_path / "MNIST" / "raw", packed=False)
    assert isinstance(open_dataset("mnist", tmp_path, cache=tmp_path / "cache"), MNIST)
    assert not (tmp_path / "cache").exists()


def test_the_cache_folder_is_named_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx(tmp_path / "root", packed=True)
    monkeypatch.setenv("TIMETRAVEL_CACHE", str(tmp_path / "elsewhere"))
    open_dataset("mnist", tmp_path / "root")
    assert len(list((tmp_path / "elsewhere").rglob("*-ubyte"))) == 4


def test_a_missing_file_is_named_with_what_was_expected(tmp_path: Path) -> None:
    write_idx(tmp_path, packed=True)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks t10k-labels-idx1-ubyte; expected the four IDX files"):
        open_dataset("mnist", tmp_path)


def test_a_file_that_claims_too_much_is_refused_before_unpacking(tmp_path: Path) -> None:
    write_idx(tmp_path, packed=True)
    bomb = struct.pack(">BBBB3I", 0, 0, 8, 3, 60000, 60000, 60000) + bytes(100)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bomb))
    with pytest.raises(ValueError, match="expected at most"):
        open_dataset("mnist", tmp_path, cache=tmp_path / "cache")


def test_a_truncated_file_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    write_idx(tmp_path, packed=False)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match="fewer bytes than its header says"):
        open_dataset("mnist", tmp_path, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("train-images*"))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    write_idx(tmp_path, packed=False)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match="is no IDX file"):
        open_dataset("mnist", tmp_path, cache=tmp_path / "cache")


def test_digits_need_no_root_and_others_say_that_they_do() -> None:
    assert len(open_dataset("digits")) == len(digits())
    with pytest.raises(FileNotFoundError, match="--root DIR"):
        open_dataset("cifar10")


def test_an_unknown_name_or_folder_is_an_error_that_says_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected one of digits, mnist, fashion-mnist, cifar10"):
        open_dataset("imagenet", tmp_path)
    with pytest.raises(FileNotFoundError, match="is no folder"):
        open_dataset("mnist", tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="cifar-10-batches-py"):
        open_dataset("cifar10", tmp_path)


def test_an_archive_without_the_right_arrays_is_refused(tmp_path: Path) -> None:
    for part in ("train", "test"):
        np.savez(tmp_path / f"{part}.npz", jpeg=np.zeros(3, np.uint8))
    with pytest.raises(ValueError, match="lacks labels, offsets"):
        open_dataset("cifar10", tmp_path)


def test_the_jpeg_subset_of_cifar10_opens_as_a_data_set(shared: Path) -> None:
    part = open_dataset("cifar10", shared / "data" / "cifar10", train=False)
    assert len(part) == 2000
    image, label = part[0]
    assert image.size == (32, 32)
    assert part.classes[label] in {
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    }
    assert np.bincount(part.targets).tolist() == [200] * 10
    # Images of one class lie closer to their class mean in colour than shuffled ones: labels fit the images.
    means = np.stack([part.data[np.array(part.targets) == c].mean((0, 1, 2)) for c in range(10)])
    assert means[0, 2] > means[6, 2]  # sky behind airplanes is bluer than the ground under frogs


@pytest.mark.parametrize(("name", "side"), [("mnist", 28), ("fashion-mnist", 28)])
def test_real_packed_sets_open_through_torchvision(
    shared: Path, tmp_path: Path, name: str, side: int
) -> None:
    part = open_dataset(name, shared / "data" / "torchvision", train=False, cache=tmp_path)
    assert len(part) == 10_000
    assert part[0][0].size == (side, side)
    assert part[0][1] == {"mnist": 7, "fashion-mnist": 9}[name]
