"""A connection around another one: made on first use, and with something added to every run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from console.remote.connection import DEADLINE, LIMIT, LinkState, Privilege
from console.remote.errors import DeadlineExceeded, LinkLost

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from console.evidence import EvidenceBook
    from console.remote.connection import Connection, Result, Stream


class Wrapped:
    """Hands everything on to the connection that `make` gives.

    `make` imports and resolves what reaching the host needs (paramiko, `ssh -G`): it runs on the thread of the first
    call, so that nothing of it stands before the first frame.
    """

    def __init__(self, name: str, make: Callable[[], Connection]) -> None:
        self.name = name
        self._make = make
        self._made: Connection | None = None
        self._closed = False
        self._lock = threading.Lock()

    @property
    def inner(self) -> Connection:
        """The connection itself.

        Raises:
            RemoteError: it cannot be made, or was closed.
        """
        with self._lock:
            if self._made is None and not self._closed:
                self._made = made = self._make()
                if self._closed:
                    made.close()
                    self._made = None
            if self._made is None:
                raise LinkLost("The connection was closed.", sent=False)
            return self._made

    @property
    def address(self) -> str:
        return self._made.address if self._made is not None else ""

    @property
    def user(self) -> str:
        return self._made.user if self._made is not None else ""

    @property
    def privilege(self) -> Privilege:
        return self._made.privilege if self._made is not None else Privilege.UNKNOWN

    @property
    def state(self) -> LinkState:
        return self._made.state if self._made is not None else LinkState.IDLE

    def connect(self) -> None:
        self.inner.connect()

    def run(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sudo: bool = False,
        deadline: float = DEADLINE,
        limit: int = LIMIT,
        title: str = "",
    ) -> Result:
        return self.inner.run(script, args, stdin=stdin, sudo=sudo, deadline=deadline, limit=limit, title=title)

    def stream(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sudo: bool = False,
        follow: bool = False,
        title: str = "",
    ) -> Stream:
        return self.inner.stream(script, args, stdin=stdin, sudo=sudo, follow=follow, title=title)

    def tunnel(self, address: str, port: int) -> socket.socket:
        return self.inner.tunnel(address, port)

    def close(self) -> None:
        """Does not wait for `make`, which may take its time: what comes of that is closed by who waits for it."""
        self._closed = True
        made = self._made
        if made is not None:
            made.close()


class Recorded(Wrapped):
    """Keeps the evidence of every run in a book."""

    def __init__(self, name: str, make: Callable[[], Connection], book: EvidenceBook) -> None:
        super().__init__(name, make)
        self.book = book

    def run(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sudo: bool = False,
        deadline: float = DEADLINE,
        limit: int = LIMIT,
        title: str = "",
    ) -> Result:
        from console.evidence import of_result

        try:
            result = super().run(script, args, stdin=stdin, sudo=sudo, deadline=deadline, limit=limit, title=title)
        except DeadlineExceeded as late:
            if late.partial is not None:
                self.book.add(of_result(late.partial))
            raise
        self.book.add(of_result(result))
        return result


class Limited(Wrapped):
    """Grants every run at least so much time and output, as the inventory asks for a slow or talkative host."""

    def __init__(self, name: str, make: Callable[[], Connection], deadline: float, limit: int) -> None:
        super().__init__(name, make)
        self._deadline = deadline
        self._limit = limit

    def run(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sudo: bool = False,
        deadline: float = DEADLINE,
        limit: int = LIMIT,
        title: str = "",
    ) -> Result:
        deadline, limit = max(deadline, self._deadline), max(limit, self._limit)
        return super().run(script, args, stdin=stdin, sudo=sudo, deadline=deadline, limit=limit, title=title)
