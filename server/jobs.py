"""Slow or fragile work, done in a child process that may be cancelled, and may die, without harm.

torch and VTK are imported only there. One worker a lane: projecting a run for minutes does not hold up the
saliency of a sample. Parent and child speak length-prefixed JSON over pipes (wire.py).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import IO, Any

from timetravel.server.wire import read_message, write_message

QUEUE_LIMIT = 64
KEPT_JOBS = 200
KEPT_BYTES = 64 << 20
STOP_S = 1.0
"""How long the end of a killed child is waited for."""

ENDED = ("done", "failed", "cancelled")


class QueueFull(Exception):
    """More jobs wait than the board takes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job: `function` ("module:name", called in the child), and the lane that it runs in."""

    function: str
    lane: str = "quick"


@dataclass(slots=True)
class Job:
    """One piece of work. `state`: queued, running, done, failed or cancelled."""

    id: str
    kind: str
    request: Mapping[str, Any]
    state: str = "queued"
    done: int = 0
    total: int = 0
    message: str = ""
    error: str | None = None
    result: Any = None
    blob: bytes = b""
    started: float | None = None
    ended: float | None = None
    after: list[Callable[[Job], None]] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        """What the page is told."""
        now = self.ended if self.ended is not None else time.monotonic()
        seconds = now - self.started if self.started is not None else 0.0
        running = self.state == "running" and 0 < self.done < self.total
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "done": self.done,
            "total": self.total,
            "seconds": round(seconds, 3),
            "eta_s": round(seconds / self.done * (self.total - self.done), 1) if running else None,
            "message": self.message,
            "error": self.error,
            "result": self.result,
            "bytes": len(self.blob),
        }


class JobBoard:
    """All jobs of a server. Safe among threads; nothing is started before the first job."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._kinds = dict(kinds)
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._same: dict[str, str] = {}
        self._changed = Condition()
        self._lanes: dict[str, Lane] = {}
        self._closed = False

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(self._kinds)

    def start(
        self,
        kind: str,
        request: Mapping[str, Any],
        *,
        same: str | None = None,
        after: Callable[[Job], None] | None = None,
    ) -> Job:
        """Queues a job. `same`: content key; a job under it that has not failed is given back instead.

        after: called in the lane's thread when the job has ended, whatever the end.
        """
        with self._changed:
            if self._closed:
                raise QueueFull("the server is stopping")
            known = self._jobs.get(self._same.get(same, "")) if same else None
            if known is not None and known.state not in ("failed", "cancelled"):
                return known
            if sum(job.state == "queued" for job in self._jobs.values()) >= QUEUE_LIMIT:
                raise QueueFull(f"{QUEUE_LIMIT} jobs are waiting")
            job = Job(secrets.token_hex(8), kind, dict(request))
            if after is not None:
                job.after.append(after)
            self._jobs[job.id] = job
            if same:
                self._same[same] = job.id
            self._forget()
            lane = self._kinds[kind].lane
            if lane not in self._lanes:
                self._lanes[lane] = Lane(self._kinds, self._changed)
            self._lanes[lane].queue.append(job)
            self._changed.notify_all()
            return job

    def job(self, job_id: str) -> Job | None:
        """A job by its id, while it is kept."""
        with self._changed:
            return self._jobs.get(job_id)

    def jobs(self) -> list[Job]:
        """All kept jobs, newest first."""
        with self._changed:
            return list(reversed(self._jobs.values()))

    def cancel(self, job: Job) -> None:
        """Takes the job from the queue, or ends the child that is at it."""
        with self._changed:
            if job.state in ENDED:
                return
            was_running = job.state == "running"
            _end(job, "cancelled")
            lane = self._lanes[self._kinds[job.kind].lane]
            if was_running:
                lane.kill()
            else:
                lane.queue.remove(job)
            self._changed.notify_all()

    def wait(self, job: Job, timeout: float) -> bool:
        """Whether the job ended within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: job.state in ENDED, timeout)

    def close(self) -> None:
        """Cancels everything and ends the children."""
        with self._changed:
            self._closed = True
            for job in self._jobs.values():
                if job.state not in ENDED:
                    _end(job, "cancelled")
            for lane in self._lanes.values():
                lane.close()
            self._changed.notify_all()
        for lane in self._lanes.values():
            lane.thread.join(STOP_S)

    def _forget(self) -> None:
        """Drops the oldest ended jobs beyond what is kept."""
        size = sum(len(job.blob) for job in self._jobs.values())
        for job in list(self._jobs.values()):
            if len(self._jobs) <= KEPT_JOBS and size <= KEPT_BYTES:
                return
            if job.state in ENDED:
                size -= len(job.blob)
                del self._jobs[job.id]


class Lane:
    """One worker: a thread that hands jobs to one child process, started when needed, again after a crash."""

    def __init__(self, kinds: Mapping[str, Kind], changed: Condition) -> None:
        self.queue: deque[Job] = deque()
        self._kinds = kinds
        self._changed = changed
        self._child: subprocess.Popen[bytes] | None = None
        self._said: deque[str] = deque(maxlen=20)
        self._closed = False
        self.thread = Thread(target=self._work, name="timetravel-jobs", daemon=True)
        self.thread.start()

    def kill(self) -> None:
        """Ends the child at once, with what it may have started itself."""
        if self._child is not None:
            end_worker(self._child)

    def close(self) -> None:
        """Ends the child; the thread ends after it."""
        self._closed = True
        self.queue.clear()
        self.kill()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.queue or self._closed)
                if self._closed:
                    break
                job = self.queue.popleft()
                job.state, job.started = "running", time.monotonic()
                self._changed.notify_all()
            try:
                self._perform(job)
            except (OSError, ValueError, EOFError) as error:
                self._crashed(job, error)
            for call in job.after:
                call(job)
        self._reap()

    def _perform(self, job: Job) -> None:
        child = self._started()
        if child.stdin is None or child.stdout is None:
            raise OSError("the worker has no pipes")
        if job.state in ENDED:
            return
        write_message(child.stdin, {"function": self._kinds[job.kind].function, "request": job.request})
        while True:
            message, blob = read_message(child.stdout)
            with self._changed:
                if job.state in ENDED:
                    if job.state == "cancelled":
                        self.kill()
                        raise EOFError("cancelled")
                    return
                if "progress" in message:
                    job.message, job.done, job.total = message["progress"]
                elif "error" in message:
                    job.error = message["error"]
                    _end(job, "failed")
                else:
                    job.result, job.blob = message["result"], blob
                    job.done = job.total = max(job.total, 1)
                    _end(job, "done")
                self._changed.notify_all()
                if job.state in ENDED:
                    return

    def _started(self) -> subprocess.Popen[bytes]:
        with self._changed:
            if self._closed:
                raise EOFError("closed")
            if self._child is not None and self._child.poll() is None:
                return self._child
            self._said.clear()
            self._child = start_worker()
        Thread(target=_listen, args=(self._child.stderr, self._said), daemon=True).start()
        return self._child

    def _crashed(self, job: Job, error: Exception) -> None:
        code = self._reap()
        with self._changed:
            if job.state not in ENDED:
                job.error = crash_sentence(code, list(self._said)) if code is not None else str(error)
                _end(job, "failed")
            self._changed.notify_all()

    def _reap(self) -> int | None:
        """Takes the child's exit code and closes its pipes; None when there was no child."""
        child, self._child = self._child, None
        if child is None:
            return None
        end_worker(child)
        code = child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was not yet written is of no use any more
                    pipe.close()
        return code


def _end(job: Job, state: str) -> None:
    job.state, job.ended = state, time.monotonic()


def crash_sentence(code: int, said: list[str]) -> str:
    """Why a child ended, from its exit code and the last line that it wrote."""
    last = next((line for line in reversed(said) if line.strip()), "")
    if code < 0:
        try:
            why = f"it was ended by {signal.Signals(-code).name}"
        except ValueError:
            why = f"it was ended by signal {-code}"
    else:
        why = f"it left with code {code}"
    return f"the worker process ended unexpectedly: {why}" + (f" ({last})" if last else "")


def start_worker() -> subprocess.Popen[bytes]:
    """A child that waits for work. Its own process group, so that Ctrl-C reaches the parent only."""
    # -P and -c: the folder that the server was started in is not searched for modules.
    code = "from timetravel.server.worker import main; main()"
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    if child.stdin is not None:
        write_message(child.stdin, {"path": [folder for folder in sys.path if folder]})
    return child


def end_worker(child: subprocess.Popen[bytes]) -> None:
    """Kills a worker and its process group, which is its own."""
    if child.poll() is not None:
        return
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    child.kill()


def _listen(pipe: IO[bytes] | None, said: deque[str]) -> None:
    """Keeps the last lines that the child wrote to its error stream."""
    if pipe is not None:
        with pipe:
            for line in pipe:
                said.append(line.decode("utf-8", "replace").strip()[:300])
