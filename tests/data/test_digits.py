"""The digits that ship: real, small, split for good, and made again by their script."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from timetravel import sampledata
from timetravel.sampledata import make_digits

FOLDER = Path(sampledata.__file__).parent / "digits"


def test_the_digits_are_a_torchvision_data_set_of_pil_images() -> None:
    train, test = sampledata.digits(), sampledata.digits(train=False)
    assert isinstance(train, MNIST)
    assert (len(train), len(test)) == (1438, 359)
    image, label = train[0]
    assert isinstance(image, Image.Image)
    assert image.size == (8, 8)
    assert isinstance(label, int)
    assert train.classes == [str(digit) for digit in range(10)]
    assert sorted(set(train.targets.tolist())) == list(range(10))


def test_transforms_apply_as_in_any_torchvision_data_set() -> None:
    image, label = sampledata.digits(transform=ToTensor(), target_transform=lambda target: -target)[5]
    assert isinstance(image, torch.Tensor)
    assert image.shape == (1, 8, 8)
    assert image.min() >= 0
    assert image.max() <= 1
    assert label <= 0


def test_torchvision_s_own_class_reads_the_same_files() -> None:
    plain = MNIST(FOLDER, train=False)
    assert torch.equal(plain.data, sampledata.digits(train=False).data)


def test_sample_ids_of_the_two_parts_never_meet_and_cover_all_images() -> None:
    train, test = sampledata.digits().sample_ids, sampledata.digits(train=False).sample_ids
    assert train.dtype == np.int64
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(1797))
    assert test[:3].tolist() == [4, 9, 14]


def test_sample_ids_are_rows_of_scikit_learn_s_digits() -> None:
    bunch = pytest.importorskip("sklearn.datasets").load_digits()
    for part in (sampledata.digits(), sampledata.digits(train=False)):
        assert np.array_equal(bunch.target[part.sample_ids], part.targets.numpy())
        grey = np.rint(bunch.images[part.sample_ids] * 255 / 16)
        assert np.array_equal(grey, part.data.numpy())


def test_the_script_reproduces_the_shipped_bytes() -> None:
    pytest.importorskip("sklearn")
    for name, contents in make_digits.files().items():
        shipped = (FOLDER / "MNIST" / "raw" / name).read_bytes()
        assert hashlib.sha256(shipped).digest() == hashlib.sha256(contents).digest(), name


def test_the_digits_stay_under_150_kilobytes() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 150_000


def test_importing_the_sample_data_loads_neither_torch_nor_torchvision() -> None:
    code = "import timetravel.sampledata, sys; print({'torch', 'torchvision', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
