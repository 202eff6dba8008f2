"""A way between a client and a server that can be cut: both ways, or one."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from typing import Literal

Mode = Literal["open", "black hole", "no answers", "refused"]
CHUNK, LOOK_S = 65_536, 0.05


class Proxy:
    """Listens on a port of its own and passes everything on to `target`, as long as it is open.

    `black hole`: nothing arrives in either direction, connections stay up. `no answers`: the server gets all,
    the client nothing. `refused`: connections are reset. Healing resets the connections that lost something.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.mode: Mode = "open"
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self._closing = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def cut(self, mode: Mode) -> None:
        """From now on, for connections that are there and those to come."""
        self.mode = mode
        if mode == "refused":
            self._reset()

    def heal(self) -> None:
        """Open for new connections; those that lost something are reset."""
        broken, self.mode = self.mode != "open", "open"
        if broken:
            self._reset()

    def close(self) -> None:
        """Take no more, end what there is."""
        self._closing.set()
        self._listener.close()
        self._reset()

    def _reset(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.mode == "refused":
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._pairs.add((client, server))
            threading.Thread(target=self._pass, args=(client, server), daemon=True).start()

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        """One thread a connection; a swallowed chunk is read and dropped."""
        try:
            while True:
                readable, _, _ = select.select([client, server], [], [], LOOK_S)
                for end in readable:
                    chunk = end.recv(CHUNK)
                    if not chunk:
                        return
                    passes = self.mode == "open" or (self.mode == "no answers" and end is client)
                    if passes:
                        (server if end is client else client).sendall(chunk)
        except OSError:
            return
        finally:
            for end in (client, server):
                end.close()
            with self._lock:
                self._pairs.discard((client, server))
