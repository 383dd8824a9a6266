"""The child process of a job lane: reads requests, does them one after the other, answers.

It ends when its standard input ends, also in the middle of work, so that no worker outlives its server.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any

from timetravel.errors import TimetravelError
from timetravel.server.wire import read_message, write_message

Report = Callable[[str, int, int], None]


def main() -> None:
    """Serves until the parent is gone."""
    # What libraries print must not get between the messages: 1 becomes 2, messages get a stream of their own.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests = os.fdopen(os.dup(0), "rb")
    hello, _ = read_message(requests)
    sys.path += [folder for folder in hello["path"] if folder not in sys.path]
    inbox: SimpleQueue[dict[str, Any]] = SimpleQueue()
    Thread(target=_receive, args=(requests, inbox), daemon=True).start()
    while True:
        message = inbox.get()
        try:
            perform(message, answers)
        except BrokenPipeError:
            return


def _receive(requests: IO[bytes], inbox: SimpleQueue[dict[str, Any]]) -> None:
    while True:
        try:
            message, _ = read_message(requests)
        except (EOFError, OSError):
            os._exit(0)
        inbox.put(message)


def perform(message: dict[str, Any], answers: IO[bytes]) -> None:
    """Does one request and sends its result, or the error as one sentence."""

    def report(stage: str, done: int, total: int) -> None:
        write_message(answers, {"progress": [stage, done, total]})

    try:
        module, _, name = message["function"].partition(":")
        result, blob = getattr(import_module(module), name)(message["request"], report)
    except TimetravelError as error:
        write_message(answers, {"error": str(error)})
    except Exception as error:
        import traceback

        traceback.print_exc()
        write_message(answers, {"error": f"{type(error).__name__}: {error}"})
    else:
        write_message(answers, {"result": result}, blob)
