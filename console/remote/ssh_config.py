"""ssh_config as OpenSSH understands it: `ssh -G` where there is an ssh, paramiko's parser where there is none."""

from __future__ import annotations

import getpass
import hashlib
import os
import pwd
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from console.remote.errors import ConnectFailed
from console.remote.target import Target

DEADLINE = 10.0
"""Seconds that one `ssh -G` may take; `Match exec` and CanonicalizeHostname can be slow."""

MAX_HOPS = 8

Options = Mapping[str, tuple[str, ...]]
"""Keyword in lower case to its values, one a line, as `ssh -G` prints them."""

_DEFAULT_KEYS = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa")

_NOT_HONOURED = {
    "proxycommand": "ProxyCommand is not run: the host is reached directly or through ProxyJump",
    "proxyusefdpass": "ProxyUseFdpass is not supported",
    "revokedhostkeys": "RevokedHostKeys is not read: use @revoked lines in known_hosts",
    "knownhostscommand": "KnownHostsCommand is not run: only known_hosts files count",
    "bindaddress": "BindAddress is not followed",
    "bindinterface": "BindInterface is not followed",
    "pkcs11provider": "PKCS11Provider is not loaded: add the token's keys to an agent",
    "preferredauthentications": "PreferredAuthentications is not followed: keys first, then what you can type",
}
_HARMLESS = {"no", "none", "false"}


@dataclass(frozen=True, slots=True)
class Hop:
    """One element of a ProxyJump list."""

    host: str
    user: str | None = None
    port: int | None = None


def resolve(alias: str, *, user: str | None = None, port: int | None = None, config: Path | None = None) -> Target:
    """The whole way to `alias` (`host`, `user@host`), jump hosts included.

    Args:
        config: instead of the user's and the system's files.

    Raises:
        ConnectFailed: the alias or the configuration makes no sense, or ssh took more than 10 seconds.
    """
    return _resolve(Hop(alias, user, port), config, ())


def _home() -> Path:
    """The home directory as ssh takes it: from the password database, whatever $HOME says."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path.home()


def _resolve(hop: Hop, config: Path | None, seen: tuple[str, ...], *, jumps: bool = True) -> Target:
    if not hop.host or hop.host.startswith("-") or not hop.host.isprintable() or " " in hop.host:
        raise ConnectFailed(f"not a host name: {hop.host!r}")
    if hop.host in seen or len(seen) >= MAX_HOPS:
        raise ConnectFailed("ProxyJump goes round in a circle: " + " → ".join((*seen, hop.host)))
    ssh = shutil.which("ssh")
    if ssh:
        options = parse_options(_ask_ssh(ssh, hop, config))
        target = settle(hop.host, options)
    else:
        options, notes = _ask_paramiko(hop, config)
        target = settle(hop.host, options, notes)
    if not jumps:
        return target
    hops = parse_jumps(_last(options, "proxyjump"))
    return replace(target, jumps=_chain(hops, config, (*seen, hop.host)))


def _chain(hops: tuple[Hop, ...], config: Path | None, seen: tuple[str, ...]) -> tuple[Target, ...]:
    """ssh(1) -J: the first hop is reached as its own configuration says, each other one through the one before."""
    way: list[Target] = []
    for number, hop in enumerate(hops):
        target = _resolve(hop, config, seen, jumps=number == 0)
        way += [*target.jumps, replace(target, jumps=())]
    return tuple(way)


def _ask_ssh(ssh: str, hop: Hop, config: Path | None) -> bytes:
    command = [ssh, "-G", "-T"]
    command += ["-F", str(config)] if config else []
    command += ["-l", hop.user] if hop.user else []
    command += ["-p", str(hop.port)] if hop.port else []
    try:
        done = subprocess.run(
            [*command, "--", hop.host], stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE, check=False
        )
    except subprocess.TimeoutExpired:
        raise ConnectFailed(f"ssh -G {hop.host} gave no answer within {DEADLINE:.0f} s") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise ConnectFailed(f"ssh -G {hop.host} failed: {said or done.returncode}")
    return done.stdout


def parse_options(output: bytes) -> Options:
    """The output of `ssh -G`: a keyword and a value on each line. Never raises."""
    options: dict[str, list[str]] = {}
    for line in output.decode("utf-8", "surrogateescape").splitlines():
        keyword, _, value = line.strip().partition(" ")
        if keyword:
            options.setdefault(keyword.lower(), []).append(value.strip())
    return {keyword: tuple(values) for keyword, values in options.items()}


def settle(alias: str, options: Options, notes: Iterable[str] = ()) -> Target:
    """A Target without its jumps. Reads the environment for `~`, `$NAME` and the agent.

    Raises:
        ConnectFailed: no host name, or a port that is none.
    """
    hostname, user, port = _last(options, "hostname"), _last(options, "user"), _last(options, "port") or "22"
    alias = alias.removeprefix("ssh://").rpartition("@")[2] or alias
    if not hostname or not user:
        raise ConnectFailed(f"no host name or no user for {alias!r}")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConnectFailed(f"not a port: {port}")
    key_alias = _last(options, "hostkeyalias") or None
    tokens = _tokens(alias, hostname, user, port, key_alias, _last(options, "proxyjump"))
    files = tuple(_path(name, tokens) for name in options.get("identityfile", ()) if name.lower() != "none")
    timeout = _last(options, "connecttimeout")
    return Target(
        alias=alias,
        hostname=hostname.strip("[]"),
        port=int(port),
        user=user,
        identity_files=files,
        identities_configured=not all(_default_key(name) for name in files),
        certificate_files=tuple(_path(name, tokens) for name in options.get("certificatefile", ())),
        identities_only=_last(options, "identitiesonly") in ("yes", "true"),
        identity_agent=_agent(_last(options, "identityagent"), tokens),
        host_key_alias=key_alias,
        user_known_hosts=_files(_last(options, "userknownhostsfile"), tokens),
        global_known_hosts=_files(_last(options, "globalknownhostsfile"), tokens),
        hash_known_hosts=_last(options, "hashknownhosts") in ("yes", "true"),
        connect_timeout=float(timeout) if timeout.isdigit() and int(timeout) else None,
        notes=(*notes, *_notes(options)),
    )


def _last(options: Options, keyword: str) -> str:
    values = options.get(keyword, ())
    return values[-1] if values else ""


def _notes(options: Options) -> tuple[str, ...]:
    notes = [said for word, said in _NOT_HONOURED.items() if _last(options, word).lower() not in ("", *_HARMLESS)]
    if _last(options, "stricthostkeychecking").lower() in ("no", "off", "false", "accept-new"):
        notes.append("StrictHostKeyChecking is always strict here: an unknown host key is shown and asked about")
    if _last(options, "pubkeyauthentication").lower() in ("no", "false"):
        notes.append("PubkeyAuthentication no is not followed: keys are tried first")
    return tuple(notes)


def _default_key(path: str) -> bool:
    return Path(path).name in _DEFAULT_KEYS and Path(path).parent == _home() / ".ssh"


def _tokens(alias: str, host: str, user: str, port: str, key_alias: str | None, jump: str) -> dict[str, str]:
    """ssh_config(5) TOKENS."""
    here, login = socket.gethostname(), getpass.getuser()
    mixed = hashlib.sha1((here + host + port + user + jump).encode(), usedforsecurity=False).hexdigest()
    return {
        "%%": "%",
        "%C": mixed,
        "%d": str(_home()),
        "%h": host,
        "%i": str(os.getuid()),
        "%j": jump,
        "%k": key_alias or alias,
        "%L": here.partition(".")[0],
        "%l": here,
        "%n": alias,
        "%p": port,
        "%r": user,
        "%u": login,
    }


def _path(text: str, tokens: Mapping[str, str]) -> str:
    """`~`, `${NAME}` and tokens replaced; what is unknown stays as it is, and is then a file that does not exist."""
    text = re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], found[0]), text)
    text = re.sub(r"%.", lambda found: tokens.get(found[0], found[0]), text)
    return _untilde(text)


def _untilde(text: str) -> str:
    """`~/` is ours, `~name/` another user's, who may not exist."""
    if text.startswith("~/"):
        return str(_home() / text[2:])
    try:
        return str(Path(text).expanduser()) if text.startswith("~") else text
    except RuntimeError:
        return text


def _agent(text: str, tokens: Mapping[str, str]) -> str | None:
    if text.lower() == "none":
        return None
    if text in ("", "SSH_AUTH_SOCK"):
        return os.environ.get("SSH_AUTH_SOCK") or None
    if re.fullmatch(r"\$\w+", text):
        return os.environ.get(text[1:]) or None
    return _path(text, tokens)


def _files(text: str, tokens: Mapping[str, str]) -> tuple[str, ...]:
    """A list of files. `ssh -G` prints names with spaces in them unquoted: a new name starts at a `/` or `~`."""
    names = re.split(r"\s+(?=[/~%$])", text) if text[:1] in ("/", "~", "%", "$") else text.split()
    return tuple(_path(name, tokens) for name in names if name and name.lower() != "none")


def parse_jumps(text: str) -> tuple[Hop, ...]:
    """`[user@]host[:port]` or `ssh://…`, separated by commas; `none` and nothing are no hops.

    Raises:
        ConnectFailed: an element that is neither.
    """
    if not text or text.lower() == "none":
        return ()
    return tuple(_hop(element.strip()) for element in text.split(","))


_PLACE = re.compile(
    r"\[([^\[\]]+)\](?::(\d{1,5}))?"  # [address], [address]:port
    r"|([^:\[\]]+)(?::(\d{1,5}))?"  # host, host:port
    r"|([0-9A-Fa-f.]*(?::[0-9A-Fa-f.]*){2,})"  # a bare IPv6 address
)


def _hop(element: str) -> Hop:
    user, _, place = element.removeprefix("ssh://").rstrip("/").rpartition("@")
    found = _PLACE.fullmatch(place)
    if not found:
        raise ConnectFailed(f"ProxyJump is not understood: {element!r}")
    host = found[1] or found[3] or found[5]
    port = found[2] or found[4]
    return Hop(host, user or None, int(port) if port else None)


def _ask_paramiko(hop: Hop, config: Path | None) -> tuple[Options, tuple[str, ...]]:
    """Without an ssh: the parser of paramiko, which knows no Include and checks fewer kinds of Match."""
    import paramiko

    path = config or _home() / ".ssh" / "config"
    user, _, host = hop.host.rpartition("@")
    notes = ["there is no ssh on this machine: ssh_config is read without Include and without the system's file"]
    found: dict[str, str | list[str]] = {}
    try:
        found = dict(paramiko.SSHConfig.from_path(str(path)).lookup(host))
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError, paramiko.SSHException) as problem:
        notes.append(f"{path} is not used: {problem}")
    options = {word: tuple(value) if isinstance(value, list) else (value,) for word, value in found.items()}
    home = _home() / ".ssh"
    options.setdefault("hostname", (host,))
    options.setdefault("user", (getpass.getuser(),))
    options.setdefault("identityfile", tuple(str(home / name) for name in _DEFAULT_KEYS))
    options.setdefault("userknownhostsfile", (f"{home}/known_hosts {home}/known_hosts2",))
    options.setdefault("globalknownhostsfile", ("/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2",))
    if hop.user or user:
        options["user"] = (hop.user or user,)
    if hop.port:
        options["port"] = (str(hop.port),)
    return options, tuple(notes)


def aliases(config: Path | None = None) -> tuple[str, ...]:
    """Every concrete Host name in the user's configuration, in file order, Include followed; no patterns."""
    home = _home() / ".ssh"
    names: dict[str, None] = {}
    _collect(config or home / "config", home, names, 0)
    return tuple(names)


def _collect(path: Path, home: Path, names: dict[str, None], depth: int) -> None:
    if depth > 16:
        return
    try:
        text = path.read_text("utf-8", "surrogateescape")
    except OSError:
        return
    for line in text.splitlines():
        keyword, values = _words(line)
        if keyword == "host":
            names.update(dict.fromkeys(name for name in values if not re.search(r"[*?!]", name)))
        elif keyword == "include":
            for pattern in values:
                for found in _matching(home / _untilde(pattern)):
                    _collect(found, home, names, depth + 1)


def _matching(pattern: Path) -> list[Path]:
    """glob(7), as Include uses it."""
    return sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))


def _words(line: str) -> tuple[str, list[str]]:
    """Keyword in lower case and its arguments: `Host a "b c"`, `Host=a`, comments gone."""
    found = re.match(r"\s*(\w+)(?:\s*=\s*|\s+)(.*)", line)
    if not found:
        return "", []
    try:
        return found[1].lower(), shlex.split(found[2], comments=True)
    except ValueError:
        return "", []
