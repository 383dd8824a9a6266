"""Routes of what happened to samples over the training: how often at each epoch, and to whom at one (T1, V41)."""

from __future__ import annotations

from timetravel.analyze.events import KINDS, event_counts, events_at, in_words, left_out
from timetravel.server.encode import mask_text
from timetravel.server.routes import Answer, Ask, Refusal, Route

SHOWN = 40

NAMES = {
    "flip": ("flipped", "another prediction than at the epoch before"),
    "learned": ("learned", "wrong at the epoch before, right now"),
    "forgotten": ("forgotten", "right at the epoch before, wrong now"),
    "drift": ("wrong to other wrong", "wrong at the epoch before, wrong in another way now"),
    "first_learned": ("right for the first time", "never right before"),
    "final_learned": ("right from here on", "right at this and every later epoch"),
    "confidence_jump": ("confidence jumped", "the probability of the label changed by more than a half"),
    "moved": ("moved far", "moved more than two standard deviations above the mean of this epoch"),
    "neighbours_lost": ("lost its neighbours", "kept a fifth or less of its nearest neighbours"),
    "relabelled": ("relabelled", "its label was changed"),
    "picked": ("picked", "picked to be labelled at the end of this round"),
    "labelled": ("labelled", "became labelled"),
    "left": ("left the labelled", "is labelled no longer"),
}


def counts(ask: Ask) -> Answer:
    """How often each kind of event happened at each epoch."""
    run = ask.run()
    # Where every sample has a label, a flip is learned, forgotten or wrong in another way, and told as that.
    told = (run.samples.labels >= 0).all()
    kinds = [kind for kind in KINDS if not (told and kind == "flip")]
    found = event_counts(run, kinds=kinds)
    slow = [NAMES[kind][0] for kind in kinds if left_out(run, kind)]
    return Answer.json(
        {
            "epochs": run.epochs,
            "kinds": [
                {"kind": kind, "name": NAMES[kind][0], "text": NAMES[kind][1], "counts": values}
                for kind, values in found.items()
                if values.any()
            ],
            "missing": None
            if not slow
            else f"Not counted, since it would take long on this run: {', '.join(slow)}. "
            "`event_table(run, thorough=True)` finds them.",
        },
        key=run.key,
    )


def at_epoch(ask: Ask) -> Answer:
    """The samples to which one kind of event happened at an epoch, all as a mask and the first in words."""
    run, kind = ask.run(), ask.parts["kind"]
    if kind not in KINDS:
        raise Refusal(404, f"there is no kind of event {kind!r}", f"There are {', '.join(KINDS)}.")
    if left_out(run, kind):
        raise Refusal(
            409, f"to find who {NAMES[kind][0]} takes long on this run", "Ask `events_at` from Python."
        )
    table = events_at(run, ask.epoch(run), kind)
    first = table.take(slice(SHOWN))
    return Answer.json(
        {
            "count": len(table),
            "mask": mask_text(table.row, len(run.samples)),
            "events": [
                {"row": row, "id": run.samples.ids[row], "text": text}
                for row, text in zip(first.row, in_words(first, run.classes), strict=True)
            ],
        },
        key=run.key,
    )


_RUN = r"data/(?P<run>[^/]+)"

ROUTES = (
    Route("GET", rf"{_RUN}/events\.json", counts, keep=True, slow=True),
    Route("GET", rf"{_RUN}/events/(?P<kind>\w+)/(?P<epoch>-?\d+)\.json", at_epoch, keep=True, slow=True),
)
