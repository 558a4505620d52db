"""The base machine: bootstrapped once from this machine's own Debian suite, then only ever read."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from tests.live.lab.recipe import PACKAGES, SETUP, Source, apt_proxy, cache_dir, own_source, own_suite, recipe_hash


class BuildFailed(Exception):
    """debootstrap or the set-up script ended badly; the log says where."""


def base_machine() -> Path:
    """Root directory of the base machine, built first if the cache has none. About a minute when it has none."""
    suite = own_suite()
    cache = cache_dir()
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / recipe_hash(suite)
    with (cache / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.is_dir():
            _build(own_source(suite), root)
    return root


def _build(source: Source, root: Path) -> None:
    """Builds beside `root` and renames last, so that a half-built machine is never taken for a whole one."""
    partial = root.with_name(root.name + ".partial")
    log = root.with_name(root.name + ".log")
    if partial.exists():
        shutil.rmtree(partial)
    command = [
        "debootstrap",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        *([f"--keyring={source.keyring}"] if source.keyring else []),
        source.suite,
        str(partial),
        source.uri,
    ]
    with log.open("w") as output:
        _logged(command, output.fileno(), log)
        setup = ["chroot", str(partial), "/bin/sh", "-s"]
        _logged(setup, output.fileno(), log, stdin=SETUP.read_bytes())
    partial.rename(root)


def _logged(command: list[str], output: int, log: Path, stdin: bytes = b"") -> None:
    """Runs in a mount namespace of its own, so that nothing stays mounted whatever happens."""
    environment = {**os.environ, "LC_ALL": "C"}
    if proxy := apt_proxy():
        environment["http_proxy"] = proxy
    wrapped = ["unshare", "--mount", "--", *command]
    done = subprocess.run(wrapped, input=stdin, stdout=output, stderr=output, env=environment, check=False)
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise BuildFailed(f"{command[0]} ended with status {done.returncode}; {log} ends:\n{tail}")
