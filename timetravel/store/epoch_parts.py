"""The facts of one epoch as the files of a commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from timetravel.store.epoch_tables import (
    activations_table,
    events_table,
    filters_table,
    labelling_tables,
    logits_table,
    predictions_table,
    record_table,
    statistics_tables,
)
from timetravel.store.facts import EpochFacts
from timetravel.store.ledger import Part
from timetravel.store.manifest import Segment
from timetravel.store.predict import head_logits, predict
from timetravel.store.segment import write_tables, write_tensors
from timetravel.store.vectors import vectors_table


@dataclass(slots=True)
class EpochParts:
    """What a commit writes, in the order of writing. expected_bytes: before compression.

    `published` is to be told of every part on the disk: the row of the epoch names its checkpoint.
    """

    parts: list[Part]
    expected_bytes: int
    checkpoint: tuple[str, str] | None = None

    def published(self, segment: Segment) -> None:
        """A part is on the disk."""
        if segment.kind == "checkpoint":
            self.checkpoint = (segment.file, segment.sha256)


def in_order(facts: EpochFacts, order: NDArray[np.int64] | None) -> EpochFacts:
    """The same facts with samples in another order, None for the one they have. Logits become float32."""

    def ordered(array: Any) -> NDArray[Any]:
        found: NDArray[Any] = np.asarray(array)
        return found if order is None else found[order]

    labelling = facts.labelling
    if labelling is not None:
        labelling = replace(
            labelling,
            labelled=ordered(labelling.labelled),
            picked=ordered(labelling.picked),
            rank=ordered(labelling.rank),
            scores={name: ordered(values) for name, values in labelling.scores.items()},
        )
    return replace(
        facts,
        representations=ordered(facts.representations),
        logits=None if facts.logits is None else np.asarray(ordered(facts.logits), np.float32),
        losses=None if facts.losses is None else ordered(facts.losses),
        activations=[
            replace(one, means=ordered(one.means), maxima=ordered(one.maxima)) for one in facts.activations
        ],
        labelling=labelling,
    )


def epoch_parts(
    facts: EpochFacts,
    ids: NDArray[np.int64],
    labels: NDArray[np.int32],
    *,
    layers: Mapping[str, int],
    class_count: int,
) -> EpochParts:
    """Files of an epoch: checkpoint, vectors, facts. ids, labels: (n,), in the order of the facts.

    layers: number of each layer by name. class_count: of the run, where neither logits nor a head tell.
    """
    epoch, stored = facts.record.epoch, facts.representations
    says: NDArray[Any] | None = facts.logits
    if says is None and facts.head is not None:
        says = head_logits(facts.head, stored)
    tables: dict[str, pa.Table] = {}
    if says is not None or facts.losses is not None:
        tables["predictions"] = predictions_table(epoch, ids, predict(says, labels, facts.losses), labels)
    if facts.logits is not None:
        tables["logits"] = logits_table(epoch, ids, facts.logits)
    tables |= statistics_tables(epoch, facts.statistics, layers)
    if facts.filter_changes:
        tables["filter_changes"] = filters_table(epoch, facts.filter_changes, layers)
    if facts.activations:
        tables["activations"] = activations_table(epoch, ids, facts.activations, layers)
    if facts.labelling is not None:
        tables |= labelling_tables(epoch, ids, facts.labelling)
    if facts.events:
        tables["events"] = events_table(epoch, facts.events)
    vectors = {"representations": vectors_table(epoch, ids, stored)}
    if facts.logits is not None:
        class_count = facts.logits.shape[1]
    elif facts.head is not None:
        class_count = len(facts.head.bias)

    found = EpochParts([], raw_bytes(tables) + raw_bytes(vectors))
    if facts.checkpoint is not None:
        tensors = facts.checkpoint
        found.expected_bytes += sum(np.asarray(array).nbytes for array in tensors.values())
        found.parts.append(
            Part(
                kind="checkpoint",
                suffix="safetensors",
                folder="checkpoints",
                epochs=(epoch,),
                build=lambda path: write_tensors(path, tensors),
            )
        )

    def build_facts(path: Path) -> dict[str, int]:
        row = record_table(
            facts.record,
            class_count=class_count,
            vector_type=str(stored.dtype),
            has_logits=facts.logits is not None,
            head=facts.head,
            checkpoint=found.checkpoint,
        )
        return write_tables(path, {"epochs": row, **tables})

    found.parts.append(tables_part("vectors", vectors, (epoch,), "vectors"))
    found.parts.append(Part(kind="facts", suffix="duckdb", epochs=(epoch,), build=build_facts))
    return found


def tables_part(
    kind: str, tables: dict[str, pa.Table], epochs: tuple[int, ...] = (), folder: str = ""
) -> Part:
    """Tables as one DuckDB file."""
    return Part(
        kind=kind,
        suffix="duckdb",
        folder=folder,
        epochs=epochs,
        build=lambda path: write_tables(path, tables),
    )


def raw_bytes(tables: Mapping[str, pa.Table]) -> int:
    """Bytes of tables before compression."""
    return sum(table.nbytes for table in tables.values())
