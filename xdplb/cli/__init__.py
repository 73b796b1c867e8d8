# SPDX-License-Identifier: BSD-2-Clause
"""The command ``xdplb``: one file per command, imported when that command is called."""

import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from xdplb.errors import XdplbError

# typer vendors click since 0.26 and imports it before; either way these are its base classes.
ClickUsageError: type[Exception] = typer.BadParameter.__mro__[1]

COMMANDS = {
    "attach": "Put the balancer on an interface.",
    "detach": "Take it off again, with everything it left.",
    "status": "Show what is attached where, and what it has counted.",
    "ls": "Show services and backends as `ipvsadm -Ln` does.",
    "service": "Add, change, remove and list services.",
    "backend": "Add, change, remove and list backends.",
    "connections": "List, count and forget connections.",
    "events": "Show connections as they come and go.",
    "lab": "Raise a lab of network namespaces to try it in.",
}

EXAMPLES = """\b
Examples:
  xdplb attach eth0 10.0.0.2 10.0.0.3 --port 80   balance port 80 of eth0's address
  xdplb status                                    see where the packets go
  xdplb backend add 10.0.0.10:80/tcp 10.0.0.4     one more backend
  xdplb detach eth0                               leave the host as it was

\b
Exit codes: 0 done, 1 the machine refuses, 2 wrong words.
"""


class Commands(TyperGroup):
    """Imports a command when it is called: `xdplb status` needs no other one's modules."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment] # for its suggestions

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"xdplb.cli.{cmd_name}")
        # Plain help: rich would take longer to import than most commands take to run.
        module.app.rich_markup_mode = None
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXAMPLES,
)


def show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        # Imported here: it takes 20 ms.
        from importlib.metadata import version  # noqa: PLC0415

        typer.echo(f"xdplb {version('xdplb')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """A layer-4 load balancer in the kernel, at XDP."""


def main() -> None:
    """Run the command line of this process and end it."""
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = code or 1
    # Taking the interpreter apart, object by object, is a fifth of the time of `xdplb status`.
    os._exit(code)


def run(words: list[str]) -> int:
    """Run one command and return its exit code; what goes wrong is one line on stderr."""
    try:
        code = typer.main.get_command(app).main(words, prog_name="xdplb", standalone_mode=False)
    except ClickUsageError as error:
        return tell_usage(error)
    except XdplbError as error:
        return tell(str(error), error.exit_code)
    except typer.Abort:
        return tell("aborted", 1)
    except OSError as error:
        return tell(explain(error), 1)
    return code if isinstance(code, int) else 0


def tell(message: str, code: int) -> int:
    """Print what is wrong and return the exit code."""
    sys.stdout.flush()
    print(f"xdplb: {message}", file=sys.stderr)
    return code


def tell_usage(error: Any) -> int:
    """Print what is wrong with the words, and where help is."""
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.ctx.get_help(), file=sys.stderr)
        return 2
    path = error.ctx.command_path if error.ctx else "xdplb"
    message = error.format_message().replace("'", "").replace(". Did", "; did").rstrip(".?")
    where = path.removeprefix("xdplb").strip()
    what = message[:1].lower() + message[1:]
    return tell(f"{where + ': ' if where else ''}{what}; see: {path} --help", 2)


def explain(error: OSError) -> str:
    """Return one line for an error of the machine; those of the binding tell it themselves."""
    if error.filename is None:
        return str(error)
    hint = "; run as root" if isinstance(error, PermissionError) else ""
    return f"{os.fsdecode(error.filename)}: {str(error.strerror).lower()}{hint}"
