"""The probe's parser, the reader of one zone, and what is judged from both."""

import hashlib
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from console.dns.ask import Answer
from console.dns.probe import Paths, parse, soa_serial
from console.dns.served import judged, secondary_findings, with_answers
from console.dns.state import LogSource, Snapshot, Zone, ZoneFile
from console.dns.zoneread import parse as parse_content
from console.findings import Severity

CAPTURE = (Path(__file__).parents[2] / "captures" / "named-checkconf" / "9.18" / "probe.out").read_bytes()
FILE = ZoneFile("/z", 10, 1000.0, "0" * 64, "root", 0o644)
ZONE = Zone("a.test", "", "primary", FILE, 5, 5)


def snapshot() -> Snapshot:
    return parse(CAPTURE, "ns1", 12.0)


def found(zone: Zone, running: bool = True) -> list[str]:
    bare = replace(snapshot(), zones=(zone,), running=running)
    return [finding.id for finding in judged(bare).zones[0].findings]


def test_a_whole_probe() -> None:
    seen = snapshot()
    assert (seen.host, seen.taken, seen.running, seen.config) == ("ns1", 12.0, True, "/etc/bind/named.conf")
    assert seen.version == "BIND 9.18.49-1~deb12u3-Debian (Extended Support Version)"
    assert (seen.directory, seen.listens[0]) == ("/etc/bind", ("127.0.50.1", 53))
    assert seen.tools["named-checkzone"] == "/usr/bin/named-checkzone"
    assert seen.log == LogSource("file", "/etc/bind/named.log")
    assert (seen.warnings, seen.findings) == ((), ())
    kinds = {zone.name: zone.kind for zone in seen.zones}
    assert kinds == {
        "good.test": "primary", "dyn.test": "primary", "raw.test": "primary", "broken.test": "primary",
        "missing.test": "primary", "signed.test": "primary", "other.test": "secondary", "fwd.test": "forward",
        ".": "hint",
    }  # fmt: skip


def test_an_rndc_that_does_not_reach_named_says_nothing_of_a_zone() -> None:
    said = CAPTURE.replace(b"|frozen: no", b"|rndc: connect failed: 127.0.0.1#953: connection refused")
    assert said != CAPTURE
    assert {zone.served_problem for zone in parse(said, "ns1", 12.0).zones} == {""}


def test_a_stub_zone_is_not_answered_for() -> None:
    stub = replace(ZONE, kind="stub", serial_served=None)
    answer = Answer("a.test", "SOA", "127.0.0.1", 53, "host", "tcp", "NOERROR", problem="not authoritative")
    (zone,) = with_answers(replace(snapshot(), zones=(stub,)), {"a.test": answer}).zones
    assert (zone.served_problem, zone.findings) == ("", ())


def test_files_and_serials_of_a_probe() -> None:
    seen = {zone.name: zone for zone in snapshot().zones}
    good = seen["good.test"]
    assert good.file == ZoneFile(
        "/etc/bind/zones/good.test", 188, 1795410726.0,
        "cb398a026435af57bb70c64bf5fc5dfaa5874563f5aee472f89a182a1640da42", "root", 0o644,
    )  # fmt: skip
    assert (good.serial_disk, good.also_notify, good.notify) == (2026112301, ("127.0.50.2#53",), "explicit")
    assert good.allow_transfer == ("127.0.50.2/32", "key xfer-key")
    dyn = seen["dyn.test"]
    assert (dyn.dynamic, dyn.frozen, dyn.serial_served, dyn.loaded) == (True, False, 2026112301, 1795410769.0)
    raw, missing = seen["raw.test"].file, seen["missing.test"].file
    assert raw is not None
    assert missing is not None
    assert (raw.problem, seen["raw.test"].serial_disk) == ("raw format: not text", None)
    assert missing.problem == "missing"
    assert not seen["missing.test"].editable
    assert seen["signed.test"].signed


def test_zones_are_found_and_sharing_is_seen() -> None:
    seen = snapshot()
    assert seen.zone("GOOD.test.") is seen.zones[0]
    assert seen.zone("good.test", "inside") is None
    twin = replace(seen.zones[0], view="inside")
    both = replace(seen, zones=(*seen.zones, twin))
    assert both.sharing(twin) == (seen.zones[0], twin)


def test_a_host_without_bind() -> None:
    seen = parse(b"@tools\n@named\n|pid \n|config \n|root \n|uid 1000\n@end\n", "h", 1.0)
    assert [finding.id for finding in seen.findings] == ["N101"]
    assert (seen.zones, seen.running, seen.rndc, seen.log) == ((), False, (), None)


def test_without_root_the_reason_is_told() -> None:
    data = (Path(__file__).parents[2] / "captures" / "named-checkconf" / "9.18" / "probe-nobody.out").read_bytes()
    seen = parse(data, "h", 1.0)
    assert seen.running
    first, second = seen.findings
    assert (first.why, str(first.where)) == ("open: /etc/bind/rndc.key: permission denied", "/etc/bind/named.conf:1")
    assert "sudo" in first.hint
    assert "permission denied" in second.evidence


def test_a_config_error_stands_on_its_line() -> None:
    data = (
        b"@tools\n|named-checkconf /c\n@named\n|pid 5\n|config /etc/bind/named.conf\n"
        b"@checkconf 1\n|/etc/bind/named.conf.local:7: missing ';' before '}'\n@rndc 1\n|rndc: connect failed\n@end\n"
    )
    first, second = parse(data, "h", 1.0).findings
    assert (first.id, first.severity, str(first.where)) == ("named", Severity.ERROR, "/etc/bind/named.conf.local:7")
    assert first.why == "missing ';' before '}'"
    assert (second.id, second.evidence) == ("N103", "rndc: connect failed")


def test_a_warning_of_checkconf_is_only_one() -> None:
    data = b"@tools\n|named /n\n@named\n|pid 5\n@checkconf 0\n|/n.conf:1: option 'x' is deprecated\n@config\n@end\n"
    assert [finding.severity for finding in parse(data, "h", 1.0).findings] == [Severity.WARNING]


def test_where_the_log_goes() -> None:
    head = b"@tools\n|named /n\n|journalctl /j\n@named\n|pid 5\n|cwd /var/cache/bind\n"
    system = head + b"|unit /system.slice/bind9.service\n|systemd yes\n|syslog /var/log/syslog\n"
    assert parse(system + b"@end\n", "h", 1.0).log == LogSource("journal", "bind9.service")
    assert parse(head + b"|syslog /var/log/syslog\n@end\n", "h", 1.0).log == LogSource("file", "/var/log/syslog")
    assert parse(head + b"|option L n.log\n@end\n", "h", 1.0).log == LogSource("file", "/var/cache/bind/n.log")
    assert parse(head + b"@end\n", "h", 1.0).log is None
    assert parse(system + b"@end\n", "h", 1.0, Paths(log="/x")).log == LogSource("file", "/x")
    assert parse(system + b"@end\n", "h", 1.0, Paths(log="journal:u")).log == LogSource("journal", "u")


def test_a_chroot_is_part_of_every_path() -> None:
    data = (
        b"@tools\n|named /n\n@named\n|pid 5\n|config /etc/named.conf\n|root /jail\n@checkconf 0\n@config\n"
        b'|options {\n|\tdirectory "/var/named";\n|};\n|zone "a.test" {\n|\ttype primary;\n|\tfile "a";\n|};\n'
        b"@stat\n|5 100 named 640 /jail/var/named/a\n@journals\n|/jail/var/named/a.jnl\n@sums\n@soa\n@end\n"
    )
    seen = parse(data, "h", 1.0)
    zone = seen.zones[0]
    assert (seen.directory, seen.chroot) == ("/jail/var/named", "/jail")
    assert zone.file is not None
    assert (zone.file.path, zone.file.mode, zone.file.problem) == ("/jail/var/named/a", 0o640, "unreadable")
    assert zone.journal


def test_an_answer_cut_short_says_so() -> None:
    assert "the probe's answer is not complete" in parse(CAPTURE[:3000], "h", 1.0).warnings
    assert parse(b"motd\n" + CAPTURE, "h", 1.0).warnings == ("1 lines of the probe were not understood",)


def test_serials_of_zone_file_lines() -> None:
    assert soa_serial(["@ IN SOA ns h 5 1 1 1 1"]) == 5
    assert soa_serial(["@ soa ns. h. ( ; one", ";2", "  7 ; serial", " 1 1 1 1 )"]) == 7
    assert soa_serial(["@ SOA ns h (5 1 1 1 1)"]) == 5
    assert soa_serial(["@ SOA(ns h 4294967295 1 1 1 1)"]) == 4294967295
    assert soa_serial(["@ SOA ns h 4294967296 1 1 1 1"]) is None
    assert soa_serial(["@ SOA ns h 1d 1 1 1 1"]) is None
    assert soa_serial([]) is None


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(CAPTURE.split(b"\n")), max_size=40).map(b"\n".join)))
def test_any_bytes_parse(data: bytes) -> None:
    assert isinstance(parse(data, "h", 1.0), Snapshot)
    parse_content(data, "/z")


def test_a_file_read_whole() -> None:
    content = b"$INCLUDE x\n@again 5 5\n\xff"
    digest = hashlib.sha256(content).hexdigest()
    head = f"@file {len(content)} 77 bind 640 {digest}\n".encode()
    tail = f"\n@again {len(content)} {digest}\n@include 9 8 /etc/bind/x\n@include - - /etc/bind/y z\n".encode()
    read = parse_content(head + content + tail, "/z")
    assert (read.content, read.file) == (content, ZoneFile("/z", len(content), 77.0, digest, "bind", 0o640))
    assert [(each.path, each.size) for each in read.includes] == [("/etc/bind/x", 9), ("/etc/bind/y z", None)]
    moved = parse_content(head + content[:-1] + tail, "/z")
    assert (moved.content, moved.file.problem) == (b"", "it changed while it was read")
    assert parse_content(b"@problem No such file or directory\n", "/z").file.problem == "missing"
    assert parse_content(head + b"half", "/z").file.problem == "the answer is not complete"


def test_disk_and_served_are_compared_in_serial_arithmetic() -> None:
    assert found(ZONE) == []
    assert found(replace(ZONE, serial_disk=6)) == ["S001"]
    assert found(replace(ZONE, serial_disk=4)) == ["S002"]
    assert found(replace(ZONE, serial_disk=1, serial_served=4294967295)) == ["S001"]
    assert found(replace(ZONE, serial_disk=6, dynamic=True)) == []
    assert found(replace(ZONE, serial_disk=6, signed=True)) == []
    assert found(replace(ZONE, loaded=990.0)) == ["S005"]
    assert found(replace(ZONE, loaded=1000.0)) == []
    assert found(replace(ZONE, frozen=True)) == ["S004"]
    assert found(replace(ZONE, serial_served=None, served_problem="SERVFAIL")) == ["S003"]
    assert found(replace(ZONE, file=replace(FILE, problem="missing"))) == ["S006"]
    assert found(replace(ZONE, serial_disk=6), running=False) == []


def test_an_answer_of_one_view_is_not_taken_for_another() -> None:
    told = Answer("a.test", "SOA", "127.0.0.1", 53, "host", "tcp", "REFUSED", problem="REFUSED")
    unknown = replace(ZONE, view="out", serial_served=None)
    for views, problem in ((("in", "out"), ""), (("out",), "REFUSED")):
        (zone,) = with_answers(replace(snapshot(), zones=(unknown,), views=views), {"a.test": told}).zones
        assert zone.served_problem == problem


def test_answers_do_not_overrule_rndc_in_views() -> None:
    told = Answer("a.test", "SOA", "127.0.0.1", 53, "host", "tcp", "NOERROR", True, 9)
    plain = with_answers(replace(snapshot(), zones=(ZONE,)), {"a.test": told})
    assert plain.zones[0].serial_served == 9
    view = with_answers(replace(snapshot(), zones=(replace(ZONE, view="in"),)), {"a.test": told})
    assert view.zones[0].serial_served == 5
    lost = replace(told, serial=None, rcode="SERVFAIL", problem="SERVFAIL", authoritative=False)
    none = with_answers(replace(snapshot(), zones=(ZONE,)), {"a.test": lost}).zones[0]
    assert (none.serial_served, none.served_problem) == (None, "SERVFAIL")


def test_secondaries_behind_ahead_and_away() -> None:
    told = Answer("a.test", "SOA", "192.0.2.2", 53, "here", "udp", "NOERROR", True, 5)
    answers = {
        "same": told,
        "behind": replace(told, serial=4),
        "ahead": replace(told, serial=6),
        "lame": replace(told, serial=None, problem="REFUSED"),
        "away": replace(told, serial=None, rcode="", problem="no answer in time"),
    }
    findings = secondary_findings(ZONE, answers)
    assert [(finding.id, finding.where.fact.rpartition(" ")[2]) for finding in findings] == [
        ("S007", "behind"), ("S008", "ahead"), ("S009", "lame"), ("S009", "away"),
    ]  # fmt: skip
    assert "asked from this machine" in findings[-1].why
