"""CIFAR-10 from torchvision's own folder, or from a subset kept as JPEG files in two .npz archives."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image
from torchvision.datasets import CIFAR10, VisionDataset

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = 32
BATCHES = "cifar-10-batches-py"


def open_cifar10(
    root: Path,
    train: bool,
    transform: Callable[[Any], Any] | None,
    target_transform: Callable[[Any], Any] | None,
) -> VisionDataset:
    """torchvision's CIFAR10 where its folder is found, else the JPEG subset; else FileNotFoundError."""
    for home in (root, root.parent if root.name == BATCHES else root):
        if (home / BATCHES).is_dir():
            # torchvision checks MD5 sums, then reads with pickle: that is the user's own copy.
            return CIFAR10(home, train, transform, target_transform, download=False)
    for home in (root, root / "cifar10"):
        if (home / "train.npz").is_file() and (home / "test.npz").is_file():
            return CifarJpeg(home, train, transform, target_transform)
    raise FileNotFoundError(
        f"{root} holds neither {BATCHES}/ nor train.npz and test.npz; expected one of them; "
        "pass the folder that torchvision's CIFAR10 was downloaded to"
    )


class CifarJpeg(VisionDataset):  # type: ignore[misc]
    """CIFAR-10 images kept as JPEG: ``jpeg`` (bytes end to end), ``offsets`` (n + 1) and ``labels`` (n).

    Attributes as in torchvision's CIFAR10: ``data`` (n, 32, 32, 3) uint8, ``targets`` list of int.
    """

    classes: ClassVar[list[str]] = list(NAMES)

    def __init__(
        self,
        root: Path,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        path = Path(root) / ("train.npz" if train else "test.npz")
        with np.load(path, allow_pickle=False) as archive:
            lacking = {"jpeg", "offsets", "labels"} - set(archive.files)
            if lacking:
                raise ValueError(
                    f"{path} lacks {', '.join(sorted(lacking))}; expected jpeg, offsets and labels; "
                    "pass a folder with the JPEG subset of CIFAR-10"
                )
            blob, offsets = archive["jpeg"].tobytes(), archive["offsets"].tolist()
            self.targets = archive["labels"].astype(int).tolist()
        self.data = np.empty((len(self.targets), SIDE, SIDE, 3), np.uint8)
        for row, (start, stop) in enumerate(pairwise(offsets)):
            self.data[row] = _decoded(blob[start:stop], path, row)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image: Any = Image.fromarray(self.data[index])
        target: Any = self.targets[index]
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __len__(self) -> int:
        return len(self.data)


def _decoded(jpeg: bytes, path: Path, row: int) -> Any:
    image = Image.open(io.BytesIO(jpeg))
    if image.size != (SIDE, SIDE):  # known from the header, before any pixel is unpacked
        raise ValueError(
            f"{path}: image {row} is {image.size[0]}x{image.size[1]}; expected {SIDE}x{SIDE}; copy it again"
        )
    return np.asarray(image.convert("RGB"))
