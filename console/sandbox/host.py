"""`Sandbox`: a Connection to a host that is not there."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import weakref
from pathlib import Path

from console.remote.connection import Privilege
from console.remote.errors import ConnectFailed, TunnelRefused
from console.remote.local import Local
from console.remote.prompter import Prompter
from console.remote.wire import PATH
from console.sandbox.files import NotOurs, build
from console.sandbox.secondaries import LAG, Secondary
from console.sandbox.server import ADDRESSES, NameServers

DIRECTORY = "OPSCONSOLE_SANDBOX"
"""Environment variable: a directory to keep the sandbox in. Without it every run starts afresh."""

LAG_SECONDS = "OPSCONSOLE_SANDBOX_LAG"
"""Environment variable: seconds by which the secondary is late."""


class Sandbox(Local):
    """The make-believe host: `Local` in a scratch directory, with its own commands first on PATH.

    Args:
        directory: Where its files live; kept on close. None: a fresh directory, removed on close.
        lag: Seconds after a load at which the secondary fetches the zone.
    """

    def __init__(
        self, prompter: Prompter, *, name: str = "sandbox", directory: Path | None = None, lag: float = LAG
    ) -> None:
        self.root = (directory or Path(tempfile.mkdtemp(prefix="opsbox-"))).resolve()
        if directory is None:
            weakref.finalize(self, shutil.rmtree, self.root, ignore_errors=True)
        super().__init__(
            prompter,
            name=name,
            path=f"{self.root}/bin:{PATH}",
            environment=_environment(self.root),
        )
        self._lag = lag
        self._building = threading.Lock()
        self._temporary = directory is None
        self._secondary: Secondary | None = None
        self._servers: NameServers | None = None

    @property
    def address(self) -> str:
        return "make-believe host"

    def connect(self) -> None:
        with self._building:
            if self._secondary is None:
                self._prepare()
        super().connect()

    def _probe(self) -> None:
        """Root as far as the console can tell: every file is its own, and nothing needs a privilege."""
        super()._probe()
        self._user, self._privilege = "root", Privilege.ROOT

    def tunnel(self, address: str, port: int) -> socket.socket:
        self.connect()
        if self._servers is None or address not in ADDRESSES or port != 53:
            raise TunnelRefused(f"{self.name} cannot reach {address} port {port}: Connection refused")
        return self._servers.connect(address)

    def close(self) -> None:
        super().close()
        with self._building:
            if self._servers is not None:
                self._servers.close()
            if self._secondary is not None:
                self._secondary.close()
            self._servers = self._secondary = None
            if self._temporary:
                shutil.rmtree(self.root, ignore_errors=True)

    def _prepare(self) -> None:
        try:
            build(self.root)
        except (NotOurs, OSError) as why:
            raise ConnectFailed(f"the sandbox could not be set up in {self.root}: {why}") from why
        self._servers = NameServers(self.root)
        self._secondary = Secondary(self.root, self._lag)
        self._secondary.start()


def open_sandbox(prompter: Prompter, name: str = "sandbox") -> Sandbox:
    """The sandbox as the environment asks for it (`OPSCONSOLE_SANDBOX`, `OPSCONSOLE_SANDBOX_LAG`)."""
    kept = os.environ.get(DIRECTORY, "")
    lag = os.environ.get(LAG_SECONDS, "")
    return Sandbox(
        prompter,
        name=name,
        directory=Path(kept).expanduser() if kept else None,
        lag=float(lag) if lag.replace(".", "", 1).isdigit() else LAG,
    )


def _environment(root: Path) -> dict[str, str]:
    """What scripts find: a home and scratch places inside the sandbox, nothing of the user's."""
    return {
        "HOME": str(root),
        "TMPDIR": str(root / "tmp"),
        "XDG_RUNTIME_DIR": str(root / "run"),
        "XDG_STATE_HOME": str(root / "var/lib"),
    }
