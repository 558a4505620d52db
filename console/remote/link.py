"""The way to one host: sockets, transports and the login, through every jump host. paramiko is loaded here, late."""

from __future__ import annotations

import contextlib
import logging
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from console.remote.errors import ConnectFailed, LinkLost
from console.remote.login import authenticate, check_host_key, prefer_known_keys
from console.remote.prompter import Prompter
from console.remote.target import Target
from console.remote.vault import Vault

if TYPE_CHECKING:
    import paramiko

CONNECT_TIMEOUT = 10.0
"""Seconds for TCP, and again for the key exchange, unless ssh_config says otherwise."""

USER_TIMEOUT_MS = 8000
"""What was sent and is not acknowledged for so long ends the connection (tcp(7) TCP_USER_TIMEOUT)."""

CHANNELS_REMEMBERED = 1000

WINDOW = 2**31 - 1
PACKET = 1 << 18

OpenSocket = Callable[[str, int, float], socket.socket]
"""Host, port, timeout in seconds."""

_loading = threading.Lock()


def load_paramiko() -> None:
    """Imports paramiko, silenced, and without `invoke`: that is for `Match exec`, which only matters without an ssh."""
    with _loading:
        if "paramiko" in sys.modules:
            return
        stub = "invoke" not in sys.modules and shutil.which("ssh") is not None
        if stub:
            sys.modules["invoke"] = None  # type: ignore[assignment]
        try:
            import paramiko  # noqa: F401
        finally:
            if stub:
                del sys.modules["invoke"]
        logging.getLogger("paramiko").addHandler(logging.NullHandler())


class PromptSocket(socket.socket):
    """A TCP socket that acknowledges at once: a server with Nagle's algorithm holds its answer back until then.

    Linux forgets TCP_QUICKACK after a while, so it is set again at each recv (tcp(7)).
    """

    on_receive: Callable[[], None] | None = None

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(size, flags)
        _set(self, "TCP_QUICKACK", 1)
        if self.on_receive is not None:
            self.on_receive()
        return data


def open_socket(host: str, port: int, timeout: float) -> socket.socket:
    """A connected TCP socket set up for keystroke-like traffic and for noticing a dead peer.

    Raises:
        OSError: as socket.create_connection does.
    """
    plain = socket.create_connection((host, port), timeout)
    made = PromptSocket(fileno=plain.detach())
    made.settimeout(timeout)
    _set(made, "TCP_NODELAY", 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("KEEPIDLE", 10), ("KEEPINTVL", 5), ("KEEPCNT", 3), ("USER_TIMEOUT", USER_TIMEOUT_MS)):
        _set(made, f"TCP_{option}", value)
    return made


class ChannelSocket:
    """A channel of a jump host as what a further transport needs of a socket.

    A channel tells the jump host that it closes; when that link is gone, paramiko's thread would die of it aloud.
    """

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self.recv = channel.recv
        self.send = channel.send
        self.settimeout = channel.settimeout
        self.getpeername = channel.getpeername

    @property
    def _closed(self) -> bool:
        """Asked for by paramiko's transport, under the name that sockets have it."""
        return self._channel.closed

    def close(self) -> None:
        import paramiko

        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
            self._channel.close()


def _set(made: socket.socket, option: str, value: int) -> None:
    number = getattr(socket, option, None)
    if number is not None:
        made.setsockopt(socket.IPPROTO_TCP, number, value)


class SessionRefused(Exception):
    """The server opens no further session on this link (MaxSessions)."""


class Link:
    """One logged-in transport and, below it, those of its jump hosts."""

    def __init__(self, target: Target, prompter: Prompter, vault: Vault, open_tcp: OpenSocket = open_socket) -> None:
        self._target = target
        self._prompter = prompter
        self._vault = vault
        self._open_tcp = open_tcp
        self._socket: socket.socket | None = None
        self._transports: list[paramiko.Transport] = []
        self._given_up = threading.Event()
        self._handshaken = threading.Event()
        self._users = 0
        self._users_lock = threading.Lock()
        self._retired = False
        self.served = False
        """A session was opened on it."""
        self.abandoned = 0
        """Runs that were let go of before their end: on the host they may still hold a session each."""
        self.notes: list[str] = []
        """How each hop let us in, and what there is to say about its key."""

    def open(self, on_receive: Callable[[], None]) -> None:
        """Connects, checks each host key and logs in, hop by hop.

        Raises:
            ConnectFailed, HostKeyUnknown, HostKeyChanged, AuthFailed, Cancelled, LinkLost
        """
        load_paramiko()
        try:
            for hop in (*self._target.jumps, self._target):
                self._open_hop(hop, on_receive)
        except BaseException:
            self.close()
            raise

    def _open_hop(self, hop: Target, on_receive: Callable[[], None]) -> None:
        import paramiko

        timeout = hop.connect_timeout or CONNECT_TIMEOUT
        if self._transports:
            way: socket.socket = self._through(hop, timeout)
        else:
            way = self._socket = self._direct(hop, timeout)
            if isinstance(way, PromptSocket):
                way.on_receive = on_receive
        transport = paramiko.Transport(way, default_window_size=WINDOW, default_max_packet_size=PACKET)
        self._transports.append(transport)
        self._stop_if_given_up()
        _choose_algorithms(transport)
        prefer_known_keys(transport, hop)
        self._handshake(transport, hop, timeout)
        identity = check_host_key(transport, hop, self._prompter)
        how = authenticate(transport, hop, self._prompter, self._vault, identity)
        self._stop_if_given_up()
        self.notes += [f"{hop.address}: {identity.key_type} {identity.fingerprint}, {how}", identity.note]

    def _direct(self, hop: Target, timeout: float) -> socket.socket:
        try:
            return self._open_tcp(hop.hostname, hop.port, timeout)
        except socket.gaierror as why:
            raise ConnectFailed(f"the name {hop.hostname} is not found: {why.strerror}") from why
        except TimeoutError as why:
            raise ConnectFailed(f"{hop.hostname} port {hop.port} gave no answer within {timeout:g} s") from why
        except OSError as why:
            raise ConnectFailed(f"{hop.hostname} port {hop.port}: {why.strerror or why}") from why

    def _through(self, hop: Target, timeout: float) -> socket.socket:
        import paramiko

        try:
            channel = self._transports[-1].open_channel(
                "direct-tcpip", (hop.hostname, hop.port), ("127.0.0.1", 0), timeout=timeout
            )
        except (paramiko.SSHException, OSError, EOFError) as why:
            raise ConnectFailed(f"the jump host does not reach {hop.hostname} port {hop.port}: {why}") from why
        return cast(socket.socket, ChannelSocket(channel))

    def _handshake(self, transport: paramiko.Transport, hop: Target, timeout: float) -> None:
        import paramiko

        self._handshaken = threading.Event()
        try:
            transport.start_client(event=self._handshaken)
        except paramiko.SSHException as why:
            raise ConnectFailed(f"{hop.hostname}: {why}") from why
        in_time = self._handshaken.wait(timeout)
        self._stop_if_given_up()
        if not in_time or not transport.is_active():
            said = str(transport.get_exception() or "") or "it closed the connection"
            reason = said if in_time else f"no key exchange within {timeout:g} s"
            raise ConnectFailed(f"{hop.hostname} port {hop.port}: {reason}")

    def _stop_if_given_up(self) -> None:
        if self._given_up.is_set():
            raise LinkLost(f"{self._target.alias}: closed while it was being connected", sent=False)

    @property
    def alive(self) -> bool:
        return bool(self._transports) and not self._given_up.is_set() and self._transports[-1].is_active()

    @property
    def transport(self) -> paramiko.Transport:
        return self._transports[-1]

    def session(self, window: int, timeout: float) -> paramiko.Channel:
        """A session channel that nothing was sent on; `release` gives it back.

        Raises:
            SessionRefused: the server wants no more of them.
            LinkLost: the link has gone, or gives no answer; it is closed then.
        """
        import paramiko

        with self._users_lock:
            self._users += 1
        started = time.monotonic()
        try:
            channel = self.transport.open_session(window_size=window, max_packet_size=PACKET, timeout=timeout)
        except (paramiko.SSHException, OSError, EOFError) as why:
            self.release(ended=True)
            # Of two refusals at once paramiko reports only one as a ChannelException.
            if self.alive and time.monotonic() - started < timeout:
                raise SessionRefused(str(why)) from why
            self.close()
            raise LinkLost(f"{self._target.alias}: the connection is gone ({why})", sent=False) from why
        self.served = True
        self._forget_old_channels()
        return channel

    def release(self, *, ended: bool) -> None:
        """A session is not used any more. `ended`: nor is it on the host."""
        with self._users_lock:
            self._users -= 1
            self.abandoned += not ended
            over = self._retired and not self._users
        if over:
            self.close()

    def retire(self) -> None:
        """Closes it once nobody uses it."""
        with self._users_lock:
            self._retired = True
            over = not self._users
        if over:
            self.close()

    def _forget_old_channels(self) -> None:
        """paramiko remembers the number of every channel there ever was (its issue 1685); the last ones will do."""
        seen = self.transport.channels_seen
        with self.transport.lock:
            while len(seen) > CHANNELS_REMEMBERED:
                del seen[next(iter(seen))]

    def answers(self) -> bool:
        """One round trip to sshd, no process started. Blocks until there is an answer or the link is gone."""
        self.transport.global_request("keepalive@openssh.com", wait=True)
        return self.alive

    def close(self) -> None:
        """Ends it at once, from any thread: the socket first, so that nobody waits for a peer that is not there."""
        self._given_up.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        # Nearest first: its channels are closed with it, and the next one does not try to send through one of them.
        for transport in self._transports:
            transport.close()
        self._handshaken.set()
        if self._socket is not None:
            self._socket.close()


def _choose_algorithms(transport: paramiko.Transport) -> None:
    """The fastest first (AES-GCM), and without CBC (CVE-2023-48795), SHA-1 and MD5, which paramiko would still take."""
    security = transport.get_security_options()
    modern = [name for name in security.ciphers if not name.endswith("-cbc")]
    security.ciphers = tuple(sorted(modern, key=lambda name: "gcm" not in name))
    security.digests = tuple(name for name in security.digests if "sha1" not in name and "md5" not in name)
