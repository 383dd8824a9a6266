"""Folders of DeepVisualInsight and TimeVis as runs::

    config.json                     {"<method>": {"CLASSES": [...], ...}}, optional
    index.json, old_labels.json     rows with a changed label and their right labels, optional
    Model/Epoch_<k>/                train_data.npy, test_data.npy (representations), subject_model.pth,
                                    index.json (rows of the labelled training samples)
    Training_data/, Testing_data/   training_dataset_data.pth, training_dataset_label.pth, ...

Weights are read with `torch.load(weights_only=True)` alone, and code in the folder is never run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.record.arrayfile import find_array
from timetravel.record.dvi_files import class_count, epoch_folders, flat_rows, read_rows
from timetravel.record.foreign import ForeignRun, agreeing_logits, read_json, rounds, unique_ids
from timetravel.record.samples import check_classes, check_labels, make_split
from timetravel.record.torch_files import linear_head, state_dict, tensor
from timetravel.store.facts import EpochFacts, EpochRecord, Inputs, Labelling, RunDescription, Samples

_INPUT_BYTES = 2 * 2**30
_REPRESENTATIONS = ("train_data", "train_data_representation"), ("test_data", "test_data_representation")


def is_published_layout(folder: Path) -> bool:
    """Whether the folder has the published layout."""
    return bool(epoch_folders(folder / "Model", "Epoch"))


class PublishedFolder:
    """`Model/Epoch_<k>` and `Training_data`, `Testing_data`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.epochs = epoch_folders(folder / "Model", "Epoch")
        self.train_labels = _labels(folder, "training")
        self.test_labels = _labels(folder, "testing")
        if self.train_labels is None:
            raise BadInput(
                f"{folder} has no Training_data/training_dataset_label.pth; expected the labels of the training samples"
            )
        self.test_count = 0 if self.test_labels is None else len(self.test_labels)
        settings = _first_settings(folder / "config.json")
        self.settings = settings
        self.labels = np.concatenate(
            [self.train_labels, *([] if self.test_labels is None else [self.test_labels])]
        )
        named = settings.get("CLASSES")
        self.classes = check_classes(
            named if isinstance(named, list) else None,
            len(named) if isinstance(named, list) else class_count(self.labels),
        )
        check_labels(self.labels, len(self.classes))

    def run(self) -> ForeignRun:
        """The run that the folder holds."""
        train, test = len(self.labels) - self.test_count, self.test_count
        split = make_split(["train"] * train + ["test"] * test, train + test)
        rows = np.concatenate([np.arange(train), np.arange(test)])
        ids = unique_ids(rows, split)
        attributes = {} if np.array_equal(ids, rows) else {"sample_index": rows.astype(np.float64)}
        samples = Samples(
            ids=ids,
            labels=self.labels.astype(np.int32),
            split=split,
            true_labels=self._true_labels(),
            attributes=attributes,
        )
        training = self.settings.get("TRAINING")
        hyperparameters = _flat(training) if isinstance(training, dict) else {}
        return ForeignRun(
            description=RunDescription(
                name=self.folder.resolve().name,
                classes=self.classes,
                model=str(hyperparameters.get("NET", "")),
                hyperparameters=hyperparameters,
                data_set=str(self.settings["DATASET"]) if "DATASET" in self.settings else None,
                environment={"imported": "DeepVisualInsight / TimeVis folder"},
            ),
            samples=samples,
            inputs=self._inputs(ids),
            epoch_count=len(self.epochs),
            epochs=lambda: self._facts(ids),
        )

    def _true_labels(self) -> NDArray[np.int32] | None:
        changed, right = self.folder / "index.json", self.folder / "old_labels.json"
        if not (changed.is_file() and right.is_file()):
            return None
        at, old = read_rows(changed, len(self.labels) - self.test_count), np.asarray(read_json(right))
        if old.shape != at.shape or old.dtype.kind not in "iu":
            raise BadInput(
                f"old_labels.json holds {old.dtype} of shape {old.shape}; expected {len(at)} integers, one for each "
                "row in index.json"
            )
        true_labels = self.labels.astype(np.int32)
        true_labels[at] = old
        check_labels(true_labels, len(self.classes), name="old_labels.json")
        return true_labels

    def _inputs(self, ids: NDArray[np.int64]) -> Inputs | None:
        parts: list[NDArray[Any]] = []
        for part, count in (("training", len(ids) - self.test_count), ("testing", self.test_count)):
            path = _pth(self.folder, part, "data") if count else None
            if count and (path is None or path.stat().st_size > _INPUT_BYTES):
                return None
            if path is not None:
                array = tensor(path)
                if array is None or len(array) != count or array.dtype.kind not in "fu":
                    return None
                parts.extend(array if array.dtype == np.uint8 else array.astype(np.float32))
        return Inputs(ids=ids, arrays=parts, layout="tensor")

    def _facts(self, ids: NDArray[np.int64]) -> Iterator[EpochFacts]:
        labelling = self._labelling()
        for at, (epoch, folder) in enumerate(self.epochs):
            state = state_dict(folder / "subject_model.pth")
            rows, representations = self._representations(folder)
            head = linear_head(state, representations.shape[1], len(self.classes))
            yield EpochFacts(
                record=EpochRecord(epoch=epoch),
                sample_ids=ids[rows],
                representations=representations,
                logits=agreeing_logits(None, head, representations, where=f"epoch {epoch}"),
                head=head,
                labelling=None if labelling is None else _only(labelling[at], rows),
                checkpoint=state or None,
            )

    def _representations(self, folder: Path) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Rows of the samples that are present, and their representations."""
        train = len(self.labels) - self.test_count
        found, rows = [], []
        for names, start, count in zip(_REPRESENTATIONS, (0, train), (train, self.test_count), strict=True):
            file = next((array for name in names if (array := find_array(folder, name)) is not None), None)
            if file is None and start and not count:
                continue
            if file is None:
                raise BadInput(
                    f"{folder.name} has no {names[0]}.npy; expected the representations of its {count} samples: let "
                    "the tool that made the folder compute them, or import with timetravel.Recorder"
                )
            values = flat_rows(file)
            present = np.arange(count)
            if len(values) != count:
                index = folder / ("test_index.json" if start else "index.json")
                present = read_rows(index, count) if index.is_file() else present[:0]
                if len(values) != len(present):
                    raise BadInput(
                        f"{folder.name}/{file} has {len(values)} rows; expected {count}, one for each label, "
                        "or as many as index.json lists"
                    )
            found.append(values)
            rows.append(present + start)
        if len({values.shape[1] for values in found}) > 1:
            raise BadInput(f"{folder.name}: train_data and test_data differ in width; expected one width")
        return np.concatenate(rows), np.concatenate(found)

    def _labelling(self) -> list[Labelling] | None:
        """Labelled training samples of each epoch; None when all of them are labelled at all epochs."""
        train = len(self.labels) - self.test_count
        masks = []
        for _, folder in self.epochs:
            path = next(
                (p for p in (folder / "index.json", folder.parent / "index.json") if p.is_file()), None
            )
            mask = np.zeros(len(self.labels), np.bool_)
            mask[np.arange(train) if path is None else read_rows(path, train)] = True
            masks.append(mask)
        return None if all(mask[:train].all() for mask in masks) else rounds(masks)


def _first_settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    found = read_json(path)
    methods = (
        [value for value in found.values() if isinstance(value, dict)] if isinstance(found, dict) else []
    )
    return next((value for value in methods if "CLASSES" in value), found if "CLASSES" in found else {})


def _flat(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{name}.")
        elif isinstance(value, str | int | float | bool):
            flat[f"{before}{name}"] = value
    return flat


def _pth(folder: Path, part: str, what: str) -> Path | None:
    name = f"{part}_dataset_{what}.pth"
    places = (folder / f"{part.capitalize()}_data" / name, folder / "Dataset" / name)
    return next((path for path in places if path.is_file()), None)


def _labels(folder: Path, part: str) -> NDArray[np.int64] | None:
    path = _pth(folder, part, "label")
    if path is None:
        return None
    labels = tensor(path)
    if labels is None or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise BadInput(f"{path.name} holds no list of integer labels; expected one class a sample")
    return labels.astype(np.int64)


def _only(labelling: Labelling, rows: NDArray[np.int64]) -> Labelling:
    return Labelling(
        round=labelling.round,
        labelled=labelling.labelled[rows],
        picked=labelling.picked[rows],
        rank=labelling.rank[rows],
    )
