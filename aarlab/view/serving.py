"""Run the viewer's server on a socket that listens."""

import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from aarlab.view.access_guard import is_loopback, own_names
from aarlab.view.server import Access, viewer_app
from aarlab.view.viewed_folder import ViewedFolder

_SHUTDOWN_S = 1
"""Seconds that open pages, which wait for updates, may take to end."""


async def serve(folder: Path, listening: socket.socket, host: str, announce: Callable[[str], None]) -> None:
    """Serve a folder until the process is interrupted.

    Args:
        folder: The folder to show.
        listening: Socket on which the server accepts connections.
        host: Address of the socket, as the user gave it.
        announce: Called with the link once the server listens.
    """
    port = int(listening.getsockname()[1])
    # Others on the network may read, but not start or stop anything.
    access = Access.create(port, tuple(own_names(host)), acts=is_loopback(host))
    app = viewer_app(ViewedFolder(folder), access)
    config = uvicorn.Config(
        app, log_level="error", access_log=False, server_header=False, lifespan="off", ws="none",
        timeout_graceful_shutdown=_SHUTDOWN_S,
    )  # fmt: skip
    shown = f"[{host}]" if ":" in host else host
    announce(f"http://{shown}:{port}/?token={access.token}")
    await uvicorn.Server(config).serve(sockets=[listening])
