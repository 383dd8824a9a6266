"""Record a training: one line in the loop, everything of an epoch in the run folder after it."""

from __future__ import annotations

import atexit
import os
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import nn

from timetravel.errors import BadInput, TimetravelError
from timetravel.record.announcement import Plan, announce
from timetravel.record.arguments import checked_factory, checkpoint_interval, number, whole_number
from timetravel.record.background import Background
from timetravel.record.capture import head_of
from timetravel.record.environment import environment, hyperparameters, learning_rates, optimizers_of
from timetravel.record.filters import filter_changes
from timetravel.record.happenings import divergence, relabelled
from timetravel.record.labelling import make_labelling
from timetravel.record.layer import Layer
from timetravel.record.network import Selector, unwrap
from timetravel.record.resume import Earlier
from timetravel.record.samples import check_classes, check_labels, make_samples
from timetravel.record.sources import Source, class_names, known_ids, known_split
from timetravel.record.statistics import statistics
from timetravel.record.structure import channel_count, structure
from timetravel.record.subject import Subject
from timetravel.record.thumbnails import make_thumbnails
from timetravel.record.trace import Trace
from timetravel.record.trouble import Trouble
from timetravel.record.weights import Weights, copy_weights, filter_count, parameter_bytes
from timetravel.store.facts import EpochFacts, EpochRecord, Inputs, Labelling, RunDescription
from timetravel.store.writer import FactsWriter


@dataclass(frozen=True, slots=True)
class Open:
    """A run that can be written to, and the layer that is recorded."""

    writer: FactsWriter
    layer: Layer


class Recorder:
    """Records what a network makes of a fixed set of samples, epoch by epoch, into a run folder.

        with timetravel.Recorder("runs/mine", model, samples=dataset, optimizer=optimizer) as recorder:
            for epoch in range(20):
                train_one_epoch(model, optimizer)
                recorder.record(epoch, train_loss=train_loss)

    Training is never disturbed: mode, buffers, gradients and every random state are as before after each
    recording, so that the same seed gives the same weights to the bit with and without a recorder. Opening
    a folder that holds a run goes on with that run after its last epoch.

    path: the run folder. model: any classifier; wrappers (DataParallel, compiled) are looked through.
    samples: a data set of (input, label), a DataLoader (its data set is read, in order), or a pair of
    tensors (inputs, labels); labels None records without labels. classes: names in the order of the
    outputs; default: those of the data set. split: "train", "validation", "test", "pool" or "other", for
    all or one for each sample. sample_ids: (N,) numbers that stay with a sample over epochs and runs;
    default 0 to N-1. metadata: column name -> (N,) numbers or texts. true_labels: (N,) right labels where
    they differ from the given ones. images: N uint8 thumbnails (H, W) or (H, W, 3), when the model's
    inputs are no pictures. layer: "auto" (input of the last linear layer) or a module's name (input of a
    linear layer, output of any other). activations: names of modules whose channels are recorded too.
    every: record only epochs that are multiples of it. output: key, index or function that picks the
    logits out of the model's output. factory: "module:function" that builds the model again, with
    factory_arguments (JSON), so that any epoch can be explained later; it is stored, never called here.
    checkpoints: "all", "none", or a number k for the epochs that are multiples of k. on_error: "warn"
    (training goes on without the epoch) or "raise". quiet: do not print what is recorded.

    Wrong arguments raise at once, whatever `on_error` says: nothing has been trained yet.
    """

    def __init__(
        self,
        path: str | Path,
        model: nn.Module,
        *,
        samples: Any,
        classes: Sequence[str] | None = None,
        name: str | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        optimizer: Any = None,
        split: Any = None,
        sample_ids: Any = None,
        metadata: Mapping[str, Any] | None = None,
        true_labels: Any = None,
        images: Any = None,
        layer: str = "auto",
        activations: Sequence[str] = (),
        every: int = 1,
        output: Selector = None,
        factory: str | None = None,
        factory_arguments: Mapping[str, Any] | None = None,
        checkpoints: str | int = "all",
        batch_size: int = 256,
        num_workers: int = 0,
        on_error: str = "warn",
        quiet: bool = False,
    ) -> None:
        self._trouble = Trouble(on_error)
        self._closed = False
        self._open: Open | None = None
        self._is_other_rank = _rank() != 0
        if self._is_other_rank:
            return
        if not isinstance(model, nn.Module):
            raise TypeError(f"model is a {type(model).__name__}; pass a torch.nn.Module")
        if every < 1:
            raise ValueError(f"every is {every}; pass 1 or more")
        self.path = Path(path)
        self._process = os.getpid()
        self._optimizers = optimizers_of(optimizer)
        self._every, self._quiet = every, quiet
        self._checkpoint_every = checkpoint_interval(checkpoints)
        listened = (activations,) if isinstance(activations, str) else tuple(activations)
        self._factory = checked_factory(factory, factory_arguments)
        self._name = name or self.path.resolve().name
        self._given_hyperparameters = hyperparameters
        self._classes = classes
        self._background = Background()
        self._before: Weights | None = None
        self._labelling: Labelling | None = None
        self._recorded_at: dict[int, str | None] = {}
        self._in_flight: int | None = None

        source = Source(samples, batch_size=batch_size, num_workers=num_workers)
        self._subject = Subject(unwrap(model), source, layer=layer, output=output, activations=listened)
        own_ids = known_ids(source) if sample_ids is None else sample_ids
        own_split = known_split(source) if split is None else split
        self._has_own_ids = own_ids is not None
        self._samples = make_samples(
            self._subject.labels,
            ids=own_ids,
            split="train" if own_split is None else own_split,
            metadata=metadata,
            true_labels=true_labels,
        )
        self._labels = self._subject.labels
        self._thumbnails = None if images is None else make_thumbnails(images, self._samples.ids)
        self._start()
        self._mark = time.monotonic()
        # A weak reference, so that a recorder that was dropped unclosed gives its lock back at once.
        self._at_exit = partial(_close_if_alive, weakref.ref(self))
        atexit.register(self._at_exit)

    def record(
        self,
        epoch: int,
        *,
        step: int | None = None,
        labelled: Any = None,
        picks: Any = None,
        scores: Any = None,
        round: int | None = None,
        strategy: str | None = None,
        **metrics: Any,
    ) -> bool:
        """Record this moment under the label `epoch`; True when it is committed or on its way.

        The forward pass runs now; the rest is written beside the training, at most one epoch behind.
        For several recordings an epoch number them yourself and pass `step`. labelled: (N,) booleans or
        the ids of the labelled samples. picks: ids chosen for the next round, best first. scores: name ->
        (N,) numbers. round, strategy: of active learning. metrics: any numbers (None: not known now);
        `train_loss`, `val_loss`, `train_accuracy`, `val_accuracy` are drawn on the timeline.
        """
        if self._is_other_rank:
            return False
        try:
            self._check_usable()
            label = whole_number("epoch", epoch)
            if label % self._every:
                return False
            run = self._open or self._start()
            if run is None:
                return False
            facts, weights = self._gather(
                label,
                run.layer,
                step=step,
                active={
                    "labelled": labelled,
                    "picks": picks,
                    "scores": scores,
                    "round": round,
                    "strategy": strategy,
                },
                metrics=metrics,
            )
        except Exception as error:
            self._trouble.met(error, at=f"epoch {epoch} was not recorded")
            return False
        self._settle()
        self._recorded_at[label] = facts.record.recorded_at
        self._in_flight = label
        self._background.run(lambda: self._commit(run.writer, facts, weights))
        self._mark = time.monotonic()
        return True

    def close(self) -> None:
        """Wait for the last epoch and give the run folder back. Called at the end of a `with` block."""
        if self._is_other_rank or self._closed or os.getpid() != self._process:
            return
        atexit.unregister(self._at_exit)
        try:
            self._settle()
        finally:
            # Also after an interrupted wait: the lock must not outlive the recorder.
            if not self._background.busy:
                self._release()

    def __del__(self) -> None:
        # Dropped without a goodbye, as in a notebook. Nothing is on its way: a commit holds a reference.
        if getattr(self, "_open", None) is not None and not self._closed and os.getpid() == self._process:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _release(self) -> None:
        """Give the run folder back."""
        self._closed = True
        if self._open is not None:
            try:
                self._open.writer.close()
            except Exception as error:
                self._trouble.met(error, at="the run was not tidied up; every recorded epoch is in it")

    def _check_usable(self) -> None:
        if os.getpid() != self._process:
            raise TimetravelError(
                "the recorder was made in another process; make one in the process that records"
            )
        if self._closed:
            raise TimetravelError(
                f"the recorder of {self.path.name} is closed; open a new one, it goes on with the run"
            )

    def _start(self) -> Open | None:
        """Look at the network and open the run. A network that cannot be read and a disk that cannot be
        written are the trouble of `on_error`; wrong arguments and a run that does not fit raise."""
        try:
            seen, layer = self._subject.look()
        except Exception as error:
            self._trouble.met(error, at="nothing can be recorded")
            return None
        try:
            self._open = Open(self._open_run(seen, layer), layer)
        except OSError as error:
            self._trouble.met(error, at="nothing can be recorded")
        return self._open

    def _open_run(self, seen: Trace, layer: Layer) -> FactsWriter:
        subject, samples = self._subject, self._samples
        found = self._classes if self._classes is not None else class_names(subject.source)
        classes = check_classes(found, layer.class_count)
        check_labels(samples.labels, layer.class_count)
        if samples.true_labels is not None:
            check_labels(samples.true_labels, layer.class_count, name="true_labels")
        earlier = Earlier.of(self.path)
        if earlier is not None:
            earlier.check(layer, samples, classes, has_own_ids=self._has_own_ids)
            self._before = earlier.weights(subject.model)
            self._labelling = earlier.labelling_of(samples)
            self._recorded_at.update(earlier.recorded_at)
        factory, arguments = self._factory
        description = RunDescription(
            name=self._name,
            classes=classes,
            model=type(subject.model).__name__,
            factory=factory,
            factory_arguments=arguments,
            hyperparameters=hyperparameters(self._given_hyperparameters, self._optimizers),
            layer=str(layer),
            data_set=subject.source.kind,
            environment=environment(subject.model),
            modules=structure(subject.model, seen, layer.module),
        )
        inputs, why_none = self._inputs()
        writer = FactsWriter.open(self.path, description, samples, inputs)
        try:
            if not self._quiet:
                announce(
                    Plan(
                        run=self._name,
                        samples=samples,
                        classes=classes,
                        layer=layer,
                        inputs=inputs,
                        why_no_inputs=why_none,
                        parameter_bytes=parameter_bytes(subject.model),
                        filter_count=filter_count(subject.model),
                        activation_channels=sum(channel_count(seen, name) for name in subject.activations),
                        checkpoint_every=self._checkpoint_every,
                        has_factory=factory is not None,
                        after=None if writer.last is None else writer.last.epoch,
                    )
                )
        except BaseException:
            writer.close()
            raise
        self._recorded_at = dict.fromkeys(writer.committed_epochs) | self._recorded_at
        return writer

    def _inputs(self) -> tuple[list[Inputs], str | None]:
        """What is kept of the samples themselves, and why their exact inputs are not."""
        exact = self._subject.source.arrays()
        found = [] if self._thumbnails is None else [self._thumbnails]
        if isinstance(exact, str):
            return found, exact
        return [Inputs(ids=self._samples.ids, arrays=exact, layout="tensor"), *found], None

    def _gather(
        self,
        epoch: int,
        layer: Layer,
        *,
        step: int | None,
        active: Mapping[str, Any],
        metrics: Mapping[str, Any],
    ) -> tuple[EpochFacts, Weights]:
        """Everything of this moment, in arrays that the training will not touch."""
        if epoch in self._recorded_at:
            when = self._recorded_at[epoch]
            raise BadInput(
                f"epoch {epoch} was recorded already{f' at {when}' if when else ''} and recordings are never "
                f"rewritten; the next free label is {max(self._recorded_at) + 1}"
            )
        record = EpochRecord(
            epoch=epoch,
            step=None if step is None else whole_number("step", step),
            recorded_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            seconds=time.monotonic() - self._mark,
            learning_rates=learning_rates(self._optimizers),
            metrics={name: number(name, value) for name, value in metrics.items() if value is not None},
        )
        labelling = make_labelling(self._samples.ids, previous=self._labelling, **active)
        captured = self._subject.capture(layer)
        diverged = divergence(captured.representations)
        if diverged:
            self._trouble.tell(diverged, cause="diverged")
        labels = self._subject.labels_now(captured)
        events = relabelled(self._samples.ids, self._labels, labels)
        wants_checkpoint = self._checkpoint_every > 0 and epoch % self._checkpoint_every == 0
        weights = copy_weights(self._subject.model, checkpoint=wants_checkpoint)
        if weights.unsaved:
            self._trouble.tell(
                f"{', '.join(weights.unsaved[:5])} in the model's state is no plain tensor; checkpoints leave it out"
            )
        facts = EpochFacts(
            record=record,
            sample_ids=self._samples.ids,
            representations=captured.representations,
            logits=captured.logits,
            head=head_of(self._subject.model, layer),
            activations=captured.activations,
            labelling=labelling,
            events=events,
            checkpoint=weights.checkpoint,
        )
        self._labels, self._labelling = labels, labelling or self._labelling
        return facts, weights

    def _commit(self, writer: FactsWriter, facts: EpochFacts, weights: Weights) -> None:
        """Runs beside the training: what can be computed from copies, then the commit."""
        writer.commit(
            replace(
                facts,
                statistics=statistics(weights, self._before),
                filter_changes=filter_changes(weights, self._before),
            )
        )
        # Of the past only the weights are needed again, not the gradients.
        self._before = replace(weights, gradients={}, filter_gradients={}, checkpoint=None)

    def _settle(self) -> None:
        """Wait for the epoch that is on its way and tell of its trouble."""
        try:
            self._background.wait()
        except Exception as error:
            epoch, self._in_flight = self._in_flight, None
            if epoch is not None:
                self._recorded_at.pop(epoch, None)
            self._trouble.met(error, at=f"epoch {epoch} was not recorded")


def _close_if_alive(recorder: weakref.ref[Recorder]) -> None:
    alive = recorder()
    if alive is not None:
        alive.close()


def _rank() -> int:
    """This process's rank in a distributed training; 0 when there is none."""
    distributed = torch.distributed
    return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0
