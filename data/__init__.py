"""Real images to try everything with, as torchvision data sets.

``digits()`` ships with the package and needs nothing else; ``open_dataset()`` opens larger sets from a
folder that the caller has. torchvision is loaded when one of them is called, not on import.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchvision.datasets import VisionDataset

    from timetravel.sampledata.handwritten import Digits

DATASETS = ("digits", "mnist", "fashion-mnist", "cifar10")
"""Names that ``open_dataset`` knows."""

__all__ = ["DATASETS", "digits", "open_dataset"]


def digits(
    train: bool = True,
    transform: Callable[[Any], Any] | None = None,
    target_transform: Callable[[Any], Any] | None = None,
) -> Digits:
    """The UCI handwritten digits: 1,438 training or 359 test images of 8x8 grey values, as PIL images.

    A ``torchvision.datasets.MNIST`` that reads the files shipped with the package; ``sample_ids`` tells
    each image's row in scikit-learn's ``load_digits()``, so ids of the two parts never meet.
    """
    from timetravel.sampledata.handwritten import Digits

    return Digits(train=train, transform=transform, target_transform=target_transform)


def open_dataset(
    name: str,
    root: str | Path | None = None,
    train: bool = True,
    *,
    transform: Callable[[Any], Any] | None = None,
    target_transform: Callable[[Any], Any] | None = None,
    cache: str | Path | None = None,
) -> VisionDataset:
    """The training or test part of a data set by name, read from ``root`` without any download.

    name: one of ``DATASETS``. root: the folder that torchvision would be given; for MNIST and
    Fashion-MNIST also a folder of IDX files, packed (.gz) or not, such as Debian's
    /usr/share/datasets/fashion-mnist; for CIFAR-10 also a folder with train.npz and test.npz (JPEG
    subset). Digits need no root. cache: where packed files are unpacked to; default is
    TIMETRAVEL_CACHE or the user's cache folder.

    Raises ValueError for an unknown name, FileNotFoundError where the files are not under ``root``
    (it says what was looked for), ValueError for a damaged file.
    torchvision reads CIFAR-10's original files with pickle: open only copies that you trust.
    """
    given = name.lower().replace("_", "-")
    wanted = {"fashionmnist": "fashion-mnist", "cifar-10": "cifar10"}.get(given, given)
    if wanted not in DATASETS:
        raise ValueError(f"unknown data set {name!r}; expected one of {', '.join(DATASETS)}")
    if wanted == "digits":
        return digits(train, transform, target_transform)
    if root is None:
        raise FileNotFoundError(
            f"{wanted} does not ship with the package and no folder was given; "
            "pass the folder that holds it as root (--root DIR on the command line)"
        )
    if not Path(root).is_dir():
        raise FileNotFoundError(
            f"{root} is no folder; expected the folder that holds {wanted}; check the path"
        )
    from timetravel.sampledata import cifar, idx_folder

    if wanted == "cifar10":
        return cifar.open_cifar10(Path(root), train, transform, target_transform)
    return idx_folder.open_idx(
        wanted, Path(root), train, transform, target_transform, Path(cache) if cache is not None else None
    )
