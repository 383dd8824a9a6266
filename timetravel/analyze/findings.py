"""Look here first: up to five conclusions about a run, each with the evidence that it rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.changes import change_counts
from timetravel.analyze.class_measures import measures_over_time
from timetravel.analyze.columns import learning_of, suspicion_of
from timetravel.analyze.history import History, history
from timetravel.analyze.interesting import interest
from timetravel.analyze.learned_epochs import THRESHOLD, learned_position
from timetravel.analyze.query.problem import quoted
from timetravel.analyze.signals import run_interesting_epochs, signals
from timetravel.store.run import StoredMap, StoredRun

SUSPECTS = 20
"""Labels named as suspicious, at most, and at most a hundredth of all samples (but one at least)."""

SUSPECT_SHARE = 0.01
FORGOTTEN_SAMPLES = 50
"""Most forgotten samples: the count of forgetting is raised until at most so many are left."""

EPOCHS_NAMED = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """One conclusion. title: a few words. text: one sentence. epoch: where to look, None for all of them.
    selection: the samples, as a query. spark: the figure behind it over the epochs, None where unknown."""

    kind: str
    title: str
    text: str
    epoch: int | None
    selection: str
    spark: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """findings: the weightiest first. missing: what the run lacks so that there are not more, in a sentence."""

    findings: tuple[Finding, ...]
    missing: str | None


def findings(run: StoredRun, map: str | StoredMap | None = None) -> Findings:
    """What to look at first in a run; never a guess, so that a run without labels or with one epoch has fewer."""
    past = history(run)
    reason = _missing(run, past)
    if len(past.epochs) < 2 or not (past.predicted >= 0).any():
        return Findings((), reason)
    makers: list[Callable[[], Finding | None]] = [lambda: _flips(past)]
    if past.known.any():
        makers += [
            lambda: _class_learned_last(run, past),
            lambda: _most_forgotten(past),
            lambda: _suspicious_labels(past),
        ]
    makers.append(lambda: _interesting(run, past, map))
    found = [one for one in (make() for make in makers) if one is not None]
    return Findings(tuple(found), reason)


def _missing(run: StoredRun, past: History) -> str | None:
    if not past.epochs:
        return "Nothing was recorded yet."
    if not (past.predicted >= 0).any():
        return "The run has neither logits nor a head, so nothing is known of its predictions; pass logits to the recorder."
    if not past.known.any():
        return "The samples have no labels, so nothing is said of learning, forgetting and suspicious labels."
    if len(past.epochs) == 1:
        return "Only one epoch was recorded; findings compare epochs."
    return None


def _spark(values: NDArray[np.floating] | NDArray[np.integer]) -> tuple[float | None, ...]:
    return tuple(float(value) if np.isfinite(value) else None for value in np.asarray(values, np.float64))


def _flips(past: History) -> Finding | None:
    counts = change_counts(past.predicted, past.labels)
    at = int(counts["flips"].argmax())
    flips, shared = int(counts["flips"][at]), int(counts["shared"][at])
    if flips == 0:
        return None
    epoch = past.epochs[at]
    text = f"{flips:,} of {shared:,} predictions changed at epoch {epoch}"
    if past.known.any():
        text += f": {counts['learned'][at]:,} learned, {counts['forgotten'][at]:,} forgotten"
    series = counts["flips"].astype(np.float64)
    series[0] = np.nan
    return Finding("flips", "Largest burst of flips", f"{text}.", epoch, f"flipped:{epoch}", _spark(series))


def _class_learned_last(run: StoredRun, past: History) -> Finding | None:
    scores = measures_over_time(past.predicted, past.labels, past.class_count, "f1")
    there = np.flatnonzero(np.isfinite(scores).any(axis=0))
    if len(there) < 2:
        return None
    learned = {int(one): learned_position(scores[:, one], threshold=THRESHOLD) for one in there}
    final = np.nan_to_num(scores[-1], nan=-1.0)
    never = [one for one in learned if learned[one].position is None]
    if never:
        last = min(never, key=lambda one: (final[one], one))
        text = f"{_named(run, last)} never keeps an F1 of {THRESHOLD:g}; it ends at {final[last]:.2f}"
        text += f", and {len(never) - 1} more with it." if len(never) > 1 else "."
        title, epoch = "A class that is not learned", past.epochs[-1]
    else:
        means = np.nanmean(scores[:, there], axis=0)
        mean_of = dict(zip(there.tolist(), means.tolist(), strict=True))
        places = {one: found.position or 0 for one, found in learned.items()}
        last = max(learned, key=lambda one: (places[one], -mean_of[one], -one))
        if places[last] == min(places.values()):
            return None
        epoch = past.epochs[places[last]]
        text = f"{_named(run, last)} is the last to reach an F1 of {THRESHOLD:g}, at epoch {epoch}"
        text += " (provisional: the run ends before it could hold)." if learned[last].is_provisional else "."
        title = "Class learned last"
    selection = f"label:{quoted(run.classes[last])}"
    return Finding("class", title, text, epoch, selection, _spark(scores[:, last]))


def _named(run: StoredRun, number: int) -> str:
    name = run.classes[number]
    return f"Class {name}" if len(name) <= 40 else f"Class {name[:39]}…"


def _most_forgotten(past: History) -> Finding | None:
    learning = learning_of(past)
    counts = np.where(learning.first >= 0, learning.forgets, 0)
    most = int(counts.max(initial=0))
    if most == 0:
        return None
    least = most
    while least > 1 and np.count_nonzero(counts >= least - 1) <= FORGOTTEN_SAMPLES:
        least -= 1
    chosen = counts >= least
    number = int(chosen.sum())
    ever = int((counts > 0).sum())
    often = f"{times(least)} or more" if most > least else times(least)
    text = (
        f"{number:,} {'sample was' if number == 1 else 'samples were'} learned and forgotten again {often}; "
        f"{ever:,} {'was' if ever == 1 else 'were'} forgotten at least once."
    )
    known = past.known[:, chosen]
    shares = [
        float(past.correct[at][chosen][known[at]].mean()) if known[at].any() else np.nan
        for at in range(len(known))
    ]
    forgotten = change_counts(past.predicted[:, chosen], past.labels[chosen])["forgotten"]
    epoch = past.epochs[int(forgotten.argmax())]
    return Finding(
        "forgotten", "Most forgotten samples", text, epoch, f"forgets>={least}", _spark(np.array(shares))
    )


def times(count: int) -> str:
    """never, once, twice, 3 times."""
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _suspicious_labels(past: History) -> Finding | None:
    scores = suspicion_of(past)
    suspicion = scores["combined"]
    known = np.flatnonzero(np.isfinite(suspicion))
    # A label is suspected only where the network, on the whole, speaks for another class.
    against = known[scores["aum"][known] > 0]
    if not len(against):
        return None
    count = int(min(SUSPECTS, max(1, round(SUSPECT_SHARE * len(known))), len(against)))
    order = against[np.lexsort((past.samples.ids[against], -suspicion[against]))][:count]
    ids = ",".join(str(one) for one in past.samples.ids[order])
    wrong = [
        float((~past.correct[at][order])[past.known[at][order]].mean())
        if past.known[at][order].any()
        else np.nan
        for at in range(len(past.epochs))
    ]
    true = past.samples.true_labels
    verb = "label looks wrong" if count == 1 else "labels look wrong"
    text = f"{count} {verb}: over the training the network speaks for another class (first sample {past.samples.ids[order[0]]})"
    if true is not None:
        noisy = int((true[order] != past.labels[order]).sum())
        text += f"; {noisy} of them {'is' if noisy == 1 else 'are'} known to be changed"
    return Finding(
        "labels", "Most suspicious labels", f"{text}.", past.epochs[-1], f"id:{ids}", _spark(np.array(wrong))
    )


def _interesting(run: StoredRun, past: History, map: str | StoredMap | None) -> Finding | None:
    found = run_interesting_epochs(run, map)
    if not found:
        return None
    best = max(found, key=lambda one: (one.score, -one.position))
    named = [one.epoch for one in found]
    reason = best.reason[0].lower() + best.reason[1:]
    text = f"{_epochs_in_words(named)}; at epoch {best.epoch} {reason}"
    series = interest(signals(run, map=map))
    selection = f"flipped:{best.epoch}" if best.position else ""
    return Finding("epochs", "Epochs that stand out", text, best.epoch, selection, _spark(series))


def _epochs_in_words(epochs: Sequence[int]) -> str:
    shown = ", ".join(str(one) for one in epochs[:EPOCHS_NAMED])
    more = f" and {len(epochs) - EPOCHS_NAMED} more" if len(epochs) > EPOCHS_NAMED else ""
    return f"{'Epoch' if len(epochs) == 1 else 'Epochs'} {shown}{more}"
