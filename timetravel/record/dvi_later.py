"""Folders of the later time-travelling-visualizer as runs, training and test samples in one array::

    dataset/                labels.npy, index.json {"train": [...], "test": [...]}, info.json, image/<row>.png
    epochs/epoch_<k>/       embeddings.npy, predictions.npy (outputs of the network), model.pth

Weights are read with `torch.load(weights_only=True)` alone, and code in the folder is never run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.record.arrayfile import find_array, need_array
from timetravel.record.dvi_files import checked_rows, class_count, epoch_folders, flat_rows
from timetravel.record.foreign import ForeignRun, agreeing_logits, read_json
from timetravel.record.samples import check_classes, check_labels, make_split
from timetravel.record.torch_files import linear_head, state_dict
from timetravel.store.facts import UNLABELLED, EpochFacts, EpochRecord, Inputs, RunDescription, Samples

_THUMBNAIL_PIXELS = 4_000_000


def is_later_layout(folder: Path) -> bool:
    """Whether the folder has the later layout."""
    return bool(epoch_folders(folder / "epochs", "epoch"))


class LaterFolder:
    """`dataset` and `epochs/epoch_<k>`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.epochs = epoch_folders(folder / "epochs", "epoch")
        first = need_array(self.epochs[0][1], "embeddings", "(samples, width) representations")
        self.count = int(first.shape[0]) if first.shape else 0
        labels = find_array(folder / "dataset", "labels")
        self.labels = np.full(self.count, UNLABELLED)
        if labels is not None:
            labels.expect((self.count,), f"(samples,), as {self.epochs[0][1].name}/embeddings.npy says", "iu")
            self.labels = labels.read().astype(np.int64)
        info_path = folder / "dataset" / "info.json"
        info = read_json(info_path) if info_path.is_file() else {}
        self.info: dict[str, Any] = info if isinstance(info, dict) else {}
        named = self.info.get("classes")
        outputs = find_array(self.epochs[0][1], "predictions")
        width = (
            outputs.shape[1] if outputs is not None and len(outputs.shape) == 2 else class_count(self.labels)
        )
        self.classes = check_classes(
            named if isinstance(named, list) and named else None,
            len(named) if isinstance(named, list) and named else width,
        )
        check_labels(self.labels, len(self.classes))

    def run(self) -> ForeignRun:
        """The run that the folder holds."""
        ids = np.arange(self.count, dtype=np.int64)
        return ForeignRun(
            description=RunDescription(
                name=self.folder.resolve().name,
                classes=self.classes,
                model=str(self.info.get("model", "")),
                environment={"imported": "time-travelling-visualizer folder"},
            ),
            samples=Samples(ids=ids, labels=self.labels.astype(np.int32), split=self._split()),
            inputs=self._images(ids),
            epoch_count=len(self.epochs),
            epochs=lambda: self._facts(ids),
        )

    def _split(self) -> NDArray[Any]:
        path = self.folder / "dataset" / "index.json"
        if not path.is_file():
            return make_split("train", self.count)
        index = read_json(path)
        if not isinstance(index, dict):
            raise BadInput('dataset/index.json is no table; expected {"train": [rows], "test": [rows]}')
        split = make_split("other", self.count)
        for name, rows in index.items():
            split[checked_rows(rows, self.count, path)] = make_split(name, 1)[0]
        return split

    def _images(self, ids: NDArray[np.int64]) -> Inputs | None:
        paths = [self.folder / "dataset" / "image" / f"{row}.png" for row in range(self.count)]
        if not all(path.is_file() for path in paths):
            return None
        return Inputs(ids=ids, arrays=[_picture(path) for path in paths], layout="image")

    def _facts(self, ids: NDArray[np.int64]) -> Iterator[EpochFacts]:
        for epoch, folder in self.epochs:
            file = need_array(folder, "embeddings", f"({self.count}, width) representations")
            representations = flat_rows(file)
            if len(representations) != self.count:
                raise BadInput(
                    f"{folder.name}/{file} has {len(representations)} rows; expected {self.count}, as the first epoch"
                )
            state = state_dict(folder / "model.pth")
            head = linear_head(state, representations.shape[1], len(self.classes))
            outputs = find_array(folder, "predictions")
            logits = None
            if outputs is not None and len(outputs.shape) == 2:
                outputs.expect((self.count, len(self.classes)), "(samples, classes)", "f")
                logits = _as_logits(outputs.read(), known_head=head is not None)
            yield EpochFacts(
                record=EpochRecord(epoch=epoch),
                sample_ids=ids,
                representations=representations,
                logits=agreeing_logits(logits, head, representations, where=f"epoch {epoch}"),
                head=head,
                checkpoint=state or None,
            )


def _as_logits(outputs: NDArray[Any], *, known_head: bool) -> NDArray[Any] | None:
    """The tool's outputs as logits; where they are probabilities their logarithms, or None beside a head."""
    sums = outputs.astype(np.float64).sum(1)
    if np.isfinite(outputs).all() and outputs.min() >= 0 and np.allclose(sums, 1, atol=1e-3):
        return (
            None if known_head else np.log(np.maximum(outputs, np.finfo(np.float32).tiny)).astype(np.float32)
        )
    return outputs


def _picture(path: Path) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as picture:
            if picture.width * picture.height > _THUMBNAIL_PIXELS:
                raise BadInput(
                    f"{path.name} has {picture.width} x {picture.height} pixels; expected a thumbnail"
                )
            return np.asarray(picture.convert("L" if picture.mode in ("1", "L", "I;16", "LA") else "RGB"))
    except OSError as error:
        raise BadInput(f"{path.name} is no PNG picture ({error}); write it again") from error
