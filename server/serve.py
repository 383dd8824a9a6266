"""Serving until somebody stops it: what `timetravel serve` calls."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from timetravel.errors import BadInput
from timetravel.server.app import PageServer
from timetravel.server.job_kinds import KINDS
from timetravel.server.jobs import JobBoard
from timetravel.server.library import Library
from timetravel.server.site import Site

Factory = tuple[str, Mapping[str, Any] | None]


def serve(
    paths: Sequence[Path | str],
    *,
    port: int = 5006,
    host: str = "127.0.0.1",
    token: str | None = None,
    allow_origin: Sequence[str] = (),
    allow_embed: Sequence[str] = (),
    prefix: str = "",
    factory: str | None = None,
    factory_arguments: Mapping[str, Any] | None = None,
    factories: Mapping[str, Factory] | None = None,
    map_name: str | None = None,
    live: bool = True,
    open_browser: bool = False,
) -> None:
    """Shows the page on one run, two, or a folder of runs; returns after Ctrl-C or SIGTERM.

    factory, factory_arguments: how a network is rebuilt, for saliency; this runs that code, so it is taken
    from the caller alone and never from a run. factories: the same for single runs, by path or folder name.
    """
    site = make_site(
        paths,
        factory=factory,
        factory_arguments=factory_arguments,
        factories=factories,
        map_name=map_name,
        live=live,
    )
    try:
        asyncio.run(_until_stopped(site, host, port, token, allow_origin, allow_embed, prefix, open_browser))
    finally:
        site.close()
    if site.is_busy:
        # A thread inside the database while Python takes itself down would abort the process.
        sys.stdout.flush()
        os._exit(0)


def make_site(
    paths: Sequence[Path | str],
    *,
    factory: str | None = None,
    factory_arguments: Mapping[str, Any] | None = None,
    factories: Mapping[str, Factory] | None = None,
    map_name: str | None = None,
    live: bool = True,
) -> Site:
    """The services over some run folders; RunNotFound when none of them is one."""
    library = Library(paths)
    known = {str(name): value for name, value in (factories or {}).items()}
    for entry in library.entries():
        own = known.get(str(entry.path)) or known.get(entry.path.name)
        name, arguments = own if own is not None else (factory, factory_arguments)
        if name is not None and ":" not in name:
            raise BadInput(f"factory is {name!r}; module:function is expected")
        entry.factory, entry.factory_arguments = name, arguments
    return Site(library, JobBoard(KINDS), map_name=map_name, live=live)


async def _until_stopped(
    site: Site,
    host: str,
    port: int,
    token: str | None,
    allow_origin: Sequence[str],
    allow_embed: Sequence[str],
    prefix: str,
    open_browser: bool,
) -> None:
    server = PageServer(
        site,
        host=host,
        port=port,
        token=token,
        allow_origin=allow_origin,
        allow_embed=allow_embed,
        prefix=prefix,
    )
    server.start()
    stopped = asyncio.Event()
    _stop_by_signal(stopped)
    sys.stdout.write(f"timetravel: {server.url}  (Ctrl-C stops)\n")
    sys.stdout.flush()
    if open_browser:
        webbrowser.open(server.url)
    await stopped.wait()
    await server.stop()


def _stop_by_signal(stopped: asyncio.Event) -> None:
    """The first Ctrl-C or SIGTERM ends in order, the second at once."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopped.is_set():
            os._exit(130)
        stopped.set()

    for which in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(which, stop)
        except (NotImplementedError, RuntimeError):  # Windows, or not the main thread
            return
