"""The make-believe host: that it behaves as a real BIND 9.18 does where the console looks."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from console.dns.probe import read_snapshot
from console.remote.connection import Connection, Privilege
from console.remote.errors import ConnectFailed, TunnelRefused
from console.remote.prompter import HostKeyQuestion, Question
from console.remote.secret import Secret
from console.sandbox.host import Sandbox

SERIAL = 2026110201


class NoPrompt:
    def ask(self, question: Question) -> Secret | None:
        raise AssertionError(f"the sandbox asked: {question}")

    def accept_host_key(self, question: HostKeyQuestion) -> bool:
        raise AssertionError(f"the sandbox asked: {question}")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    box = Sandbox(NoPrompt(), directory=tmp_path / "box", lag=0.4)
    box.connect()
    yield box
    box.close()


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """For tests that change no zone."""
    box = Sandbox(NoPrompt(), directory=tmp_path_factory.mktemp("shared") / "box")
    box.connect()
    yield box
    box.close()


def say(box: Sandbox, script: str, *args: str) -> tuple[int, str]:
    result = box.run(f"exec 2>&1; cd {box.root}; {script}", args)
    return result.exit_status, result.stdout.decode()


def ask(box: Sandbox, address: str, name: str, rdtype: str = "SOA") -> dns.message.Message:
    wire = dns.message.make_query(name, rdtype).to_wire()
    with box.tunnel(address, 53) as stream, stream.makefile("rb") as incoming:
        stream.sendall(struct.pack("!H", len(wire)) + wire)
        (size,) = struct.unpack("!H", incoming.read(2))
        return dns.message.from_wire(incoming.read(size))


def serial(box: Sandbox, address: str, zone: str) -> int:
    return int(ask(box, address, zone).answer[0][0].serial)


def log(box: Sandbox) -> str:
    return (box.root / "var/log/named/named.log").read_text()


def until(seen: Callable[[], bool], within: float = 10.0) -> float:
    """Seconds it took."""
    start = time.monotonic()
    while not seen():
        assert time.monotonic() - start < within, "never seen"
        time.sleep(0.02)
    return time.monotonic() - start


def edit(box: Sandbox, old: str, new: str, zone: str = "example.net") -> None:
    file = box.root / f"etc/bind/zones/db.{zone}"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_is_a_connection_as_root_without_being_it(unchanged: Sandbox) -> None:
    connection: Connection = unchanged
    assert connection.address == "make-believe host"
    assert (connection.user, connection.privilege) == ("root", Privilege.ROOT)
    assert connection.run("sudo -n -- id -un", sudo=True).stdout == b"sandbox\n"


def test_probe_runs_unchanged(unchanged: Sandbox) -> None:
    snapshot = read_snapshot(unchanged)
    assert snapshot.warnings == ()
    assert snapshot.findings == ()
    assert snapshot.running
    assert "make-believe" in snapshot.version
    assert snapshot.listens == (("127.0.0.1", 53), ("192.0.2.1", 53))
    assert snapshot.log is not None
    assert (snapshot.log.kind, snapshot.log.where) == ("file", f"{unchanged.root}/var/log/named/named.log")
    assert snapshot.tools["rndc"] == f"{unchanged.root}/bin/rndc"
    assert snapshot.tools["named-compilezone"] == f"{unchanged.root}/bin/named-compilezone"
    kinds = {zone.name: (zone.kind, zone.editable, zone.serial_disk, zone.dynamic) for zone in snapshot.zones}
    assert kinds == {
        "example.net": ("primary", True, SERIAL, False),
        "example.org": ("primary", True, 41, False),
        "shop.example": ("primary", True, 2026101503, False),
        "home.example": ("primary", True, 1761980400, True),
        "partner.example": ("secondary", False, 2026101402, False),
    }
    assert all(zone.allow_transfer == ("192.0.2.53",) for zone in snapshot.zones)


def test_reload_is_served_here_at_once_and_on_the_secondary_later(sandbox: Sandbox) -> None:
    assert serial(sandbox, "192.0.2.53", "example.net") == SERIAL
    edit(sandbox, str(SERIAL), str(SERIAL + 1))
    assert say(sandbox, "rndc reload example.net") == (0, "zone reload queued\n")
    assert serial(sandbox, "127.0.0.1", "example.net") == SERIAL + 1
    assert serial(sandbox, "192.0.2.1", "example.net") == SERIAL + 1
    assert serial(sandbox, "192.0.2.53", "example.net") == SERIAL
    until(lambda: serial(sandbox, "192.0.2.53", "example.net") == SERIAL + 1)
    for line in (
        f"zoneload: info: zone example.net/IN: loaded serial {SERIAL + 1}\n",
        f"notify: info: zone example.net/IN: sending notifies (serial {SERIAL + 1})\n",
        "192.0.2.53#44301 (example.net): transfer of 'example.net/IN': IXFR version not in journal, falling back to",
        f"transfer of 'example.net/IN': AXFR-style IXFR started (serial {SERIAL + 1})\n",
    ):
        assert line in log(sandbox)


def test_reload_of_a_broken_zone_says_queued_and_serves_the_old(sandbox: Sandbox) -> None:
    edit(sandbox, "192.0.2.80", "192.0.2.800")
    assert say(sandbox, "rndc reload example.net") == (0, "zone reload queued\n")
    assert serial(sandbox, "127.0.0.1", "example.net") == SERIAL
    assert "near '192.0.2.800': bad dotted quad" in log(sandbox)
    assert log(sandbox).endswith("zoneload: error: zone example.net/IN: not loaded due to errors.\n")


def test_reload_ignores_a_file_that_is_not_newer(sandbox: Sandbox) -> None:
    file = "etc/bind/zones/db.example.net"
    edit(sandbox, str(SERIAL), str(SERIAL + 1))
    assert say(sandbox, f"touch -t 200001010000 {file}; rndc reload example.net") == (0, "zone reload up-to-date\n")
    assert serial(sandbox, "127.0.0.1", "example.net") == SERIAL


def test_serial_that_went_backwards_is_served_but_not_followed(sandbox: Sandbox) -> None:
    edit(sandbox, str(SERIAL), str(SERIAL - 100))
    say(sandbox, "rndc reload example.net")
    assert serial(sandbox, "127.0.0.1", "example.net") == SERIAL - 100
    assert f"zone serial ({SERIAL - 100}/{SERIAL}) has gone backwards" in log(sandbox)
    until((sandbox.root / "state/zones/example.net/seen-by-192.0.2.53").exists)
    assert serial(sandbox, "192.0.2.53", "example.net") == SERIAL


def test_content_without_a_new_serial_is_warned_about(sandbox: Sandbox) -> None:
    edit(sandbox, "192.0.2.80", "192.0.2.81")
    say(sandbox, "rndc reload example.net")
    assert f"zone serial ({SERIAL}) unchanged. zone may fail to transfer to secondaries." in log(sandbox)
    assert ask(sandbox, "127.0.0.1", "www.example.net", "A").answer[0][0].to_text() == "192.0.2.81"


def test_dynamic_zone_wants_freeze_and_thaw(sandbox: Sandbox) -> None:
    assert say(sandbox, "rndc reload home.example") == (1, "rndc: 'reload' failed: dynamic zone\n")
    assert say(sandbox, "rndc freeze home.example") == (0, "")
    assert say(sandbox, "rndc freeze home.example")[0] == 1
    assert "frozen: yes\n" in say(sandbox, "rndc zonestatus home.example")[1]
    edit(sandbox, "1761980400", "1761980401", "home.example")
    assert say(sandbox, "rndc thaw home.example") == (0, "The zone reload and thaw was successful.\n")
    assert "frozen: no\n" in say(sandbox, "rndc zonestatus home.example")[1]
    assert serial(sandbox, "127.0.0.1", "home.example") == 1761980401


def test_thaw_of_a_broken_file_stays_frozen_with_exit_status_0(sandbox: Sandbox) -> None:
    say(sandbox, "rndc freeze home.example")
    edit(sandbox, "198.51.100.20", "198.51.100.", "home.example")
    assert say(sandbox, "rndc thaw home.example")[0] == 0
    assert "frozen: yes\n" in say(sandbox, "rndc zonestatus home.example")[1]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("reload nosuch.example", "no matching zone 'nosuch.example' in any view"),
        ("zonestatus nosuch.example", "rndc: 'zonestatus' failed: not found"),
        ("freeze example.net", "rndc: 'freeze' failed: not dynamic"),
        ("freeze ../../etc", "rndc: 'freeze' failed: "),
        ("bogus", "rndc: 'bogus' failed: unknown command"),
    ],
)
def test_rndc_refuses(unchanged: Sandbox, command: str, said: str) -> None:
    status, output = say(unchanged, f"rndc {command}")
    assert status == 1
    assert said in output


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("w A 192.0.2.777", 1, "dns_rdata_fromtext: z:5: near '192.0.2.777': bad dotted quad"),
        ("w AAAA zz", 1, "dns_rdata_fromtext: z:5: near 'zz': bad IPv6 address"),
        ("w MX ten mail", 1, "dns_rdata_fromtext: z:5: near 'ten': not a valid number"),
        ("w MX 10", 1, "dns_rdata_fromtext: z:5: near eol: unexpected end of input"),
        ("w BOGUS x", 1, "z:5: unknown RR type 'BOGUS'"),
        ('w TXT "abc', 1, "dns_rdata_fromtext: z:5: unbalanced quotes"),
        ('w TXT ( "a"', 1, "dns_rdata_fromtext: z:6: near eof: unbalanced parentheses"),
        ("$INCLUDE no.inc", 1, "dns_master_load: z:5: no.inc: file not found"),
        ("ns1 CNAME x", 1, "dns_master_load: z:5: ns1.example.net: CNAME and other data"),
        ("@ NS ns9", 1, "zone example.net/IN: NS 'ns9.example.net' has no address records (A or AAAA)"),
        ("a_b A 192.0.2.2", 1, "z:5: a_b.example.net: bad owner name (check-names)"),
        ("m MX 10 nope", 1, "zone example.net/IN: m.example.net/MX 'nope.example.net' has no address records"),
        ("x.other.test. A 192.0.2.1", 0, "z:5: ignoring out-of-zone data (x.other.test)"),
        ("ns1 60 A 192.0.2.3", 0, "z:5: TTL set to prior TTL (3600)"),
        ("sub NS ns.sub", 0, "sub.example.net/NS 'ns.sub.example.net' has no REQUIRED GLUE address records"),
        ("w TXT v=DKIM1; p=x", 0, "zone example.net/IN: loaded serial 2026010101"),
        ("w 1h30m IN AAAA 2001:db8::1", 0, "OK"),
    ],
)
def test_checkzone_says_what_bind_9_18_says(unchanged: Sandbox, line: str, status: int, said: str) -> None:
    zone = f"$TTL 3600\n@ IN SOA ns1 root ( 2026010101 3600 900 1209600 300 )\n NS ns1\nns1 A 192.0.2.1\n{line}\n"
    (unchanged.root / "z").write_text(zone)
    strict = "-k fail -m fail -M fail -n fail -r fail -S fail -i local"
    assert (found := say(unchanged, f"named-checkzone {strict} example.net z"))[0] == status
    assert said in found[1]
    assert ("not loaded due to errors" in found[1]) is (status == 1)


def test_compilezone_gives_absolute_records(unchanged: Sandbox) -> None:
    status, text = say(unchanged, "named-compilezone -q -o - example.org etc/bind/zones/db.example.org")
    assert status == 0
    assert text.startswith(
        "example.org. 86400 IN SOA ns1.example.net. hostmaster.example.net. 41 14400 3600 1209600 600"
    )
    assert "desk3.example.org. 86400 IN A 198.51.100.13\n" in text
    assert "archive.lists.example.org. 86400 IN A 192.0.2.81\n" in text


def test_checkconf_hides_secrets_and_names_a_missing_brace(unchanged: Sandbox) -> None:
    conf = unchanged.root / "x.conf"
    conf.write_text('key "k" { algorithm hmac-sha256; /* } */ secret "aGVsbG8="; }; // end\n')
    assert say(unchanged, "named-checkconf -p -x x.conf") == (
        0,
        'key "k" {\n\talgorithm hmac-sha256;\n\tsecret "????????????????";\n};\n',
    )
    conf.write_text("options {\n")
    assert say(unchanged, "named-checkconf x.conf") == (1, "x.conf:1: unexpected end of input\n")


def test_answers_of_the_name_servers(unchanged: Sandbox) -> None:
    assert ask(unchanged, "127.0.0.1", "nosuch.example.net", "A").rcode() == dns.rcode.NXDOMAIN
    assert ask(unchanged, "127.0.0.1", "mail.example.net", "TXT").rcode() == dns.rcode.NOERROR
    assert ask(unchanged, "127.0.0.1", "example.com", "A").rcode() == dns.rcode.REFUSED
    assert ask(unchanged, "203.0.113.9", "example.net").rcode() == dns.rcode.REFUSED
    assert serial(unchanged, "203.0.113.9", "partner.example") == 2026101402
    assert ask(unchanged, "127.0.0.1", "blog.example.net", "A").answer[0][0].to_text() == "www.example.net."


def test_tunnel_leads_nowhere_else(unchanged: Sandbox) -> None:
    for address, port in (("192.0.2.99", 53), ("127.0.0.1", 22)):
        with pytest.raises(TunnelRefused):
            unchanged.tunnel(address, port)


def test_garbage_on_the_wire_is_a_formerr(unchanged: Sandbox) -> None:
    with unchanged.tunnel("127.0.0.1", 53) as stream, stream.makefile("rb") as incoming:
        stream.sendall(b"\x00\x03abc")
        size = int.from_bytes(incoming.read(2), "big")
        assert incoming.read(size) == b"ab\x80\x01" + bytes(8)


def test_scripts_do_not_see_the_users_home(unchanged: Sandbox) -> None:
    assert unchanged.run('printf %s "$HOME"').stdout.decode() == str(unchanged.root)


def test_a_kept_directory_is_taken_up_again(tmp_path: Path) -> None:
    first = Sandbox(NoPrompt(), directory=tmp_path / "kept", lag=60)
    first.connect()
    edit(first, str(SERIAL), str(SERIAL + 5))
    say(first, "rndc reload example.net")
    first.close()
    again = Sandbox(NoPrompt(), directory=tmp_path / "kept", lag=0)
    again.connect()
    assert serial(again, "127.0.0.1", "example.net") == SERIAL + 5
    until(lambda: serial(again, "192.0.2.53", "example.net") == SERIAL + 5)
    again.close()
    assert (tmp_path / "kept").is_dir()


def test_a_fresh_directory_is_removed_on_close() -> None:
    box = Sandbox(NoPrompt())
    box.connect()
    assert (box.root / "etc/bind/named.conf").is_file()
    box.close()
    assert not box.root.exists()


def test_a_foreign_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    box = Sandbox(NoPrompt(), directory=tmp_path)
    with pytest.raises(ConnectFailed, match="not made by the sandbox"):
        box.connect()
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"]
