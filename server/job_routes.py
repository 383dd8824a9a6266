"""Routes of jobs: start, look, cancel, fetch."""

from __future__ import annotations

from typing import Any

from timetravel.server.jobs import Job, QueueFull
from timetravel.server.library import Entry
from timetravel.server.routes import Answer, Ask, Refusal, Route

EPOCHS_LIMIT = 1000
MEAN_LIMIT = 64
"""Samples over which a saliency is averaged: each costs a pass through the network at each epoch."""


def start(ask: Ask) -> Answer:
    """Queues a job; the same question about the same content is answered by the job that was asked first."""
    kind = ask.body.get("kind")
    if not isinstance(kind, str) or kind not in ask.site.board.kinds:
        raise Refusal(400, f"there is no job {kind!r}", f"There are {', '.join(ask.site.board.kinds)}.")
    entry = ask.site.library.entry(str(ask.body.get("run", "")))
    run = entry.open()
    own = ("kind", "run", "sample_id", "sample_ids")
    request = {name: value for name, value in ask.body.items() if name not in own}
    # The path, and what code may run, come from the table of the server, never from a request.
    request |= {
        "path": str(entry.path.resolve()),
        "factory": entry.factory,
        "factory_arguments": dict(entry.factory_arguments) if entry.factory_arguments is not None else None,
    }
    if "row" in request:
        request["sample_id"] = int(run.samples.ids[ask.row(run, request["row"])])
    if "rows" in request:
        rows = request["rows"]
        if not isinstance(rows, list) or not 0 < len(rows) <= MEAN_LIMIT:
            raise Refusal(400, "rows is no list of rows", f"Pass 1 to {MEAN_LIMIT} rows.")
        request["sample_ids"] = [int(run.samples.ids[ask.row(run, row)]) for row in rows]
    if "epochs" in request:
        epochs = request["epochs"]
        if not isinstance(epochs, list) or not 0 < len(epochs) <= EPOCHS_LIMIT:
            raise Refusal(400, "epochs is no list of epochs", f"Pass 1 to {EPOCHS_LIMIT} recorded epochs.")
        request["epochs"] = [ask.epoch(run, str(epoch)) for epoch in epochs]
    if "epoch" in request:
        request["epoch"] = ask.epoch(run, str(request["epoch"]))
    # A projection writes: asked again, it has to run again.
    same = None if kind == "project" else f"{kind} {entry.key} {sorted(request.items())}"
    try:
        job = ask.site.board.start(kind, request, same=same, after=_refresher(entry))
    except QueueFull as error:
        raise Refusal(429, str(error), "Wait for some to end, or cancel them.") from error
    return Answer.json(job.describe(), status=202)


def _refresher(entry: Entry) -> Any:
    def refresh(job: Job) -> None:
        if job.kind == "project":
            entry.refresh()

    return refresh


def every(ask: Ask) -> Answer:
    """All jobs, newest first."""
    return Answer.json({"jobs": [job.describe() for job in ask.site.board.jobs()]})


def look(ask: Ask) -> Answer:
    """How far a job is."""
    return Answer.json(_job(ask).describe())


def cancel(ask: Ask) -> Answer:
    """Ends a job; one that has ended stays as it is."""
    job = _job(ask)
    ask.site.board.cancel(job)
    return Answer.json(job.describe())


def fetch(ask: Ask) -> Answer:
    """The bytes of a finished job."""
    job = _job(ask)
    if job.state != "done":
        raise Refusal(409, f"job {job.id} is {job.state}", "Ask again when it is done.")
    mime = job.result.get("mime") if isinstance(job.result, dict) else None
    return Answer(job.blob, mime or "application/octet-stream", keys=(job.id,))


def _job(ask: Ask) -> Job:
    job = ask.site.board.job(ask.parts["id"])
    if job is None:
        raise Refusal(404, "there is no such job", "It may be long over; start it again.")
    return job


_ID = r"(?P<id>[0-9a-f]{16})"

ROUTES = (
    Route("POST", r"jobs", start),
    Route("GET", r"jobs", every),
    Route("GET", rf"jobs/{_ID}", look),
    Route("DELETE", rf"jobs/{_ID}", cancel),
    Route("GET", rf"jobs/{_ID}/result\.bin", fetch),
)
