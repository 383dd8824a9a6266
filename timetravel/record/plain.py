"""A folder of plain arrays as a run: `run.json` and one .npy or .npz for each array.

| array | shape | |
|---|---|---|
| `representations` | (E, N, D) | float16, float32 or float64; the only one that is needed |
| `logits` | (E, N, C) | outputs of the network |
| `head_weight`, `head_bias` | (E, C, D), (E, C) | the last linear layer |
| `losses` | (E, N) | loss of every sample |
| `labels` | (N,) | class of each sample, -1 unlabelled; left out: no labels |
| `images` | (N, H, W) or (N, H, W, 3) | uint8 |
| `split` | (N,) | numbers named by `split_codes` in run.json, or names |
| `sample_index` | (N,) | row in the data set's part; unique together with `split` |
| `sample_ids` | (N,) | ids, used as they are |
| `labelled` | (E, N) | booleans: labelled at that epoch |
| `noisy`, `true_labels` | (N,) | which labels were changed, and the right ones |

`run.json` needs `name`, `classes` and `epochs`. Lists of E numbers in it become metrics; single values
become hyperparameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.record.arrayfile import ArrayFile, find_array, need_array
from timetravel.record.foreign import ForeignRun, agreeing_logits, read_json, rounds, unique_ids
from timetravel.record.samples import check_classes, check_labels, make_ids, make_split
from timetravel.store.facts import (
    UNLABELLED,
    EpochFacts,
    EpochRecord,
    Head,
    Inputs,
    Labelling,
    RunDescription,
    Samples,
)

_NOT_SETTINGS = {"name", "data_set", "classes", "epochs", "architecture"}
_RENAMED = {"optimiser": "optimizer"}


class PlainFolder:
    """The arrays of one folder, their headers checked against each other before anything is loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.about = _about(folder)
        self.representations = need_array(folder, "representations", "(epochs, samples, width) numbers")
        self.representations.expect((None, None, None), "(epochs, samples, width)", "f")
        self.epochs, self.samples, self.width = self.representations.shape
        numbers = self.about["epochs"]
        if len(numbers) != self.epochs:
            raise BadInput(
                f"run.json lists {len(numbers)} epochs, {self.representations} has {self.epochs}; "
                "expected one number an epoch"
            )
        if not self.samples or not self.width or not self.epochs:
            raise BadInput(
                f"{self.representations} is empty; expected at least one epoch, sample and dimension"
            )
        e, n, d, c = self.epochs, self.samples, self.width, len(self.about["classes"])
        self.logits = self._array("logits", (e, n, c), "(epochs, samples, classes)", "f")
        self.weight = self._array("head_weight", (e, c, d), "(epochs, classes, width)", "f")
        self.bias = self._array("head_bias", (e, c), "(epochs, classes)", "f")
        if (self.weight is None) != (self.bias is None):
            there, missing = (
                ("head_weight", "head_bias") if self.bias is None else ("head_bias", "head_weight")
            )
            raise BadInput(
                f"{folder} has {there} and no {missing}; expected both (zeros for a head without bias)"
            )
        self.losses = self._array("losses", (e, n), "(epochs, samples)", "f")
        self.labelled = self._array("labelled", (e, n), "(epochs, samples)", "b")
        self.labels = self._array("labels", (n,), "(samples,)", "iu")
        self.split = self._array("split", (n,), "(samples,)", "iuU")
        self.index = self._array("sample_index", (n,), "(samples,)", "iu")
        self.ids = self._array("sample_ids", (n,), "(samples,)", "iu")
        self.true_labels = self._array("true_labels", (n,), "(samples,)", "iu")
        self.noisy = self._array("noisy", (n,), "(samples,)", "b")
        self.images = _images(folder, n)

    def _array(self, name: str, shape: tuple[int, ...], meaning: str, kinds: str) -> ArrayFile | None:
        found = find_array(self.folder, name)
        if found is not None:
            found.expect(shape, f"{meaning}, as representations and run.json say", kinds)
        return found

    def run(self) -> ForeignRun:
        """The run that the folder holds."""
        samples = self._samples()
        return ForeignRun(
            description=self._description(),
            samples=samples,
            inputs=None if self.images is None else _thumbnails(self.images, samples.ids),
            epoch_count=self.epochs,
            epochs=lambda: self._facts(samples.ids),
        )

    def _samples(self) -> Samples:
        split = self._splits()
        attributes: dict[str, NDArray[Any]] = {}
        given = None if self.index is None else self.index.read().astype(np.int64)
        if self.ids is not None:
            ids = make_ids(self.ids.read(), self.samples)
        elif given is not None and self.split is not None:
            ids = unique_ids(given, split)
        else:
            ids = make_ids(given, self.samples)
        if given is not None and not np.array_equal(given, ids):
            attributes["sample_index"] = given.astype(np.float64)
        classes = len(self.about["classes"])
        labels = np.full(self.samples, UNLABELLED) if self.labels is None else self.labels.read()
        check_labels(labels, classes, name="labels")
        true_labels = None if self.true_labels is None else self.true_labels.read()
        if true_labels is not None:
            check_labels(true_labels, classes, name="true_labels")
        if self.noisy is not None:
            noisy = self.noisy.read()
            if true_labels is None:
                attributes["noisy"] = noisy.astype(np.float64)
            elif not np.array_equal(noisy, true_labels != labels):
                wrong = int((noisy != (true_labels != labels)).sum())
                raise BadInput(
                    f"noisy disagrees with labels and true_labels at {wrong} samples; expected noisy where they differ"
                )
        return Samples(
            ids=ids,
            labels=labels.astype(np.int32),
            split=split,
            true_labels=None if true_labels is None else true_labels.astype(np.int32),
            attributes=attributes,
        )

    def _splits(self) -> NDArray[Any]:
        if self.split is None:
            return make_split("train", self.samples)
        values = self.split.read()
        if values.dtype.kind == "U":
            return make_split(values, self.samples)
        codes = self.about.get("split_codes", {"train": 0, "test": 1})
        if not isinstance(codes, dict) or not all(isinstance(code, int) for code in codes.values()):
            raise BadInput(
                "split_codes in run.json is no table of names and numbers; expected {'train': 0, 'test': 1}"
            )
        names = {code: name for name, code in codes.items()}
        unknown = sorted(set(values.tolist()) - names.keys())
        if unknown:
            raise BadInput(
                f"{self.split.path.name} holds {unknown[0]}; expected one of {sorted(names)}, as split_codes says"
            )
        return make_split([names[code] for code in values.tolist()], self.samples)

    def _description(self) -> RunDescription:
        about = self.about
        settings = {
            _RENAMED.get(name, name): value
            for name, value in about.items()
            if name not in _NOT_SETTINGS and isinstance(value, str | int | float | bool)
        }
        model = about.get("architecture", "")
        return RunDescription(
            name=about["name"],
            classes=check_classes(about["classes"], len(about["classes"])),
            model=model if isinstance(model, str) else "",
            hyperparameters=settings,
            data_set=about["data_set"] if isinstance(about.get("data_set"), str) else None,
            environment={"imported": "plain arrays"},
        )

    def _metrics(self) -> dict[str, list[float]]:
        return {
            name: values
            for name, values in self.about.items()
            if isinstance(values, list)
            and name != "epochs"
            and len(values) == self.epochs
            and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        }

    def _facts(self, ids: NDArray[np.int64]) -> Iterator[EpochFacts]:
        metrics = self._metrics()
        rates = metrics.pop("learning_rate", None)
        labelling: list[Labelling] | None = (
            None if self.labelled is None else rounds(list(self.labelled.read()))
        )
        weights = None if self.weight is None else self.weight.parts()
        biases = None if self.bias is None else self.bias.parts()
        logits = None if self.logits is None else self.logits.parts()
        losses = None if self.losses is None else self.losses.parts()
        for at, rows in enumerate(self.representations.parts()):
            head = None
            if weights is not None and biases is not None:
                head = Head(weight=next(weights).astype(np.float32), bias=next(biases).astype(np.float32))
            epoch = int(self.about["epochs"][at])
            given = None if logits is None else next(logits)
            yield EpochFacts(
                record=EpochRecord(
                    epoch=epoch,
                    metrics={name: float(values[at]) for name, values in metrics.items()},
                    learning_rates=() if rates is None else (float(rates[at]),),
                ),
                sample_ids=ids,
                representations=rows,
                logits=agreeing_logits(given, head, rows, where=f"epoch {epoch}"),
                losses=None if losses is None else next(losses).astype(np.float32),
                head=head,
                labelling=None if labelling is None else labelling[at],
            )


def _about(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    if not path.is_file():
        raise BadInput(
            f"{folder} has no run.json; expected one with name, classes and epochs: "
            '{"name": "mine", "classes": ["cat", "dog"], "epochs": [0, 1, 2]}'
        )
    about = read_json(path)
    if not isinstance(about, dict):
        raise BadInput("run.json holds no table; expected name, classes and epochs")
    expected = {"name": "text", "classes": "a list of names", "epochs": "a list of whole numbers"}
    for key, words in expected.items():
        value = about.get(key)
        fits = {
            "name": isinstance(value, str) and bool(value),
            "classes": isinstance(value, list)
            and bool(value)
            and all(isinstance(item, str) for item in value),
            "epochs": isinstance(value, list) and all(type(item) is int for item in value),
        }[key]
        if not fits:
            found = "is missing" if value is None else f"is {str(value)[:60]}"
            raise BadInput(f"run.json: {key} {found}; expected {words}")
    epochs = about["epochs"]
    if len(set(epochs)) < len(epochs):
        twice = next(epoch for epoch in epochs if epochs.count(epoch) > 1)
        raise BadInput(f"run.json lists epoch {twice} twice; expected different numbers")
    return about


def _images(folder: Path, count: int) -> ArrayFile | None:
    found = find_array(folder, "images")
    if found is None:
        return None
    shape = found.shape
    fits = len(shape) in (3, 4) and shape[0] == count and (len(shape) == 3 or shape[3] in (1, 3, 4))
    if not fits or found.dtype != np.uint8:
        raise BadInput(f"{found}; expected ({count}, height, width) or ({count}, height, width, 3) of uint8")
    return found


def _thumbnails(images: ArrayFile, ids: NDArray[np.int64]) -> Inputs:
    array = images.read()
    if array.ndim == 4:
        # One grey channel is a grey picture; a fourth channel is transparency, which is dropped.
        array = array[..., 0] if array.shape[3] == 1 else array[..., :3]
    return Inputs(ids=ids, arrays=list(array), layout="image")
