"""What happens when recording fails: a warning once per cause, or an exception, as the user chose."""

from __future__ import annotations

import sys
import warnings

from timetravel.errors import BadInput, TimetravelError, TimetravelWarning

CHOICES = ("warn", "raise")


class Trouble:
    """The policy of one recorder. `on_error`: "warn" (training goes on) or "raise"."""

    def __init__(self, on_error: str) -> None:
        if on_error not in CHOICES:
            raise ValueError(f"on_error is {on_error!r}; pass one of {', '.join(map(repr, CHOICES))}")
        self.raises = on_error == "raise"
        self._told: set[str] = set()

    def met(self, error: Exception, *, at: str) -> None:
        """Raise `error`, or warn of it unless the same was told before. `at` says what was lost."""
        told = _sentence(error)
        if self.raises:
            if isinstance(error, TimetravelError):
                raise error
            raise BadInput(f"{at}: {told}") from error
        self.tell(f"{at}: {told}; training goes on", cause=told)

    def tell(self, message: str, *, cause: str | None = None) -> None:
        """Warn with `message`, once per `cause`."""
        cause = cause or message
        if cause not in self._told:
            self._told.add(cause)
            warnings.warn(message, TimetravelWarning, stacklevel=_level_of_the_caller())


def _level_of_the_caller() -> int:
    """The stack level, seen from the function above, of the line outside this layer that called it."""
    level, frame = 0, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("timetravel.record"):
        level, frame = level + 1, frame.f_back
    return level + 1


def _sentence(error: Exception) -> str:
    if isinstance(error, TimetravelError):
        return str(error)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
