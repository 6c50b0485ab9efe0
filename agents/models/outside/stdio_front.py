"""Connect an MCP client on standard input and output to the tool server of a running run.

The client speaks MCP with the tool server; this module only copies the bytes to and from its Unix socket. It uses the
standard library alone, because a confined agent executes it as a script and cannot read aarlab.
"""

import os
import socket
import sys
import threading

_CHUNK = 1 << 16


def connect(path: str) -> None:
    """Copy between standard input, standard output and a Unix socket until the server or the client closes.

    Raises:
        OSError: No server listens there.
    """
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)

    def send() -> None:
        try:
            while data := os.read(0, _CHUNK):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server has closed

    threading.Thread(target=send, daemon=True).start()
    while data := server.recv(_CHUNK):
        while data:
            data = data[os.write(1, data) :]


if __name__ == "__main__":
    connect(sys.argv[1])
