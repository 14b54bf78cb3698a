"""The command line: verbs, one module a group; `main` is the console script."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from invocation_spec.errors import OctostoreError
from octostore import __version__
from octostore.cli import keys, logs, resolving
from octostore.cli.asking import who_command
from octostore.cli.checking import backup_command, check_command, rebuild_command
from octostore.cli.claiming import claim_command, profile_command
from octostore.cli.demonstrating import demo_command
from octostore.cli.explaining import explain_command
from octostore.cli.rim import UsageError, report
from octostore.cli.running import run_command
from octostore.cli.serving import serve_command
from octostore.cli.specs import canonicalize_command, cid_command
from octostore.cli.storing import ingest_command
from octostore.cli.verifying import verify_command

__all__ = ["app", "main", "run"]

#: Typer carries its own click and gives names to few of its exceptions; all that
#: complain about a command line descend from this one.
_CommandLineError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

app = typer.Typer(
    name="octostore",
    help="Who got which result: signed claims of compute-over-data networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo_command)
app.command("canonicalize")(canonicalize_command)
app.command("explain")(explain_command)
app.add_typer(resolving.app)
app.command("cid")(cid_command)
app.add_typer(keys.app)
app.command("run")(run_command)
app.command("claim")(claim_command)
app.command("profile")(profile_command)
app.command("ingest")(ingest_command)
app.command("who")(who_command)
app.add_typer(logs.app)
app.command("verify")(verify_command)
app.command("check")(check_command)
app.command("rebuild")(rebuild_command)
app.command("backup")(backup_command)
app.command("serve")(serve_command)


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version."),
) -> None:
    if version:
        print(f"octostore {__version__}")
        raise typer.Exit


def run(arguments: Sequence[str]) -> int:
    """Carry out a command line; every error ends as one line and an exit code."""
    as_json = "--json" in arguments
    try:
        code = app(args=list(arguments), standalone_mode=False)
    except _CommandLineError as error:
        return report(UsageError(_worded(error)), as_json=as_json)
    except OctostoreError as error:
        return report(error, as_json=as_json)
    except BrokenPipeError:
        # Whoever read us has seen enough, like `head`; there is nobody to tell.
        sys.stderr.close()
        return 0
    except (KeyboardInterrupt, typer.Abort):
        print("octostore: stopped", file=sys.stderr)
        return 128 + 2
    return code if isinstance(code, int) else 0


def _worded(error: Exception) -> str:
    words = getattr(error, "format_message", error.__str__)()
    context = getattr(error, "ctx", None)
    hint = f"; see `{context.command_path} --help`" if context is not None else ""
    return " ".join(str(words).split()).rstrip(".") + hint


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))
