"""The command line: verbs, one module a group; `main` is the console script."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Final

import typer
from typer.core import TyperGroup

from invocation_spec.errors import OctostoreError
from octostore import __version__
from octostore.cli import harvesting, keys, mapping, resolving, signing
from octostore.cli.asking import who_command
from octostore.cli.auditing import audit_command
from octostore.cli.bundling import bundle_command
from octostore.cli.checking import backup_command, check_command, rebuild_command
from octostore.cli.claiming import claim_command, profile_command
from octostore.cli.committing import commit_command
from octostore.cli.demonstrating import demo_command
from octostore.cli.explaining import explain_command
from octostore.cli.issuing import issuers_command
from octostore.cli.recording import (
    delegate_command,
    join_command,
    link_app,
    revoke_command,
    withdraw_command,
)
from octostore.cli.rim import OUR_DISK, UsageError, complain, report
from octostore.cli.running import run_command
from octostore.cli.serving import serve_command
from octostore.cli.specs import canonicalize_command, cid_command
from octostore.cli.storing import ingest_command
from octostore.cli.verifying import verify_command
from octostore.cli.watching import watch_command
from octostore.errors import FileError

__all__ = ["GARBAGE_AFTER", "app", "main", "run"]

#: Objects made before cycles are looked for. Reading claims makes many values and
#: no cycles; at Python's own 700 the looking is a tenth of an ingest.
GARBAGE_AFTER: Final = 1 << 17

#: Typer carries its own click and gives names to few of its exceptions; all that
#: complain about a command line descend from this one.
_CommandLineError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

#: As one meets them: what was asked, running it, signing it, asking, keeping.
_ORDER: Final = (
    *("demo", "canonicalize", "explain", "resolutions", "cid", "run"),
    *("key", "profile", "claim", "commit", "withdraw", "link"),
    *("delegate", "join", "revoke", "harvest", "watch", "ingest", "who", "issuers"),
    *("log", "map"),
    *("bundle", "verify"),
    *("check", "rebuild", "backup", "audit", "serve"),
)


class _InOrder(TyperGroup):
    """Commands and groups in one order; typer would put the groups last."""

    def list_commands(self, ctx: object) -> list[str]:
        """All names, those of `_ORDER` first."""
        named = [name for name in _ORDER if name in self.commands]
        return [*named, *(name for name in self.commands if name not in _ORDER)]


app = typer.Typer(
    name="octostore",
    help="Who got which result: signed claims of compute-over-data networks.",
    cls=_InOrder,
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
app.command("commit")(commit_command)
app.command("withdraw")(withdraw_command)
app.add_typer(link_app)
app.command("delegate")(delegate_command)
app.command("join")(join_command)
app.command("revoke")(revoke_command)
app.add_typer(harvesting.app)
app.command("watch")(watch_command)
app.command("ingest")(ingest_command)
app.command("who")(who_command)
app.command("issuers")(issuers_command)
app.add_typer(signing.app)
app.add_typer(mapping.app)
app.command("bundle")(bundle_command)
app.command("verify")(verify_command)
app.command("check")(check_command)
app.command("rebuild")(rebuild_command)
app.command("backup")(backup_command)
app.command("audit")(audit_command)
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
    except (KeyboardInterrupt, typer.Abort):
        complain("stopped")
        return 128 + signal.SIGINT
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is None:
            raise
        reason = error.strerror or type(error).__name__
        return report(FileError(reason, at=str(error.filename)), as_json=as_json)
    return code if isinstance(code, int) else 0


def _worded(error: Exception) -> str:
    words = getattr(error, "format_message", error.__str__)()
    context = getattr(error, "ctx", None)
    hint = f"; see `{context.command_path} --help`" if context is not None else ""
    return " ".join(str(words).split()).rstrip(".") + hint


def main() -> None:
    """The console script."""
    gc.set_threshold(GARBAGE_AFTER, *gc.get_threshold()[1:])
    if isinstance(sys.stdout, TextIOWrapper):  # it may be closed
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = run(sys.argv[1:])
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        code = _without_stdout(error)
    except SystemExit as error:
        # What rich and click make of a broken pipe; uvicorn has exits of its own.
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        code = _without_stdout(error.__context__)
    sys.exit(code)


def _without_stdout(error: OSError) -> int:
    """The exit code when stdout failed; the interpreter shall not try it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if isinstance(error, BrokenPipeError):
        # Whoever read us has seen enough, like `head`; there is nobody to tell.
        return 128 + signal.SIGPIPE
    complain(f"stdout: {error.strerror}")
    return OUR_DISK
