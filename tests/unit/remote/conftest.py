from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.remote.ssh import Ssh
from tests.unit.remote.private_sshd import SSHD, Answers, PrivateSshd


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSshd]:
    require_sshd()
    server = PrivateSshd(tmp_path_factory.mktemp("sshd")).start()
    yield server
    server.stop()


@pytest.fixture
def own_sshd(tmp_path: Path) -> Iterator[PrivateSshd]:
    """One that the test may hurt; `start` is the test's own."""
    require_sshd()
    server = PrivateSshd(tmp_path / "sshd")
    yield server
    server.stop()


@pytest.fixture
def ssh(sshd: PrivateSshd) -> Iterator[Ssh]:
    connection = Ssh("box", sshd.target, Answers())
    yield connection
    connection.close()


def require_sshd() -> None:
    if os.geteuid() == 0 and Path(SSHD).exists():
        return
    if os.environ.get("CI"):
        pytest.fail("openssh-server and root are needed here")
    pytest.skip("needs openssh-server and root")
