"""Requests of a job to a service in the evaluator's process, such as the training of a student, over a socket.

A message is its length in eight bytes and then bytes of `job_protocol`: the request is the only record of a log, with
its arrays as predictions. Untrusted code writes requests, and they are decoded like results.
"""

import os
import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from aarlab.scenarios.toolkit.inputs import RefusedRequest, StudentService
from aarlab.tools.sandbox import job_protocol

_MAX_REQUEST_BYTES: Final = 1 << 26
_LENGTH_BYTES: Final = 8
_CHUNK: Final = 1 << 20


class ServiceClient:
    """The job's side. Only `read` and `write` are called, which the system call filter allows."""

    def __init__(self, descriptor: int) -> None:
        """Use the socket with this file descriptor."""
        self._descriptor = descriptor

    def __call__(self, request: Mapping[str, Any], arrays: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the answer to a request. Raises RefusedRequest with the reason if it is refused."""
        encoded = job_protocol.encode_result(arrays, [dict(request)], None)
        message = len(encoded).to_bytes(_LENGTH_BYTES, "big") + encoded
        while message:
            message = message[os.write(self._descriptor, message[:_CHUNK]) :]
        answer, _, error = job_protocol.decode_result(self._read(int.from_bytes(self._read(_LENGTH_BYTES), "big")))
        if answer is None:
            raise RefusedRequest(error)
        return answer

    def _read(self, size: int) -> bytes:
        received = bytearray()
        while len(received) < size:
            chunk = os.read(self._descriptor, min(_CHUNK, size - len(received)))
            if not chunk:
                raise RefusedRequest("the evaluator has ended this experiment")
            received += chunk
        return bytes(received)


class ServiceServer:
    """The evaluator's side: a context manager that closes the socket.

    Attributes:
        failure: The exception of the service that ended the job; None if there was none.
        closed: Whether the socket is closed.
    """

    def __init__(self, connection: socket.socket, service: StudentService) -> None:
        """Answer requests on this socket."""
        connection.setblocking(False)
        self._connection, self._service = connection, service
        self._received = bytearray()
        self.failure: Exception | None = None
        self.closed = False

    def __enter__(self) -> Self:
        """Return the server."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the socket."""
        self.close()

    def close(self) -> None:
        """Close the socket: a waiting job gets an error. A second call does nothing."""
        self.closed = True
        self._connection.close()

    def fileno(self) -> int:
        """Return the file descriptor of the socket, for `poll`."""
        return self._connection.fileno()

    def answer(self) -> bool:
        """Read available bytes, and answer the request if it is complete. Return False if the socket is of no use."""
        try:
            chunk = self._connection.recv(_CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._received += chunk
        size = int.from_bytes(self._received[:_LENGTH_BYTES], "big")
        if not chunk or len(self._received) > _LENGTH_BYTES + size or size > _MAX_REQUEST_BYTES:
            return False  # the job has ended, or does not follow the protocol
        if len(self._received) < _LENGTH_BYTES + size or len(self._received) <= _LENGTH_BYTES:
            return True
        request, self._received = bytes(self._received[_LENGTH_BYTES:]), bytearray()
        try:
            return self._send(self._answer_to(request))
        except Exception as error:  # the service does not work: not the method's fault
            self.failure = error
            return False

    def _answer_to(self, encoded: bytes) -> bytes:
        try:
            arrays, records, _ = job_protocol.decode_result(encoded)
            if arrays is None or len(records) != 1:
                raise RefusedRequest("a request has arrays and one record")
            return job_protocol.encode_result(self._service(records[0], arrays), [], None)
        except (job_protocol.InvalidResult, RefusedRequest) as error:
            return job_protocol.encode_result(None, [], str(error) or "the request was refused")

    def _send(self, encoded: bytes) -> bool:
        """Send an answer. Return False if the job has ended or does not read it."""
        self._connection.settimeout(_SEND_TIMEOUT_S)
        try:
            self._connection.sendall(len(encoded).to_bytes(_LENGTH_BYTES, "big") + encoded)
        except OSError:
            return False
        finally:
            self._connection.setblocking(False)
        return True


_SEND_TIMEOUT_S: Final = 30.0
