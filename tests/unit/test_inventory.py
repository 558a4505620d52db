"""The inventory: what a file may say, what is always there, and that an error names its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.inventory import Host, Inventory, InventoryError, Kind, Mode, Vantage, load, parse, parse_server, path

FULL = b"""
[hosts.ns1]
ssh = "ns1-prod"
user = "admin"
port = 2222
label = "production"
colour = "red"
mode = "observe"
tool_directories = ["/usr/local/sbin"]
remember = true

[hosts.ns1.limits]
deadline = 45
bytes = 1048576

[hosts.ns1.dns]
vantage = "here"
secondaries = ["192.0.2.53", "2001:db8::53#5353"]
named_conf = "/usr/local/etc/namedb/named.conf"
chroot = "/var/named"
rndc_options = ["-p", "9953"]
log_unit = "bind9.service"

[hosts.box]
hostname = "box.example.net"
mode = "act"

[hosts.local]
label = "workstation"
"""


def test_full_file() -> None:
    ns1, box, local = parse(FULL)
    assert (ns1.ssh, ns1.user, ns1.port, ns1.label, ns1.colour) == ("ns1-prod", "admin", 2222, "production", "red")
    assert (ns1.limits.deadline, ns1.limits.bytes) == (45.0, 1 << 20)
    assert ns1.dns.vantage is Vantage.HERE
    assert ns1.dns.secondaries == (("192.0.2.53", 53), ("2001:db8::53", 5353))
    assert ns1.dns.named_conf == "/usr/local/etc/namedb/named.conf"
    assert (ns1.dns.chroot, ns1.dns.rndc_options) == ("/var/named", ("-p", "9953"))
    assert (ns1.tool_directories, ns1.remember) == (("/usr/local/sbin",), True)
    assert ns1.dns.log_unit == "bind9.service"
    assert (box.ssh, box.mode, box.dns.vantage) == ("box.example.net", Mode.ACT, Vantage.HOST)
    assert (local.kind, local.ssh, local.label) == (Kind.LOCAL, "", "workstation")


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("[hosts.a]\nport = 0", "hosts.a.port", "from 1 to 65535"),
        ("[hosts.a]\nport = true", "hosts.a.port", "whole number"),
        ("[hosts.a]\nprot = 22", "hosts.a.prot", "not a setting; known here: ssh, hostname, user, port"),
        ("[hosts.a]\nssh = 'x'\nhostname = 'y'", "hosts.a.hostname", "not both"),
        ("[hosts.a]\nssh = '-oProxyCommand=x'", "hosts.a.ssh", "host name"),
        ("[hosts.a]\nuser = '-x'", "hosts.a.user", "user name"),
        ('[hosts.a]\nlabel = "a\\u001bb"', "hosts.a.label", "printable"),
        ("[hosts.a]\nmode = 'write'", "hosts.a.mode", "observe, act"),
        ("[hosts.a]\ncolour = 'mauve'", "hosts.a.colour", "one of red"),
        ("[hosts.a.dns]\nvantage = 'there'", "hosts.a.dns.vantage", "host, here"),
        ("[hosts.a.dns]\nsecondaries = ['ns2.example.net']", "hosts.a.dns.secondaries", "192.0.2.53#5353"),
        ("[hosts.a.dns]\nsecondaries = ['192.0.2.1#x']", "hosts.a.dns.secondaries", "192.0.2.53#5353"),
        ("[hosts.a.dns]\nsecondaries = [1]", "hosts.a.dns.secondaries", "a list of"),
        ("[hosts.a.dns]\nnamed_conf = 'named.conf'", "hosts.a.dns.named_conf", "absolute path"),
        ("[hosts.a]\ntool_directories = ['sbin']", "hosts.a.tool_directories", "absolute directories"),
        ("[hosts.a]\ntool_directories = ['/a:/b']", "hosts.a.tool_directories", "absolute directories"),
        ("[hosts.a]\nremember = 'yes'", "hosts.a.remember", "true or false"),
        ("[hosts.a.dns]\nlog_file = '/l'\nlog_unit = 'u'", "hosts.a.dns.log_unit", "not both"),
        ("[hosts.a]\ndns = 1", "hosts.a.dns", "must be a table"),
        ("[hosts.a.limits]\ndeadline = 0", "hosts.a.limits.deadline", "from 1 to 3600"),
        ("[hosts.a.limits]\nbytes = 1.5", "hosts.a.limits.bytes", "whole number"),
        ("[hosts.'-x']", "hosts.-x", "does not start with"),
        ("[hosts.sandbox]\nlabel = 'x'", "hosts.sandbox", "built in"),
        ("[hosts.local]\nssh = 'x'", "hosts.local.ssh", "not a setting"),
        ("[host.a]", "host", "not a setting; known here: hosts"),
        ("hosts = 1", "hosts", "must be a table"),
        ("[hosts]\na = 1", "hosts.a", "must be a table"),
    ],
)
def test_error_names_file_table_and_key(text: str, place: str, said: str) -> None:
    with pytest.raises(InventoryError) as caught:
        parse(text.encode(), "/etc/x/hosts.toml")
    assert str(caught.value).startswith(f"/etc/x/hosts.toml: {place}: ")
    assert said in str(caught.value)


def test_syntax_error_names_the_line() -> None:
    with pytest.raises(InventoryError, match=r"f\.toml: .*line 2"):
        parse(b"[hosts.a]\nssh = \n", "f.toml")


def test_not_utf8() -> None:
    with pytest.raises(InventoryError, match=r"not UTF-8 \(byte 2\)"):
        parse(b"# \xff")


@given(st.binary(max_size=200))
def test_any_bytes_are_hosts_or_an_inventory_error(data: bytes) -> None:
    try:
        hosts = parse(data)
    except InventoryError:
        return
    assert all(host.name for host in hosts)


def test_built_in_hosts_are_always_there(tmp_path: Path) -> None:
    inventory = load(tmp_path / "none.toml")
    assert not inventory.present
    assert [host.name for host in inventory.hosts] == ["local", "sandbox"]
    assert [host.kind for host in inventory.hosts] == [Kind.LOCAL, Kind.SANDBOX]


def test_order_and_aliases(tmp_path: Path) -> None:
    file = tmp_path / "hosts.toml"
    file.write_bytes(FULL)
    inventory = load(file, aliases=["ns1", "mx", "sandbox"])
    assert [host.name for host in inventory.hosts] == ["ns1", "box", "local", "mx", "sandbox"]
    assert inventory.find("mx") == Host(name="mx", ssh="mx", source="~/.ssh/config")
    assert inventory.find("ns1").source == str(file)


def test_unreadable_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="cannot be read"):
        load(tmp_path)


def test_any_other_name_is_left_to_ssh() -> None:
    inventory = Inventory((), Path("x"), present=False)
    assert inventory.find("admin@192.0.2.1") == Host(
        name="admin@192.0.2.1", ssh="admin@192.0.2.1", source="command line"
    )
    with pytest.raises(InventoryError):
        inventory.find("-oProxyCommand=evil")


def test_path_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/x/config")
    assert path() == Path("/x/config/opsconsole/hosts.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/u")
    assert path() == Path("/home/u/.config/opsconsole/hosts.toml")


def test_parse_server() -> None:
    assert parse_server("192.0.2.1") == ("192.0.2.1", 53)
    for bad in ("", "#53", "192.0.2.1#", "192.0.2.1#0", "192.0.2.1#65536", "host"):
        with pytest.raises(ValueError):  # noqa: PT011 - ipaddress and int word it themselves
            parse_server(bad)
