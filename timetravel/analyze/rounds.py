"""Rounds of active learning in a run: what was labelled, what was picked, what left again (A1)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.history import history
from timetravel.store.facts import Labelling
from timetravel.store.run import StoredRun

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Round:
    """One labelling round: its number, its epochs in order, the (N,) masks of what it trained on and of what
    it chose for the next one, ranks of the picks (0 where not picked), and how they were chosen."""

    round: int
    epochs: tuple[int, ...]
    labelled: Mask
    picked: Mask
    rank: NDArray[np.int32]
    strategy: str | None


def has_labelling(run: StoredRun) -> bool:
    """Whether labelled masks were recorded at the first or the last epoch."""
    past = history(run)
    return bool(
        past.kept(
            "has_labelling",
            lambda: any(run.labelling(epoch) is not None for epoch in {*past.epochs[:1], *past.epochs[-1:]}),
        )
    )


def labelling_at(run: StoredRun, epoch: int) -> Labelling | None:
    """The labelling of one epoch, kept for those asked for."""
    if not has_labelling(run):
        return None
    found: Labelling | None = history(run).kept(f"labelling {epoch}", lambda: run.labelling(epoch))
    return found


def rounds(run: StoredRun) -> list[Round]:
    """The rounds in order; empty when the run is no active-learning run.

    What a round picked is what was recorded as picked, else what is labelled in the next round and was not
    in this one.
    """
    if not has_labelling(run):
        return []
    found: list[Round] = history(run).kept("rounds", lambda: _rounds(run))
    return found


def _rounds(run: StoredRun) -> list[Round]:
    found: list[Round] = []
    for epoch in run.epochs:
        recorded = labelling_at(run, epoch)
        if recorded is None:
            continue
        # A sample that is absent at an epoch has not left the labelled set: it is what it was.
        before = found[-1].labelled if found else np.zeros(len(run.samples), np.bool_)
        one = replace(recorded, labelled=np.where(run.present(epoch), recorded.labelled, before))
        if found and found[-1].round == one.round:
            last = found[-1]
            # The latest epoch of a round knows the most about its picks.
            chose = one.picked.any()
            found[-1] = Round(
                one.round,
                (*last.epochs, epoch),
                one.labelled,
                one.picked if chose else last.picked,
                one.rank if chose else last.rank,
                one.strategy or last.strategy,
            )
        else:
            found.append(Round(one.round, (epoch,), one.labelled, one.picked, one.rank, one.strategy))
    for at in range(len(found) - 1):
        if not found[at].picked.any():
            this = found[at]
            found[at] = replace(this, picked=picks(this.labelled, found[at + 1].labelled))
    return found


def picks(labelled: Mask, labelled_next: Mask) -> Mask:
    """(N,) labelled in the next round and not in this one."""
    return labelled_next & ~labelled


def left(labelled: Mask, labelled_next: Mask) -> Mask:
    """(N,) labelled in this round and not in the next one: an event, not an error."""
    return labelled & ~labelled_next
