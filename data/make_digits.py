"""Make the shipped digits from scikit-learn's copy: ``python data/make_digits.py [FOLDER]``.

Writes the four IDX files of torchvision's MNIST layout below FOLDER/MNIST/raw (default: digits/ beside
this file). The same bytes every time.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TEST_EVERY = 5
UNSIGNED_BYTE = 0x08  # type code of the IDX format


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    """An array of bytes as an IDX file: two zeros, type, rank, then each length as a big-endian int32."""
    header = struct.pack(f">BBBB{array.ndim}i", 0, 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + np.ascontiguousarray(array, np.uint8).tobytes()


def files() -> dict[str, bytes]:
    """File name to contents; grey levels 0..16 spread evenly over 0..255, every fifth image in the test part."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    labels = bunch.target.astype(np.uint8)
    test = np.arange(len(images)) % TEST_EVERY == TEST_EVERY - 1
    return {
        f"{part}-{kind}-ubyte": idx_bytes(array[rows])
        for part, rows in (("train", ~test), ("t10k", test))
        for kind, array in (("images-idx3", images), ("labels-idx1", labels))
    }


def main(folder: Path) -> None:
    """Write the files below ``folder``."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, contents in files().items():
        (raw / name).write_bytes(contents)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "digits")
