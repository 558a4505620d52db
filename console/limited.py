"""A connection whose every run is granted more time and output, as the inventory asks for a slow or talkative host."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from console.remote.connection import DEADLINE, LIMIT, Connection, LinkState, Privilege, Result, Stream


class Limited:
    """Hands everything on to `inner`; a run gets at least `deadline` seconds and `limit` bytes."""

    def __init__(self, inner: Connection, deadline: float, limit: int) -> None:
        self._inner = inner
        self._deadline = deadline
        self._limit = limit
        self.name = inner.name

    @property
    def address(self) -> str:
        return self._inner.address

    @property
    def user(self) -> str:
        return self._inner.user

    @property
    def privilege(self) -> Privilege:
        return self._inner.privilege

    @property
    def state(self) -> LinkState:
        return self._inner.state

    def connect(self) -> None:
        self._inner.connect()

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
        return self._inner.run(
            script,
            args,
            stdin=stdin,
            sudo=sudo,
            deadline=max(deadline, self._deadline),
            limit=max(limit, self._limit),
            title=title,
        )

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
        return self._inner.stream(script, args, stdin=stdin, sudo=sudo, follow=follow, title=title)

    def tunnel(self, address: str, port: int) -> socket.socket:
        return self._inner.tunnel(address, port)

    def close(self) -> None:
        self._inner.close()
