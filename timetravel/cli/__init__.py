"""The command line: words typed in a shell to calls, and errors to one line.

One file a group of commands; a command's file is imported when the command is used, so that ``--help``
and completion stay quick. Exit code 2 for what the user can mend, 1 for the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from timetravel.errors import TimetravelError
from timetravel.version import __version__

_COMMANDS = {
    "demo": ("timetravel.cli.begin", "Train two small networks on real digits, map them, show them."),
    "import-arrays": ("timetravel.cli.begin", "Make a run from a folder of plain arrays."),
    "project": ("timetravel.cli.maps", "Lay every epoch of a run out as aligned 2-D maps."),
    "quality": ("timetravel.cli.maps", "Show how far a map can be trusted, epoch by epoch."),
    "bench": ("timetravel.cli.maps", "Compare projection methods side by side on one run."),
    "serve": ("timetravel.cli.look", "Open the page on one run, on two, or on a folder of runs."),
    "info": ("timetravel.cli.look", "Say what a run holds and what it costs on disk."),
    "sql": ("timetravel.cli.data", "Ask a run in SQL."),
    "export": ("timetravel.cli.data", "Write a run and its map as plain arrays, or as Parquet tables."),
    "check": ("timetravel.cli.data", "Name every fault in a run's files."),
    "compact": ("timetravel.cli.data", "Merge the small files of a long run."),
    "render": ("timetravel.cli.pictures", "Draw a map as a picture, or the travel as a film."),
    "render3d": ("timetravel.cli.pictures", "Draw the space-time cube of a run."),
    "export-html": ("timetravel.cli.pictures", "Write one HTML file that travels without a server."),
}


class _Commands(click.Group):
    """Loads a command's module when the command is used, and turns our errors into one line."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[name]
        command: click.Command = getattr(import_module(module), name.replace("-", "_"))
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except (TimetravelError, FileNotFoundError, ValueError) as error:
            if context.params.get("debug"):
                raise
            if isinstance(error, ValueError):
                # A wrong argument is the user's to mend; anything else that is a ValueError is ours.
                raise click.ClickException(f"{error} (use --debug for the trace)") from error
            raise _Mendable(str(error)) from error


class _Mendable(click.ClickException):
    exit_code = 2

    def format_message(self) -> str:
        return " ".join(self.message.split())


@click.command(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="timetravel")
@click.option("--debug", is_flag=True, help="Show the whole trace of an error.")
def main(debug: bool) -> None:
    """Travel through the training of a neural network.

    Start with `timetravel demo`, or record your own training with timetravel.Recorder.
    """
