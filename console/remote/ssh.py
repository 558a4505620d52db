"""A host over SSH: one transport, six channels at once, a heartbeat; opened again only while nothing was sent."""

from __future__ import annotations

import functools
import socket
import threading
import time
from typing import cast

from console.remote import heartbeat
from console.remote.channel import ChannelProcess
from console.remote.connection import LinkState
from console.remote.errors import ConnectFailed, LinkLost, TunnelRefused
from console.remote.heartbeat import Heartbeat
from console.remote.link import Link, OpenSocket, SessionRefused, open_socket
from console.remote.prompter import Prompter
from console.remote.shell import ShellConnection
from console.remote.target import Target
from console.remote.vault import NoVault, Vault
from console.remote.wire import PATH

CHANNELS = 6
"""At once; sshd's MaxSessions is 10 unless configured, and a channel is free a little later than it is closed."""

OPEN_TIMEOUT = 10.0
"""Seconds to wait for a free channel, and again for the server to open it."""


class Slots:
    """How many channels may be open at once: fewer, once the server has refused one."""

    def __init__(self, limit: int) -> None:
        self._most = limit
        self._limit = limit
        self._used = 0
        self._freed = threading.Condition()

    def take(self, timeout: float) -> bool:
        with self._freed:
            if not self._freed.wait_for(lambda: self._used < self._limit, timeout):
                return False
            self._used += 1
            return True

    def give_back(self) -> None:
        with self._freed:
            self._used -= 1
            self._freed.notify_all()

    def refused(self) -> bool:
        """Gives back the slot that the server refused; true if another is in use that can be waited for."""
        with self._freed:
            self._used -= 1
            if self._used:
                self._limit = self._used
            return self._used > 0

    def reset(self) -> None:
        """A new link: the old one's refusals say nothing about it."""
        with self._freed:
            self._limit = self._most
            self._freed.notify_all()


class Ssh(ShellConnection):
    """One host over SSH.

    Args:
        name: as the user calls the host.
        vault: where login passwords are kept between sessions.
        open_tcp: how the first hop is reached, for tests and for proxies.
        idle: seconds of silence after which the heartbeat asks.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        prompter: Prompter,
        *,
        vault: Vault | None = None,
        open_tcp: OpenSocket = open_socket,
        path: str = PATH,
        idle: float = heartbeat.IDLE,
        silence: float = heartbeat.DEADLINE,
        grace: float = heartbeat.GRACE,
    ) -> None:
        super().__init__(name, prompter, path=path)
        self.target = target
        self._prompter = prompter
        self._vault = vault or NoVault()
        self._open_tcp = open_tcp
        self._idle, self._silence, self._grace = idle, silence, grace
        self._state = LinkState.IDLE
        self._link: Link | None = None
        self._coming: Link | None = None
        self._retired: list[Link] = []
        self._opener = 0
        self._heartbeat: Heartbeat | None = None
        self._slots = Slots(CHANNELS)
        self._connecting = threading.RLock()
        self._closed = threading.Event()

    @property
    def address(self) -> str:
        return self.target.address

    @property
    def user(self) -> str:
        return self._user or self.target.user

    @property
    def state(self) -> LinkState:
        if self._state in (LinkState.UP, LinkState.STALE) and not (self._link and self._link.alive):
            return LinkState.DOWN
        return self._state

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said about the way here: settings not honoured, host keys, how each hop let us in."""
        return (*self.target.notes, *(note for note in (self._link.notes if self._link else ()) if note))

    def connect(self) -> None:
        with self._connecting:
            if self._link is not None and self._link.alive:
                return
            self._closed.clear()
            self._open()

    def _open(self) -> None:
        self._drop_link()
        self._state = LinkState.CONNECTING
        link = self._coming = Link(self.target, self._prompter, self._vault, self._open_tcp)
        self._opener = threading.get_ident()
        try:
            link.open(self._received)
            self._slots.reset()
            self._link = link
            if self._closed.is_set():
                raise LinkLost(f"{self.name} was closed while it was being connected", sent=False)
            self._heartbeat = Heartbeat(
                link.answers,
                functools.partial(self._report, link),
                idle=self._idle,
                deadline=self._silence,
                grace=self._grace,
            )
            self._probe()
            self._state = LinkState.UP
        except BaseException:
            self._drop_link()
            self._state = LinkState.IDLE if self._closed.is_set() else LinkState.DOWN
            raise
        finally:
            self._opener = 0
            self._coming = None

    def _ready(self) -> None:
        """For run, stream and tunnel: as `connect`, but a connection that was closed stays closed."""
        if self._closed.is_set():
            raise LinkLost(f"{self.name} is closed", sent=False)
        with self._connecting:
            if self._link is None or not self._link.alive:
                self._open()

    def tunnel(self, address: str, port: int) -> socket.socket:
        self._ready()
        link = self._link
        if link is None:
            raise LinkLost(f"{self.name} is closed", sent=False)
        import paramiko
        from paramiko.common import OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

        try:
            channel = link.transport.open_channel(
                "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=OPEN_TIMEOUT
            )
        except (paramiko.SSHException, OSError, EOFError) as why:
            if not link.alive:
                raise LinkLost(f"{self.name}: the connection is gone", sent=False) from why
            said = str(getattr(why, "text", "")) or str(why).rstrip(".") or "no answer"
            forbidden = getattr(why, "code", None) == OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
            if forbidden:
                said += " by its sshd (AllowTcpForwarding, PermitOpen)"
            raise TunnelRefused(
                f"{self.name} opens no connection to {address} port {port}: {said}", forbidden=forbidden
            ) from why
        return cast(socket.socket, channel)

    def close(self) -> None:
        self._closed.set()
        self._state = LinkState.IDLE
        self._drop_link()
        self._close_all()

    def _start(self, line: str, window: int) -> ChannelProcess:
        """Opens a channel and sends the line. A link that turns out to be gone before that is opened again, once."""
        until = time.monotonic() + OPEN_TIMEOUT
        reopened = False
        while True:
            if not self._slots.take(max(0.0, until - time.monotonic())):
                raise ConnectFailed(f"all channels to {self.name} are in use, and none came free")
            link = self._link
            try:
                if link is None:
                    raise LinkLost(f"{self.name} is closed", sent=False)
                return ChannelProcess(link.session(window, OPEN_TIMEOUT), line, functools.partial(self._released, link))
            except SessionRefused as why:
                # With none of ours in use the host may not have freed the last one yet, if there ever was one.
                worth_waiting = self._slots.refused() or (link is not None and link.served and not link.abandoned)
                if worth_waiting and time.monotonic() < until:
                    continue
                problem: Exception = why
            except LinkLost as why:
                self._slots.give_back()
                problem = why
            if reopened or self._opener == threading.get_ident():
                raise LinkLost(f"{self.name}: no channel could be opened ({problem})", sent=False) from problem
            reopened = True
            self._replace(link)

    def _released(self, link: Link, freed: bool) -> None:
        link.release(ended=freed)
        self._slots.give_back()

    def _replace(self, link: Link | None) -> None:
        """Opens a new link in place of one that is gone, or whose sessions are held by runs that were given up."""
        with self._connecting:
            if link is not None and link is self._link:
                self._link = None
                self._retired = [*(old for old in self._retired if old.alive), link]
                link.retire()
            self._ready()

    def _drop_link(self) -> None:
        beat, self._heartbeat = self._heartbeat, None
        if beat is not None:
            beat.stop()
        link, self._link = self._link, None
        for each in (link, self._coming, *(self._retired if self._closed.is_set() else ())):
            if each is not None:
                each.close()

    def _received(self) -> None:
        beat = self._heartbeat
        if beat is not None:
            beat.heard()
        if self._state is LinkState.STALE:
            self._state = LinkState.UP

    def _report(self, link: Link, state: LinkState) -> None:
        """What the heartbeat of `link` found; of no interest once another has taken its place."""
        if link is self._link:
            self._state = state
            if state is LinkState.DOWN:
                link.close()
