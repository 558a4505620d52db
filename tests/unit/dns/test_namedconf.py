from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from console.dns.namedconf import Config, parse

CAPTURES = Path(__file__).parents[2] / "captures" / "named-checkconf" / "9.18"


def zones(text: str) -> dict[str, tuple[str, str]]:
    return {zone.name: (zone.kind, zone.view) for zone in parse(text.encode()).zones}


def test_a_view_gives_its_zones_what_they_inherit() -> None:
    config = parse((CAPTURES / "views.conf").read_bytes())
    assert config.views == ("main",)
    assert config.listens == (("127.0.50.2", 53),)
    assert config.keys == ("s-key", "xfer-key")
    assert {(zone.name, zone.kind, zone.view, zone.notify) for zone in config.zones} == {
        (name, "secondary", "main", "no") for name in ("good.test", "dyn.test", "nosuch.test")
    }
    assert {zone.name: zone.text for zone in config.zones} == {
        "good.test": False,
        "dyn.test": True,
        "nosuch.test": False,
    }
    assert all(zone.primaries == ("127.0.50.1#53",) and zone.allow_transfer == ("none",) for zone in config.zones)
    assert config.warnings == ()


def test_old_words_mean_the_new_ones() -> None:
    text = """zone "a.test" { type master; file "a"; notify master-only; };
    zone "b.test." IN { type slave; masters { 192.0.2.1; 2001:db8::1 port 5353; }; file "b"; };"""
    first, second = parse(text.encode()).zones
    assert (first.kind, first.notify, first.text) == ("primary", "primary-only", True)
    assert (second.kind, second.name, second.primaries) == ("secondary", "b.test", ("192.0.2.1", "2001:db8::1#5353"))


def test_every_kind_of_zone_counts() -> None:
    text = """zone "." { type hint; file "h"; }; zone "f" { type forward; }; zone "c" { in-view "main"; };
    zone "m" { type mirror; }; view "v" { zone "f" { type stub; }; };"""
    assert [(zone.name, zone.kind, zone.view) for zone in parse(text.encode()).zones] == [
        (".", "hint", ""),
        ("f", "forward", ""),
        ("c", "in-view", ""),
        ("m", "mirror", ""),
        ("f", "stub", "v"),
    ]
    assert parse(text.encode()).zones[2].in_view == "main"


def test_lists_are_followed_and_loops_end() -> None:
    text = """primaries "one" { 192.0.2.1 key "k"; "two"; }; masters "two" port 54 { 192.0.2.2; "one"; };
    acl "in" { 10.0.0.0/8; !"out"; "in"; }; acl "out" { 10.1.0.0/16; key "k"; };
    zone "z" { type primary; also-notify port 5300 { "one"; 192.0.2.9; }; allow-transfer { "in"; }; };"""
    zone = parse(text.encode()).zones[0]
    assert zone.also_notify == ("192.0.2.1", "192.0.2.2#54", "192.0.2.9#5300")
    assert zone.allow_transfer == ("10.0.0.0/8", "!10.1.0.0/16", "!key k")


def test_dynamic_is_what_takes_updates() -> None:
    text = """options { allow-update { none; }; };
    zone "no" { type primary; allow-update { none; }; }; zone "acl" { type primary; allow-update { key "k"; }; };
    zone "policy" { type primary; update-policy local; }; zone "inherits" { type primary; };
    zone "secondary" { type secondary; allow-update { any; }; };"""
    assert {zone.name for zone in parse(text.encode()).zones if zone.dynamic} == {"acl", "policy"}


def test_signed_is_inline_signing_or_a_policy() -> None:
    text = """zone "a" { type primary; inline-signing yes; }; zone "b" { type primary; dnssec-policy "default"; };
    zone "c" { type primary; dnssec-policy "none"; };"""
    assert [zone.signed for zone in parse(text.encode()).zones] == [True, True, False]


def test_listens_puts_loopback_first_and_knows_the_defaults() -> None:
    assert parse(b"").listens == (("127.0.0.1", 53), ("::1", 53))
    text = b"options { port 54; listen-on { 192.0.2.1; 127.0.0.1; !10.0.0.1; }; listen-on-v6 { any; }; };"
    assert parse(text).listens == (("127.0.0.1", 54), ("::1", 54), ("192.0.2.1", 54))
    assert parse(
        b"options { listen-on { any; }; listen-on port 443 tls t { any; }; listen-on-v6 { none; }; };"
    ).listens == (("127.0.0.1", 53),)


def test_comments_and_quotes_do_not_confuse() -> None:
    text = b"""// zone "x" { };\n# }\n/* zone "y" {\n */ zone "a;{}.test" { type primary; file "we\\"ird } name"; };"""
    zone = parse(text).zones[0]
    assert (zone.name, zone.file) == ("a;{}.test", 'we"ird } name')


def test_logging_channels_and_categories() -> None:
    text = b"""logging { channel c { file "/var/log/named.log" versions 3; }; channel s { syslog daemon; };
    category xfer-out { c; s; }; };"""
    config = parse(text)
    assert (config.channels["c"].kind, config.channels["c"].path) == ("file", "/var/log/named.log")
    assert config.channels["s"].kind == "syslog"
    assert config.categories == {"xfer-out": ("c", "s")}


def test_zones_that_the_file_does_not_name_are_admitted() -> None:
    assert parse(b"options { allow-new-zones yes; };").grows
    assert parse(b'view v { catalog-zones { zone "c"; }; };').grows
    assert not parse(b"options { allow-new-zones no; };").grows


def test_broken_braces_are_told() -> None:
    assert parse(b'zone "a" { type primary;').warnings == ("the text ends inside a block",)
    assert parse(b'} ; zone "a" { type primary; };').warnings == ("a } without its {",)
    assert zones('zone "a" { type primary;') == {"a": ("primary", "")}


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text('{};"\\ azone/*#\n', max_size=200).map(str.encode)))
def test_any_bytes_parse(data: bytes) -> None:
    assert isinstance(parse(data), Config)
