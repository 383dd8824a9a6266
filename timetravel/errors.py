"""The errors that a person or a script can act on.

Wrong arguments raise plain ``ValueError`` or ``TypeError``. Everything else that the package raises on
purpose derives from :class:`TimetravelError`; its message says what was found, what was expected and
what to do, on one line, because the command line prints it as it is.
"""


class TimetravelError(Exception):
    """Base of everything that the package raises on purpose."""


class RunNotFound(TimetravelError):
    """There is no run (or no map, epoch or sample of that name in it) where one was asked for."""


class RunLocked(TimetravelError):
    """Somebody else is writing to this ledger."""


class RunCorrupt(TimetravelError):
    """A committed file is missing or is not what the manifest says."""


class FormatTooNew(TimetravelError):
    """The run was written by a later version of the package."""


class MissingPart(TimetravelError):
    """Something optional is needed: a package, a fact that was not recorded, a factory."""


class BadInput(TimetravelError):
    """Data from outside (arrays, a folder, a model) that cannot be used as it is."""


class TimetravelWarning(UserWarning):
    """Something went wrong that does not stop the work. Shown once per cause."""
