"""Routes that describe: which runs there are, and everything small about one run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from timetravel import __version__
from timetravel.analyze.columns import Column, columns, map_columns
from timetravel.analyze.history import history
from timetravel.analyze.rounds import has_labelling, rounds
from timetravel.analyze.signals import run_interesting_epochs
from timetravel.explain.needs import missing_for_neurons, missing_for_saliency
from timetravel.project.words import epoch_sentences
from timetravel.render.palette import class_palette
from timetravel.server.columns import epoch_key, split_names, spread_over, wire_type
from timetravel.server.library import Entry
from timetravel.server.routes import Answer, Ask, Route
from timetravel.server.sets import counts_over_time
from timetravel.store.facts import EpochRecord
from timetravel.store.lock import is_held
from timetravel.store.places import is_writable
from timetravel.store.run import StoredMap, StoredRun

if TYPE_CHECKING:
    from timetravel.server.site import Site

VIEW_EPOCHS = 12
"""Epochs, spread over the run, that the camera's first box is measured on."""
VIEW_PERCENTILES = (0.2, 99.8)
WIDEST_VIEW = 1.5
"""Times the usual epoch's box, how wide the first view may be."""
NAMED_METRICS = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")
STEP_RATIO = 1.5
"""A learning rate that changes by more between two epochs makes a tick; a gliding schedule has none."""


def list_runs(ask: Ask) -> Answer:
    """All runs; a damaged one with what is wrong."""
    library = ask.site.library
    entries = [
        {
            "slug": entry.slug,
            "name": entry.run.name if entry.run is not None else entry.path.name,
            "error": entry.error,
        }
        for entry in library.entries()
    ]
    return Answer.json(
        {
            "runs": [entry["slug"] for entry in entries],
            "open": library.open_slugs,
            "entries": entries,
            "version": __version__,
            "live": ask.site.live,
        }
    )


def describe_run(ask: Ask) -> Answer:
    """Everything small about a run. What is slow to find is kept until the run changes."""
    entry = ask.site.library.entry(ask.parts["run"])
    run = entry.open()
    kept = kept_overview(ask.site, entry)
    return Answer.json(
        {
            "slug": entry.slug,
            **kept,
            "live": ask.site.live,
            "recording": is_held(run.path / "facts"),
            "writable": is_writable(run.path),
            "missing": missing(run, entry),
            "has": {**kept["has"], "factory": entry.factory is not None},
        }
    )


def kept_overview(site: Site, entry: Entry) -> dict[str, Any]:
    """The overview of a run, made once for each state of it."""
    with entry.lock:
        run = entry.open()
        kept = site.overviews.get(entry.slug)
        if kept is None or kept[0] != entry.stamp:
            kept = (entry.stamp, overview(run, site.map_name))
            site.overviews[entry.slug] = kept
        return kept[1]


def prepare(site: Site) -> None:
    """Opens the runs that a page will show first, while the browser is still on its way."""
    for slug in site.library.open_slugs:
        kept_overview(site, site.library.entry(slug))


def shown_map(run: StoredRun, map_name: str | None) -> str | None:
    """The map that a page opens with: the one asked for, else the newest."""
    return map_name if map_name in run.maps else (run.maps[-1] if run.maps else None)


def overview(run: StoredRun, map_name: str | None = None) -> dict[str, Any]:
    """What does not depend on the server: names, metrics, ticks, columns, maps.

    Nothing here reads the samples of every epoch: the page draws its map as soon as it has this.
    """
    samples, description = run.samples, run.description
    palette = class_palette(len(run.classes))
    splits = split_names(run)
    records = run.records
    labels = samples.labels[samples.labels >= 0]
    in_rounds = [(one.round, one.epochs[0]) for one in rounds(run)]
    maps = [run.map(name) for name in run.maps]
    chosen = shown_map(run, map_name)
    return {
        "name": run.name,
        "path_name": run.path.resolve().name,
        "run_id": run.run_id,
        "key": run.key,
        "epoch_key": epoch_key(run),
        "generation": run.generation,
        "model": description.model,
        "layer": description.layer,
        "data_set": description.data_set,
        "classes": list(run.classes),
        "class_counts": np.bincount(labels, minlength=len(run.classes)),
        "palette": {"light": palette.light, "dark": palette.dark, "ring": palette.ring},
        "samples": len(samples),
        "width": records[-1].width if records else None,
        "splits": {name: int((samples.split == name).sum()) for name in splits},
        "split_names": splits,
        "epochs": run.epochs,
        "damaged_epochs": {str(epoch): text for epoch, text in run.damaged.items()},
        "notice": run.notice,
        "steps": [record.step for record in records],
        "seconds": [record.seconds for record in records],
        "metrics": metric_curves(records),
        "learning_rate": [record.learning_rates[0] if record.learning_rates else None for record in records],
        "ticks": ticks(run, in_rounds),
        "rounds": [{"round": number, "epoch": epoch} for number, epoch in in_rounds] or None,
        "columns": [describe_column(run, one) for one in columns(run)],
        "hyperparameters": dict(description.hyperparameters),
        "environment": dict(description.environment),
        "has": facts_of(run),
        "maps": [describe_map(stored, is_default=stored.name == chosen) for stored in maps],
        "no_map": None if maps else no_map(run),
    }


def no_map(run: StoredRun) -> str:
    """What a run without a map says."""
    if not run.epochs:
        return "Nothing was recorded yet: waiting for the first epoch."
    return f"No map yet. Make one here, or with: timetravel project {run.path}"


def metric_curves(records: list[EpochRecord]) -> dict[str, list[float | None]]:
    """Each scalar over the epochs, None where it was not recorded; the usual four always stand first."""
    names = list(dict.fromkeys([*NAMED_METRICS, *(name for one in records for name in one.metrics)]))
    return {
        name: [one.metrics.get(name) for one in records]
        for name in names
        if name in NAMED_METRICS or any(name in one.metrics for one in records)
    }


def over_time(ask: Ask) -> Answer:
    """What takes the predictions of all epochs: accuracy by split, flips, learned and forgotten samples."""
    run = ask.run()
    return Answer.json({"accuracy": accuracies(run), **counts_over_time(run)}, key=run.key)


def interesting(ask: Ask) -> Answer:
    """The epochs to look at, with scores and reasons; searches neighbours at every epoch where that is cheap."""
    run = ask.run()
    found = run_interesting_epochs(run, shown_map(run, ask.site.map_name))
    return Answer.json(
        {"interesting": [{"epoch": one.epoch, "score": one.score, "reason": one.reason} for one in found]}
    )


def accuracies(run: StoredRun) -> dict[str, list[float | None]]:
    """Share of right predictions of each split at each epoch, None where nothing is known."""
    past, split, names = history(run), run.samples.split, split_names(run)
    found: dict[str, list[float | None]] = {}
    for name in names:
        mine = split == name
        known = (past.known & mine).sum(1)
        right = (past.correct & past.known & mine).sum(1)
        found[name] = [float(r / k) if k else None for r, k in zip(right, known, strict=True)]
    return found


def ticks(run: StoredRun, in_rounds: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Marks on the timeline: steps of the learning rate, rounds, and what the recorder noticed."""
    found: list[tuple[int, str, str]] = []
    for before, now in zip(run.records[:-1], run.records[1:], strict=True):
        if before.learning_rates and now.learning_rates:
            old, new = before.learning_rates[0], now.learning_rates[0]
            if old > 0 and new > 0 and abs(math.log(new / old)) > math.log(STEP_RATIO):
                found.append((now.epoch, "learning_rate", f"learning rate from {old:g} to {new:g}"))
    found += [(epoch, "round", f"labelling round {number} begins") for number, epoch in in_rounds]
    for event in run.events():
        if (
            event.sample_id is None
            and event.epoch is not None
            and event.kind not in ("round", "learning_rate")
        ):
            text = event.kind.replace("_", " ") + (f": {event.detail}" if event.detail else "")
            found.append((event.epoch, event.kind, text))
    place = {epoch: at for at, epoch in enumerate(run.epochs)}
    found = [one for one in dict.fromkeys(found) if one[0] in place]
    return [
        {"epoch": epoch, "kind": kind, "text": text}
        for epoch, kind, text in sorted(found, key=lambda one: place[one[0]])
    ]


def describe_column(run: StoredRun, one: Column) -> dict[str, Any]:
    """A column as the menu of colours lists it."""
    return {
        "name": one.name,
        "kind": one.kind,
        "per_epoch": one.per_epoch,
        "text": one.text,
        "dtype": wire_type(one),
        "categories": one.kind == "text",
        "own": one.own,
    }


def facts_of(run: StoredRun) -> dict[str, bool]:
    """Which facts the run holds."""
    first = run.samples.ids[:1]
    ends = {*run.epochs[:1], *run.epochs[-1:]}
    return {
        "labels": bool((run.samples.labels >= 0).any()),
        "true_labels": run.samples.true_labels is not None,
        "logits": any(bool((run.predictions(epoch).predicted >= 0).any()) for epoch in ends),
        "images": bool(len(first)) and run.images(first) is not None,
        "inputs": bool(len(first)) and run.inputs(first) is not None,
        "checkpoints": any(record.has_checkpoint for record in run.records),
        "activations": bool(run.activation_layers),
        "labelling": has_labelling(run),
        "head": bool(run.epochs) and run.head(run.epochs[-1]) is not None,
    }


def missing(run: StoredRun, entry: Entry) -> dict[str, str | None]:
    """For each panel the sentence that says what it lacks, None when it lacks nothing."""
    return {
        "saliency": missing_for_saliency(run, entry.factory),
        "neurons": missing_for_neurons(run, entry.factory),
        "labels": None
        if (run.samples.labels >= 0).any()
        else "The samples have no labels, so nothing is right or wrong.",
        "images": None
        if len(run.samples) and run.images(run.samples.ids[:1]) is not None
        else "The run has no images. Record it with samples= whose inputs are pictures, or pass images=.",
    }


def describe_map(stored: StoredMap, *, is_default: bool) -> dict[str, Any]:
    """A map without its arrays and figures, with the box to look at first."""
    raster = stored.raster(stored.epochs[-1]) if stored.epochs else None
    view, is_cut = first_view(stored)
    return {
        "name": stored.name,
        "key": stored.key,
        "method": stored.description.method,
        "seed": stored.description.seed,
        "parameters": dict(stored.description.parameters),
        "created": stored.description.created,
        "epochs": stored.epochs,
        "extent": stored.extent,
        "resolution": None if raster is None else raster.cell_class.shape[0],
        "view": view,
        "view_is_cut": is_cut,
        "columns": [one.name for one in map_columns(stored)],
        "is_default": is_default,
    }


def map_figures(ask: Ask) -> Answer:
    """How far each map can be trusted, by epoch and in words; and what the run takes on disk."""
    run = ask.run()
    return Answer.json(
        {"maps": {name: figures_of(run.map(name)) for name in run.maps}, "disk": run.disk_usage()}
    )


def figures_of(stored: StoredMap) -> dict[str, Any]:
    """The figures of one map; every segment of it holds some, so they come apart from the map itself."""
    quality = stored.quality()
    by_epoch = [quality["epochs"].get(epoch, {}) for epoch in stored.epochs]
    names = list(dict.fromkeys(name for one in by_epoch for name in one))
    return {
        "quality": {name: [one.get(name) for one in by_epoch] for name in names},
        "overall": quality["overall"],
        "words": {
            str(epoch): epoch_sentences(one) for epoch, one in zip(stored.epochs, by_epoch, strict=True)
        },
    }


def first_view(stored: StoredMap) -> tuple[list[float], bool]:
    """(x0, x1, y0, y1) that holds nearly all samples at all epochs: the camera must not jump from one to the next.

    Where a few epochs are far wider than the others (noise before anything is learned), the view is cut to what
    leaves the others large enough to read; then the second value is True.
    """
    each = (stored.positions(epoch) for epoch in spread_over(stored.epochs, VIEW_EPOCHS))
    boxes = np.array(
        [np.percentile(one, VIEW_PERCENTILES, axis=0) for one in map(_present, each) if len(one)]
    )
    if not len(boxes):
        return list(stored.extent), False
    low, high = boxes[:, 0].min(0), boxes[:, 1].max(0)
    usual_low, usual_high = np.median(boxes, axis=0)
    middle, reach = (usual_low + usual_high) / 2, WIDEST_VIEW * (usual_high - usual_low) / 2
    cut = bool(((high - low) > 2 * reach).any())
    if cut:
        low, high = np.maximum(low, middle - reach), np.minimum(high, middle + reach)
    room = 0.03 * max(float((high - low).max()), 1e-9)
    return [float(low[0] - room), float(high[0] + room), float(low[1] - room), float(high[1] + room)], cut


def _present(points: NDArray[np.float32]) -> NDArray[np.float32]:
    return points[np.isfinite(points).all(1)]


ROUTES = (
    Route("GET", r"runs\.json", list_runs),
    Route("GET", r"data/(?P<run>[^/]+)/run\.json", describe_run),
    Route("GET", r"data/(?P<run>[^/]+)/figures\.json", map_figures, keep=True, slow=True),
    Route("GET", r"data/(?P<run>[^/]+)/over_time\.json", over_time, keep=True, slow=True),
    Route("GET", r"data/(?P<run>[^/]+)/interesting\.json", interesting, keep=True, slow=True),
)
