"""The command ``highbeam``: one verb per module, each a thin shell over the package.

Exit codes: 0 all done, 1 some pictures failed, 2 bad usage (nothing was touched), 130 or 143 stopped by a signal.
Nothing heavy is imported before a verb runs, so that ``--help`` and ``--version`` answer at once.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from highbeam.cli import terminal
from highbeam.cli.compare import compare as compare_verb
from highbeam.cli.darken import darken as darken_verb
from highbeam.cli.data import app as data_app
from highbeam.cli.enhance import enhance as enhance_verb
from highbeam.cli.eval import evaluate as eval_verb
from highbeam.cli.export import export as export_verb
from highbeam.cli.figure import app as figure_app
from highbeam.cli.info import info as info_verb
from highbeam.cli.methods import methods as methods_verb
from highbeam.cli.train import train as train_verb
from highbeam.cli.weights import weights as weights_verb
from highbeam.errors import HighbeamError, UsageError

__all__ = ["app", "main"]

app = typer.Typer(
    name="highbeam",
    help="See dark roads: enhance night driving pictures.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: importing rich would take longer than everything else together
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("enhance")(enhance_verb)
app.command("predict", short_help="The same as enhance.")(enhance_verb)
app.command("info", short_help="Say what robot logs, clips and pictures are.")(info_verb)
app.command("methods", short_help="List the methods and their options.")(methods_verb)
app.command("compare", short_help="Show methods side by side on one sheet.")(compare_verb)
app.command("eval", short_help="Measure methods, networks and outputs.")(eval_verb)
app.command("darken", short_help="Turn day pictures into night ones, in pairs.")(darken_verb)
app.command("train", short_help="Train a network.")(train_verb)
app.command("export", short_help="Turn a checkpoint into ONNX files.")(export_verb)
app.command("weights", short_help="List the trained networks.")(weights_verb)
app.add_typer(figure_app, name="figure", short_help="Make the figures of a paper.")
app.add_typer(data_app, name="data", short_help="Find, check and pack data sets.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: without the program's name; those of the process where there are none.

    Returns:
        The exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show must not stop the work
    code: object = 0
    try:
        with terminal.unwound_on_sigterm():
            app(args=arguments, prog_name="highbeam")
    except SystemExit as end:
        code = end.code
    except HighbeamError as error:
        terminal.complain(str(error))
        return 2 if isinstance(error, UsageError) else 1
    return code if isinstance(code, int) else 0


def _show_version(wanted: bool) -> None:
    if wanted:
        import highbeam

        terminal.say(f"highbeam {highbeam.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """See dark roads: enhance night driving pictures."""
