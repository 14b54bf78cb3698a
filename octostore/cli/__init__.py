"""The command line: a table of verbs, one module a group; `main` is the script."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from typing import Final

import typer

from invocation_spec.errors import OctostoreError
from octostore import __version__
from octostore.cli.rim import OUR_DISK, UsageError, complain, report
from octostore.cli.verbs import group_of
from octostore.errors import FileError

__all__ = ["GARBAGE_AFTER", "VERBS", "app", "main", "run"]

#: Objects made before cycles are looked for. Reading claims makes many values and
#: no cycles; at Python's own 700 the looking is a tenth of an ingest.
GARBAGE_AFTER: Final = 1 << 17

#: Typer carries its own click and gives names to few of its exceptions; all that
#: complain about a command line descend from this one.
_CommandLineError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

#: Where the verbs lie, as one meets them: what was asked, running it, signing it,
#: asking, keeping. A new verb is a line here, and its section in docs/cli.md.
VERBS: Final[Mapping[str, str]] = {
    "demo": "octostore.cli.demonstrating:demo_command",
    "canonicalize": "octostore.cli.specs:canonicalize_command",
    "explain": "octostore.cli.explaining:explain_command",
    "resolutions": "octostore.cli.resolving:app",
    "cid": "octostore.cli.specs:cid_command",
    "run": "octostore.cli.running:run_command",
    "reproduce": "octostore.cli.reproducing:reproduce_command",
    "key": "octostore.cli.keys:app",
    "profile": "octostore.cli.claiming:profile_command",
    "claim": "octostore.cli.claiming:claim_command",
    "commit": "octostore.cli.committing:commit_command",
    "withdraw": "octostore.cli.recording:withdraw_command",
    "link": "octostore.cli.recording:link_app",
    "delegate": "octostore.cli.recording:delegate_command",
    "join": "octostore.cli.recording:join_command",
    "revoke": "octostore.cli.recording:revoke_command",
    "harvest": "octostore.cli.harvesting:app",
    "watch": "octostore.cli.watching:watch_command",
    "ingest": "octostore.cli.storing:ingest_command",
    "who": "octostore.cli.asking:who_command",
    "policy": "octostore.cli.policies:app",
    "verdict": "octostore.cli.judging:verdict_command",
    "disagreements": "octostore.cli.disagreeing:disagreements_command",
    "issuers": "octostore.cli.issuing:issuers_command",
    "log": "octostore.cli.signing:app",
    "map": "octostore.cli.mapping:app",
    "bundle": "octostore.cli.bundling:bundle_command",
    "cite": "octostore.cli.citing:cite_command",
    "verify": "octostore.cli.verifying:verify_command",
    "check": "octostore.cli.checking:check_command",
    "rebuild": "octostore.cli.checking:rebuild_command",
    "backup": "octostore.cli.checking:backup_command",
    "audit": "octostore.cli.auditing:audit_command",
    "serve": "octostore.cli.serving:serve_command",
}

app = typer.Typer(
    name="octostore",
    help="Who got which result: signed claims of compute-over-data networks.",
    cls=group_of(VERBS),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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
