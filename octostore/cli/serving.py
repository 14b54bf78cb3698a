"""`octostore serve`: the store over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import ValidationError

from octostore.cli.rim import StorePath, UsageError, store_path

__all__ = ["serve_command"]


def serve_command(
    host: Annotated[
        str, typer.Option(envvar="OCTOSTORE_HOST", help="The address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="OCTOSTORE_PORT", min=0, max=65535, help="Its port.")
    ] = 8460,
    store: StorePath = None,
) -> None:
    """Serve the store over HTTP until stopped.

    Example: octostore serve --port 8460
    """
    # The server is loaded when it is asked for, and only then.
    from octostore_server.app import serve
    from octostore_server.settings import Settings

    try:
        settings = Settings(path=store_path(store), host=host, port=port)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            f"{first['msg']}; found {first['input']!r}",
            at="OCTOSTORE_" + "_".join(map(str, first["loc"])).upper(),
        ) from error
    serve(settings)
