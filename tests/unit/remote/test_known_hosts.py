"""known_hosts as OpenSSH reads it: the verdicts are compared with those of the real ssh and ssh-keygen."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.remote import known_hosts
from console.remote.known_hosts import Standing, judge
from tests.unit.remote.piped_sshd import PipedSshd, keygen, public


@dataclass(frozen=True)
class Keys:
    directory: Path

    def line(self, kind: str) -> str:
        return public(self.directory / kind)

    def blob(self, kind: str) -> bytes:
        return base64.b64decode(self.line(kind).split()[1])


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    directory = tmp_path_factory.mktemp("keys")
    for name in ("ed25519", "rsa", "ecdsa"):
        keygen(directory / name, name)
    keygen(directory / "other", "ed25519")
    return Keys(directory)


def hashed(name: str, line: str, directory: Path) -> str:
    """The line as `ssh-keygen -H` writes it."""
    file = directory / "hash_me"
    file.write_text(f"{name} {line}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    Path(f"{file}.old").unlink()
    return file.read_text()


# name of the case, host, port, known_hosts text ({ed}: the host's key, {other}: another ed25519, {rsa}, {ecdsa})
VARIANTS = [
    ("empty", "h.example", 22, ""),
    ("plain", "h.example", 22, "h.example {ed}\n"),
    ("no final newline", "h.example", 22, "h.example {ed}"),
    ("comment after the key", "h.example", 22, "h.example {ed} me@there since 2020\n"),
    ("upper case host in the file", "h.example", 22, "H.Example {ed}\n"),
    ("upper case host asked for", "H.EXAMPLE", 22, "h.example {ed}\n"),
    ("tabs", "h.example", 22, "h.example\t{ed}\n"),
    ("leading blanks", "h.example", 22, "  \t h.example {ed}\n"),
    ("CRLF", "h.example", 22, "# made on Windows\r\nh.example {ed}\r\n"),
    ("CRLF after a comment", "h.example", 22, "h.example {ed} me\r\n"),
    ("list of names", "h.example", 22, "a.example,h.example,192.0.2.1 {ed}\n"),
    ("wildcard", "h.example", 22, "*.example {ed}\n"),
    ("question mark", "h.example", 22, "?.example {ed}\n"),
    ("question mark too short", "hh.example", 22, "?.example {ed}\n"),
    ("negated", "h.example", 22, "*.example,!h.example {ed}\n"),
    ("negated first", "h.example", 22, "!h.example,*.example {ed}\n"),
    ("negation of another", "h.example", 22, "*.example,!x.example {ed}\n"),
    ("brackets are no class", "h.example", 22, "[h].example {ed}\n"),
    ("port", "h.example", 2222, "[h.example]:2222 {ed}\n"),
    ("other port", "h.example", 2222, "[h.example]:2223 {ed}\n"),
    ("port known under the plain name", "h.example", 2222, "h.example {ed}\n"),
    ("port, the plain name has another key", "h.example", 2222, "h.example {other}\n"),
    ("port changed, though the plain name fits", "h.example", 2222, "[h.example]:2222 {other}\nh.example {ed}\n"),
    ("port wildcard", "h.example", 2222, "[*.example]:* {ed}\n"),
    ("22 in brackets", "h.example", 22, "[h.example]:22 {ed}\n"),
    ("IPv6", "2001:db8::1", 22, "2001:db8::1 {ed}\n"),
    ("changed", "h.example", 22, "h.example {other}\n"),
    ("changed, then known", "h.example", 22, "h.example {other}\nh.example {ed}\n"),
    ("known, then another", "h.example", 22, "h.example {ed}\nh.example {other}\n"),
    ("only another type", "h.example", 22, "h.example {rsa}\n"),
    ("several types", "h.example", 22, "h.example {rsa}\nh.example {ecdsa}\nh.example {ed}\n"),
    ("revoked", "h.example", 22, "@revoked h.example {ed}\n"),
    ("revoked and known", "h.example", 22, "h.example {ed}\n@revoked * {ed}\n"),
    ("another key revoked", "h.example", 22, "@revoked * {other}\nh.example {ed}\n"),
    ("revoked elsewhere", "h.example", 22, "@revoked x.example {ed}\nh.example {ed}\n"),
    ("authority is not the host's key", "h.example", 22, "@cert-authority *.example {ed}\n"),
    ("authority beside the key", "h.example", 22, "@cert-authority *.example {other}\nh.example {ed}\n"),
    ("unknown marker", "h.example", 22, "@trusted h.example {ed}\n"),
    ("two markers", "h.example", 22, "@revoked @revoked h.example {ed}\n"),
    ("garbage around", "h.example", 22, "\x00\x01\nno key\nh.example ssh-ed25519 !!!!\nh.example {ed}\n"),
    ("key cut short", "h.example", 22, "h.example {cut}\n"),
    ("type does not fit the key", "h.example", 22, "h.example {lie}\n"),
    ("protocol 1", "h.example", 22, "h.example 1024 35 1234567890\n"),
    ("commented out", "h.example", 22, "#h.example {ed}\n"),
    ("hashed", "h.example", 22, "{hash h.example}"),
    ("hashed with port", "h.example", 2222, "{hash [h.example]:2222}"),
    ("hashed plain name for a port", "h.example", 2222, "{hash h.example}"),
    ("hash of another", "h.example", 22, "{hash x.example}"),
    ("hash broken", "h.example", 22, "|1|AAAA|BBBB {ed}\n|2|x|y {ed}\n|1| {ed}\n"),
]


def fill(text: str, keys: Keys, directory: Path) -> str:
    kind, key = keys.line("ed25519").split()
    if text.startswith("{hash "):
        return hashed(text[6:-1], keys.line("ed25519"), directory)
    names = {"{ed}": "ed25519", "{other}": "other", "{rsa}": "rsa", "{ecdsa}": "ecdsa"}
    for word, name in names.items():
        text = text.replace(word, keys.line(name))
    return text.replace("{cut}", f"{kind} {key[:40]}").replace("{lie}", f"ssh-rsa {key}")


@pytest.fixture(scope="module")
def sshd(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> PipedSshd:
    keygen(keys.directory / "client")
    return PipedSshd(tmp_path_factory.mktemp("sshd"), [keys.directory / "ed25519"], [keys.directory / "client"])


def ask_ssh(sshd: PipedSshd, keys: Keys, file: Path, host: str, port: int, *more: str) -> Standing:
    """The verdict of the real ssh, strict, on a host that shows the ed25519 key."""
    options = ["StrictHostKeyChecking=yes", "BatchMode=yes", f"UserKnownHostsFile={file}", "GlobalKnownHostsFile=none"]
    options += [
        f"ProxyCommand={sshd.command}",
        "PreferredAuthentications=none",
        "KexAlgorithms=curve25519-sha256",
        *more,
    ]
    command = ["ssh", "-F", "none", "-p", str(port), *(f"-o{option}" for option in options), "--", host, "true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    said = done.stderr
    if "Permission denied" in said:
        return Standing.KNOWN
    if "revoked" in said:
        return Standing.REVOKED
    if "Host key for" in said and "has changed" in said:
        return Standing.CHANGED
    assert "host key is known for" in said, said
    return Standing.UNKNOWN


@pytest.mark.parametrize(("case", "host", "port", "text"), VARIANTS, ids=[case[0] for case in VARIANTS])
def test_same_verdict_as_ssh(
    case: str, host: str, port: int, text: str, keys: Keys, sshd: PipedSshd, tmp_path: Path
) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(fill(text, keys, tmp_path), newline="")
    ours = judge([str(file)], host, port, "ssh-ed25519", keys.blob("ed25519"))
    assert ours.standing is ask_ssh(sshd, keys, file, host, port)


@pytest.mark.parametrize(
    "text",
    ["", "MyBox {ed}\n", "mybox {ed}\n", "MyBox {other}\n", "mybox {other}\n", "{hash mybox}", "h.example {ed}\n"],
)
@pytest.mark.parametrize("alias", ["mybox", "MyBox"])
def test_same_verdict_as_ssh_under_an_alias(alias: str, text: str, keys: Keys, sshd: PipedSshd, tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(fill(text, keys, tmp_path), newline="")
    ours = judge([str(file)], "h.example", 22, "ssh-ed25519", keys.blob("ed25519"), alias=alias)
    assert ours.standing is ask_ssh(sshd, keys, file, "h.example", 22, f"HostKeyAlias={alias}")


BROKEN_KEYS = {"garbage around", "key cut short", "type does not fit the key", "protocol 1"}
"""`ssh-keygen -F` names these lines too: it does not read the key."""


@pytest.mark.parametrize(
    "case",
    [case for case in VARIANTS if case[2] == 22 and case[1].islower() and case[0] not in BROKEN_KEYS],
    ids=lambda case: str(case[0]),
)
def test_same_lines_as_ssh_keygen(case: tuple[str, str, int, str], keys: Keys, tmp_path: Path) -> None:
    _, host, _, text = case
    file = tmp_path / "known_hosts"
    file.write_text(fill(text, keys, tmp_path), newline="")
    done = subprocess.run(["ssh-keygen", "-F", host, "-f", str(file)], capture_output=True, text=True, check=False)
    theirs = [int(line.split("line ")[1].split()[0]) for line in done.stdout.splitlines() if " found: line " in line]
    ours = [entry.line for entry in known_hosts.lookup([str(file)], known_hosts.host_name(host, 22)).entries]
    assert ours == theirs


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_fingerprint_is_that_of_ssh_keygen(kind: str, keys: Keys) -> None:
    done = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(keys.directory / f"{kind}.pub")], capture_output=True, text=True, check=True
    )
    assert known_hosts.fingerprint(keys.blob(kind)) == done.stdout.split()[1]


def test_verdict_names_the_line_and_the_other_types(keys: Keys, tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    lines = ["# mine", f"h {keys.line('rsa')}", f"h {keys.line('other')}", f"@cert-authority * {keys.line('ecdsa')}"]
    file.write_text("\n".join(lines))
    verdict = judge([str(file)], "h", 22, "ssh-ed25519", keys.blob("ed25519"))
    assert (verdict.standing, verdict.path, verdict.line) == (Standing.CHANGED, str(file), 3)
    assert verdict.other_types == ("ssh-rsa",)
    assert verdict.authorities == 1


def test_alias_is_looked_up_without_a_port(keys: Keys, tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"web1 {keys.line('ed25519')}\n")
    verdict = judge([str(file)], "192.0.2.1", 2222, "ssh-ed25519", keys.blob("ed25519"), alias="web1")
    assert verdict.standing is Standing.KNOWN
    assert judge([str(file)], "192.0.2.1", 2222, "ssh-ed25519", keys.blob("ed25519")).standing is Standing.UNKNOWN


def test_garbage_is_counted_and_unreadable_files_are_named(keys: Keys, tmp_path: Path) -> None:
    file, folder = tmp_path / "known_hosts", tmp_path / "folder"
    file.write_text(f"only-a-name\n@what h k k\nh {keys.line('ed25519')}\n")
    folder.mkdir()
    paths = [str(tmp_path / "missing"), str(folder), str(file)]
    verdict = judge(paths, "h", 22, "ssh-ed25519", keys.blob("ed25519"))
    assert verdict.standing is Standing.KNOWN
    assert verdict.warnings == (f"{folder}: Is a directory", f"{file}: 2 lines are not understood, the first is line 1")


@given(st.binary(max_size=400), st.text(max_size=20))
@settings(max_examples=300)
def test_any_bytes_parse(data: bytes, name: str) -> None:
    known_hosts.parse(data, name)
    known_hosts.parse(b"@revoked " + data + b" ssh-ed25519 AAAA", name)


def test_ten_megabytes_are_read_quickly(keys: Keys) -> None:
    """Half of the lines hashed, as Debian writes them; the host is the last one."""
    salts = [base64.b64encode(os.urandom(20)) for _ in range(1000)]
    hashed_lines = b"".join(b"|1|%s|%s ssh-ed25519 AAAA\n" % (salt, salt) for salt in salts)
    plain = b"".join(b"host%d.example.net,192.0.2.9 %s\n" % (n, keys.line("ed25519").encode()) for n in range(1000))
    data = (hashed_lines + plain) * 56 + b"last.example " + keys.line("ed25519").encode()
    assert len(data) > 10_000_000
    start = time.process_time()
    reading = known_hosts.parse(data, "last.example")
    assert [entry.line for entry in reading.entries] == [112_001]
    assert time.process_time() - start < 2.0


def test_known_types_go_first_and_rsa_means_its_signatures(keys: Keys, tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"h {keys.line('rsa')}\n@revoked h {keys.line('ecdsa')}\n[h]:2222 {keys.line('ecdsa')}\n")
    offered = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")
    assert known_hosts.known_types([str(file)], "h", 22) == ("ssh-rsa",)
    assert known_hosts.known_types([str(file)], "h", 2222) == ("ecdsa-sha2-nistp256",)
    assert known_hosts.known_types([str(file)], "h", 2200) == ("ssh-rsa",)
    assert known_hosts.prefer(("ssh-rsa",), offered) == (*offered[2:], *offered[:2])
    assert known_hosts.prefer(("ssh-dss",), offered) == offered


@pytest.mark.parametrize("before", ["", "a ssh-rsa AAAA\n", "a ssh-rsa AAAA", "# \xff garbage\r\n\x00"])
@pytest.mark.parametrize("hash_it", [False, True])
def test_append_adds_one_line_and_leaves_the_rest(before: str, hash_it: bool, keys: Keys, tmp_path: Path) -> None:
    file = tmp_path / "ssh" / "known_hosts"
    if before:
        file.parent.mkdir()
        file.write_bytes(before.encode("latin-1"))
    known_hosts.append(str(file), "[h.example]:2222", "ssh-ed25519", keys.blob("ed25519"), hashed=hash_it)
    text = file.read_bytes()
    joined = before.encode("latin-1") + (b"" if before.endswith("\n") or not before else b"\n")
    assert text.startswith(joined)
    assert text[len(joined) :].count(b"\n") == 1
    assert text.endswith(b"\n")
    assert (b"h.example" in text) is not hash_it
    verdict = judge([str(file)], "h.example", 2222, "ssh-ed25519", keys.blob("ed25519"))
    assert verdict.standing is Standing.KNOWN


def test_append_makes_private_files_and_ssh_reads_them(keys: Keys, sshd: PipedSshd, tmp_path: Path) -> None:
    file = tmp_path / "new" / "known_hosts"
    known_hosts.append(str(file), "h.example", "ssh-ed25519", keys.blob("ed25519"), hashed=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert ask_ssh(sshd, keys, file, "h.example", 22) is Standing.KNOWN


def test_append_follows_no_link_and_writes_to_no_device(keys: Keys, tmp_path: Path) -> None:
    victim, link, pipe = tmp_path / "victim", tmp_path / "link", tmp_path / "pipe"
    victim.write_text("precious\n")
    link.symlink_to(victim)
    os.mkfifo(pipe)
    for path in (str(link), str(pipe), "/dev/null", str(tmp_path)):
        with pytest.raises(OSError, match=r"\w"):
            known_hosts.append(path, "h", "ssh-ed25519", keys.blob("ed25519"))
    assert victim.read_text() == "precious\n"


@pytest.mark.parametrize("name", ["", "*", "a b", "a,b", "!a", "@revoked", "|1|x|y", "a\nb", "a?", "#a", "a\x7f"])
def test_append_takes_plain_names_only(name: str, keys: Keys, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a host name"):
        known_hosts.append(str(tmp_path / "known_hosts"), name, "ssh-ed25519", keys.blob("ed25519"))
    assert not (tmp_path / "known_hosts").exists()


def test_many_consoles_append_at_once(keys: Keys, tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text("a ssh-rsa AAAA")
    work = [
        threading.Thread(target=known_hosts.append, args=(str(file), f"h{number}", "ssh-ed25519", keys.blob("ed25519")))
        for number in range(16)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    lines = file.read_text().splitlines()
    assert lines[0] == "a ssh-rsa AAAA"
    assert sorted(line.split()[0] for line in lines[1:]) == sorted(f"h{number}" for number in range(16))
