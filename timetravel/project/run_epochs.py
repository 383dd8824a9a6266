"""The epochs of a stored run as the projection reads them."""

from __future__ import annotations

from collections.abc import Sequence

from timetravel.project.contracts import EpochData, usable
from timetravel.store.run import StoredRun


class RunEpochs:
    """`Epochs` over a run on disk: one epoch is read when it is asked for, and the last one is kept.

    Raises BadInput for NaN or infinity in representations, naming epoch and samples; with `skip_bad` those
    samples are absent from that epoch.
    """

    def __init__(self, run: StoredRun, *, skip_bad: bool = False) -> None:
        self._run, self._skip_bad = run, skip_bad
        self._labels = list(run.epochs)
        self._last: tuple[int, EpochData] | None = None

    @property
    def sample_count(self) -> int:
        return len(self._run.samples)

    @property
    def labels(self) -> Sequence[int]:
        return self._labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int, /) -> EpochData:
        index = range(len(self))[index]
        if self._last is None or self._last[0] != index:
            self._last = None  # before reading, so that two epochs are never in memory
            self._last = index, self._read(self._labels[index])
        return self._last[1]

    def _read(self, epoch: int) -> EpochData:
        head = self._run.head(epoch)
        return usable(
            epoch=epoch,
            representations=self._run.representations(epoch),
            sample_ids=self._run.samples.ids,
            head=head,
            logits=None if head is not None else self._run.logits(epoch),
            present=self._run.present(epoch),
            skip_bad=self._skip_bad,
        )
