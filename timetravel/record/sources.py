"""The recorded samples, read the same way at every epoch: in order, without shuffling, batch by batch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
)

from timetravel.errors import BadInput
from timetravel.store.facts import UNLABELLED

KEPT_BYTES = 768 * 2**20
"""Inputs up to this size (all of CIFAR-10 as float32) stay in memory, so that an epoch costs a forward pass
and no image decoding, and are written into the run. Larger ones are read again at every epoch."""

FINGERPRINTS = 64
"""Samples whose inputs are read again and hashed at every epoch, to notice another order."""

_LABEL_KEYS = ("label", "labels", "target", "targets")


@dataclass(frozen=True, slots=True)
class Batch:
    """Some samples in order. `inputs` is what the model is called with; labels (n,) int64, -1 unlabelled."""

    inputs: Any
    labels: NDArray[np.int64]


class Source:
    """Samples as given by the caller: a data set, a DataLoader, or tensors (inputs, labels).

    A DataLoader lends its data set, `collate_fn` and nothing else: it is never iterated, so its workers,
    its iterator and its order stay the training's.
    """

    def __init__(self, samples: Any, *, batch_size: int = 256, num_workers: int = 0) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; pass at least 1")
        self.batch_size = batch_size
        self._workers = num_workers
        self.collate: Any = None
        self._tensors: tuple[torch.Tensor, torch.Tensor | None] | None = None
        self._kept: list[Batch] | None = None
        self._count: int | None = None
        self.data_set: Any = None
        if isinstance(samples, DataLoader):
            self.collate = samples.collate_fn
            self.data_set = _of_loader(samples)
        elif isinstance(samples, torch.Tensor | np.ndarray):
            self._tensors = (torch.as_tensor(samples), None)
        elif _is_pair(samples):
            self._tensors = _pair(samples[0], samples[1])
        elif isinstance(samples, TensorDataset) and len(samples.tensors) <= 2:
            self.data_set = samples
            self._tensors = (samples.tensors[0], samples.tensors[1] if len(samples.tensors) == 2 else None)
        elif isinstance(samples, Dataset) or (
            hasattr(samples, "__getitem__") and hasattr(samples, "__len__")
        ):
            self.data_set = samples
        else:
            raise BadInput(
                f"samples is a {type(samples).__name__}; pass a data set of (input, label), a DataLoader, "
                "or a pair of tensors (inputs, labels)"
            )

    @property
    def kind(self) -> str | None:
        """Type name of the data set below subsets and concatenations; None for tensors."""
        return None if self.data_set is None else type(_innermost(self.data_set)).__name__

    def read(self) -> NDArray[np.int64]:
        """(N,) labels of all samples. The one pass over everything; keeps the inputs that fit in memory."""
        labels: list[NDArray[np.int64]] = []
        kept: list[Batch] | None = []
        size = 0
        for batch in self.batches():
            labels.append(batch.labels)
            size += nbytes(batch.inputs)
            if kept is not None and size <= KEPT_BYTES:
                kept.append(batch)
            elif isinstance(self.data_set, IterableDataset):
                raise BadInput(
                    f"samples is an iterable data set of more than {KEPT_BYTES / 2**20:.0f} MiB; "
                    "pass a data set with an index, so that every epoch reads the same samples in the same order"
                )
            else:
                kept = None
        self._count = sum(map(len, labels))
        if not self._count:
            raise BadInput("samples is empty; expected at least one sample")
        self._kept = kept
        return np.concatenate(labels)

    def __len__(self) -> int:
        if self._tensors is not None:
            return len(self._tensors[0])
        if self._count is not None and isinstance(self.data_set, IterableDataset):
            return self._count
        return len(self.data_set)

    def batches(self) -> Iterator[Batch]:
        """All samples in order."""
        if self._kept is not None:
            yield from self._kept
        elif self._tensors is not None:
            inputs, labels = self._tensors
            for start in range(0, len(inputs), self.batch_size):
                rows = slice(start, start + self.batch_size)
                yield _batch(inputs[rows], None if labels is None else labels[rows])
        else:
            yield from self._load(self.data_set)

    def arrays(self) -> list[NDArray[Any]] | str:
        """N arrays, the exact inputs of the model (floats as float32); or why they cannot be had."""
        if self._kept is None:
            return f"the inputs take more than {KEPT_BYTES / 2**20:.0f} MiB"
        found: list[NDArray[Any]] = []
        for batch in self._kept:
            if not isinstance(batch.inputs, torch.Tensor):
                return "an input is more than one tensor"
            if batch.inputs.is_complex():
                return "the inputs are complex numbers"
            values = batch.inputs.detach().cpu()
            found.extend((values.float() if values.is_floating_point() else values).numpy())
        return found

    def fingerprint(self) -> list[bytes]:
        """Hashes of inputs spread over the whole set, read anew from what the caller gave."""
        if isinstance(self.data_set, IterableDataset):
            return []
        count = len(self)
        rows = np.unique(np.linspace(0, count - 1, min(FINGERPRINTS, count)).astype(int)).tolist()
        if self._tensors is not None:
            return [_hash(self._tensors[0][row]) for row in rows]
        chosen = self._load(Subset(self.data_set, rows), workers=0)
        return [_hash(_row(batch.inputs, row)) for batch in chosen for row in range(len(batch.labels))]

    def labels_now(self) -> NDArray[np.int64] | None:
        """(N,) labels as the caller's data hold them now, where they can be read without the inputs."""
        if self._tensors is not None:
            labels = self._tensors[1]
            return None if labels is None else _labels(labels, len(labels))
        if isinstance(self.data_set, IterableDataset):
            return None
        if self._kept is None:
            return None  # every pass reads them with the inputs
        return _per_sample(self.data_set, _targets)

    def _load(self, data_set: Any, *, workers: int | None = None) -> Iterator[Batch]:
        loader: DataLoader[Any] = DataLoader(
            data_set,
            batch_size=self.batch_size,
            collate_fn=self.collate,
            num_workers=self._workers if workers is None else workers,
        )
        try:
            for batch in loader:
                yield split_batch(batch)
        except (TypeError, RuntimeError) as error:
            first = None if isinstance(self.data_set, IterableDataset) else self.data_set[0]
            said = " ".join(str(error).split())
            if "PIL" in said or "default_collate" in said:
                raise BadInput(
                    f"samples[0] is {_describe(first)}; expected (tensor, label): give the data set a "
                    "transform such as torchvision.transforms.ToTensor(), or pass a DataLoader with a collate_fn"
                ) from error
            if "equal size" in said or "stack expects" in said:
                raise BadInput(
                    "the inputs differ in shape and cannot be stacked; pass batch_size=1, "
                    "or a DataLoader with a collate_fn"
                ) from error
            raise


def split_batch(batch: Any) -> Batch:
    """Inputs and labels of one collated batch: (inputs, labels, ...), {"label": ..., ...}, or inputs alone."""
    if isinstance(batch, Mapping):
        key = next((name for name in _LABEL_KEYS if name in batch), None)
        inputs = {name: value for name, value in batch.items() if name != key}
        return _batch(inputs, None if key is None else batch[key])
    if isinstance(batch, list | tuple):
        if len(batch) == 1:
            return _batch(batch[0], None)
        return _batch(batch[0], batch[1])
    return _batch(batch, None)


def count_of(inputs: Any) -> int:
    """Number of samples in collated inputs."""
    if isinstance(inputs, torch.Tensor):
        return len(inputs)
    if isinstance(inputs, Mapping):
        return count_of(next(iter(inputs.values())))
    if isinstance(inputs, list | tuple) and inputs:
        return count_of(inputs[0])
    raise BadInput(f"the inputs are {_describe(inputs)}; expected tensors with one row a sample")


def nbytes(inputs: Any) -> int:
    """Size of collated inputs in memory."""
    if isinstance(inputs, torch.Tensor):
        return inputs.numel() * inputs.element_size()
    if isinstance(inputs, Mapping):
        return sum(nbytes(value) for value in inputs.values())
    if isinstance(inputs, list | tuple):
        return sum(nbytes(value) for value in inputs)
    return 0


def first_rows(inputs: Any, count: int) -> Any:
    """The first samples of collated inputs."""
    if isinstance(inputs, Mapping):
        return {name: first_rows(value, count) for name, value in inputs.items()}
    if isinstance(inputs, list | tuple):
        return [first_rows(value, count) for value in inputs]
    return inputs[:count]


def class_names(source: Source) -> list[str] | None:
    """`classes` of the data set, looked up through subsets and concatenations; None when it has none."""
    data_set = _innermost(source.data_set)
    names = getattr(data_set, "classes", None)
    return (
        [str(name) for name in names] if isinstance(names, list | tuple | np.ndarray) and len(names) else None
    )


def known_ids(source: Source) -> NDArray[np.int64] | None:
    """(N,) the data set's own `sample_ids`, looked up through subsets and concatenations."""
    return _per_sample(source.data_set, lambda part: getattr(part, "sample_ids", None))


def known_split(source: Source) -> NDArray[Any] | None:
    """(N,) "train" or "test" by the `train` attribute of torchvision's data sets, None without it."""

    def read(part: Any) -> Any:
        train = getattr(part, "train", None)
        return ["train" if train else "test"] * len(part) if isinstance(train, bool) else None

    return _per_sample(source.data_set, read)


def _per_sample(data_set: Any, read: Callable[[Any], Any]) -> NDArray[Any] | None:
    if isinstance(data_set, Subset):
        inner = _per_sample(data_set.dataset, read)
        return None if inner is None else inner[np.asarray(data_set.indices, np.int64)]
    if isinstance(data_set, ConcatDataset):
        parts = [_per_sample(part, read) for part in data_set.datasets]
        known = [part for part in parts if part is not None]
        return np.concatenate(known) if len(known) == len(parts) else None
    values = None if data_set is None else read(data_set)
    found = None if values is None else np.asarray(values)
    return found if found is not None and found.shape == (len(data_set),) else None


def _innermost(data_set: Any) -> Any:
    while isinstance(data_set, Subset | ConcatDataset):
        data_set = data_set.dataset if isinstance(data_set, Subset) else data_set.datasets[0]
    return data_set


def _of_loader(loader: DataLoader[Any]) -> Any:
    if loader.batch_size is None and loader.batch_sampler is None:
        raise BadInput(
            "samples is a DataLoader with batch_size=None, whose data set makes its own batches; "
            "pass a data set of single samples"
        )
    if isinstance(loader.dataset, IterableDataset):
        return loader.dataset
    sampler = getattr(loader.batch_sampler, "sampler", loader.sampler)
    whole = isinstance(sampler, SequentialSampler) or (
        isinstance(sampler, RandomSampler)
        and not sampler.replacement
        and sampler.num_samples == len(loader.dataset)  # type: ignore[arg-type]
    )
    distributed = type(sampler).__name__ == "DistributedSampler"
    if not (whole or distributed):
        raise BadInput(
            f"samples is a DataLoader with a {type(sampler).__name__}, which picks samples anew at every epoch; "
            "pass the data set, or torch.utils.data.Subset of it, so that every epoch has the same samples"
        )
    return loader.dataset


def _is_pair(samples: Any) -> bool:
    """(inputs, labels) or [inputs, labels] of arrays, and no list of two samples."""
    array = torch.Tensor | np.ndarray
    if not (isinstance(samples, tuple | list) and len(samples) == 2 and isinstance(samples[0], array)):
        return False
    return isinstance(samples, tuple) or (isinstance(samples[1], array) and samples[1].ndim == 1)


def _pair(inputs: Any, labels: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    first = torch.as_tensor(inputs)
    if labels is None:
        return first, None
    second = torch.as_tensor(np.asarray(labels) if not isinstance(labels, torch.Tensor) else labels)
    if len(first) != len(second):
        raise BadInput(
            f"samples has {len(first)} inputs and {len(second)} labels; expected one label an input"
        )
    return first, second


def _batch(inputs: Any, labels: Any) -> Batch:
    return Batch(inputs, _labels(labels, count_of(inputs)))


def _labels(labels: Any, count: int) -> NDArray[np.int64]:
    if labels is None:
        return np.full(count, UNLABELLED, np.int64)
    found = labels.detach().cpu().numpy() if isinstance(labels, torch.Tensor) else np.asarray(labels)
    if found.shape == (count, 1):
        found = found[:, 0]
    if found.shape != (count,) or found.dtype.kind not in "iub":
        raise BadInput(
            f"the labels of a batch of {count} are {found.dtype} of shape {found.shape}; expected one integer "
            "class a sample: this tool is for single-label classification (labels=None records without labels)"
        )
    return found.astype(np.int64)


def _targets(part: Any) -> Any:
    plain = getattr(part, "target_transform", None) is None
    targets = getattr(part, "targets", None) if plain else None
    return targets if targets is not None and np.asarray(targets).dtype.kind in "iu" else None


def _row(inputs: Any, row: int) -> Any:
    if isinstance(inputs, Mapping):
        return [_row(value, row) for _, value in sorted(inputs.items())]
    if isinstance(inputs, list | tuple):
        return [_row(value, row) for value in inputs]
    return inputs[row]


def _hash(value: Any) -> bytes:
    digest = hashlib.blake2b(digest_size=8)
    for tensor in value if isinstance(value, list) else [value]:
        array = torch.as_tensor(tensor).detach().cpu().contiguous()
        digest.update(array.reshape(-1).view(torch.uint8).numpy().tobytes() if array.numel() else b"")
    return digest.digest()


def _describe(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return f"({', '.join(type(item).__name__ for item in value)})"
    return f"a {type(value).__name__}"
