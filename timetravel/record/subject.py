"""The network under study and the samples it is asked about, read without leaving a trace in either."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from timetravel.errors import BadInput
from timetravel.record.capture import Captured, capture
from timetravel.record.layer import Layer, find_layer
from timetravel.record.network import Selector
from timetravel.record.sources import Source, first_rows
from timetravel.record.trace import PROBE_SAMPLES, Trace, names_of, trace
from timetravel.record.untouched import Generators, untouched


class Subject:
    """A plain model, its samples, and where to listen. Making one reads all samples once.

    labels: (N,) int64 of that first reading.
    """

    def __init__(
        self, model: nn.Module, source: Source, *, layer: str, output: Selector, activations: Sequence[str]
    ) -> None:
        self.model, self.source, self.activations = model, source, tuple(activations)
        self._wanted, self._output = layer, output
        self._generators = Generators([source.data_set, source.collate], model)
        with untouched(model, self._generators):
            self.labels = source.read()
        with untouched(model, self._generators):
            self._fingerprint = source.fingerprint()

    def look(self) -> tuple[Trace, Layer]:
        """How the network works on two samples, and the layer that is recorded."""
        with untouched(self.model, self._generators):
            first = next(iter(self.source.batches()))
            seen = trace(self.model, first_rows(first.inputs, PROBE_SAMPLES), self._output)
            layer = find_layer(self.model, seen, self._wanted)
        for name in self.activations:
            step = seen.step(name)
            if step is None or step.output is None:
                known = name in names_of(self.model)
                raise BadInput(
                    f"activations names {name!r}, which {'is not called' if known else 'is no module of the model'}; "
                    "pass names out of model.named_modules()"
                )
        return seen, layer

    def capture(self, layer: Layer) -> Captured:
        """What the network makes of all samples now. BadInput when the samples or the network are others."""
        self._check_samples()
        try:
            with untouched(self.model, self._generators):
                captured = capture(self.model, self.source.batches(), layer, self._output, self.activations)
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise BadInput(
                f"memory ran out for a batch of {self.source.batch_size} samples; pass a smaller batch_size="
            ) from error
        found = captured.logits.shape[1]
        if found != layer.class_count:
            raise BadInput(
                f"the model has {found} outputs, it had {layer.class_count} when the recorder was made; make a new "
                "recorder on the same folder, with the new classes at the end of classes="
            )
        return captured

    def labels_now(self, captured: Captured) -> NDArray[np.int64]:
        """(N,) labels as the caller's data hold them at this moment."""
        fresh = self.source.labels_now()
        return captured.labels if fresh is None else fresh

    def _check_samples(self) -> None:
        if len(self.source) != len(self.labels):
            raise BadInput(
                f"samples has {len(self.source)} entries, it had {len(self.labels)} when the recorder was made; "
                "make a new recorder on the same folder with sample_ids, then samples may come and go"
            )
        with untouched(self.model, self._generators):
            now = self.source.fingerprint()
        changed = sum(a != b for a, b in zip(now, self._fingerprint, strict=True))
        if changed:
            raise BadInput(
                f"{changed} of {len(now)} inputs looked at are not what they were when the recorder was made; "
                "expected the same samples in the same order, without random changes: pass a data set, or a loader "
                "without shuffling"
            )
