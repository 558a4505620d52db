"""The lab's BIND configuration and zones, as a careful admin would have written them."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass

ZONES = ("lab.example", "shop.example", "2.0.192.in-addr.arpa", "dyn.example")
"""Every zone of the primary; ns2 carries them all, ns3 carries shop.example alone."""

SERIALS = {"lab.example": 2026110103, "shop.example": 417, "2.0.192.in-addr.arpa": 1793500000, "dyn.example": 12}
"""Pristine serials: a date, a counter, a Unix time, and a counter that named itself raises."""

ZONE_FILES = {
    "lab.example": "/etc/bind/zones/lab.example.zone",
    "shop.example": "/etc/bind/zones/shop.example.zone",
    "2.0.192.in-addr.arpa": "/etc/bind/zones/192.0.2.rev",
    "dyn.example": "/var/lib/bind/dyn.example.zone",
}

UPDATE_KEY = "/etc/bind/ddns.key"
LOG_FILE = "/var/log/named/named.log"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Who has which address in lab number `octet`."""

    octet: int

    def _host(self, last: int) -> str:
        return f"10.99.{self.octet}.{last}"

    @property
    def console(self) -> str:
        """This machine, on the network of the name servers."""
        return self._host(1)

    @property
    def ns1(self) -> str:
        return self._host(2)

    @property
    def ns2(self) -> str:
        return self._host(3)

    @property
    def ns3(self) -> str:
        return self._host(4)

    @property
    def ns1_alias(self) -> str:
        """A second address of the primary, from which it sends nothing by itself."""
        return self._host(5)

    @property
    def admin_console(self) -> str:
        """This machine, on the network that only SSH to the primary uses."""
        return self._host(129)

    @property
    def admin(self) -> str:
        """The primary, on that network."""
        return self._host(130)


def rndc_key(name: str = "rndc-key") -> str:
    """A fresh key clause as rndc-confgen writes it."""
    secret = base64.b64encode(os.urandom(32)).decode()
    return f'key "{name}" {{\n\talgorithm hmac-sha256;\n\tsecret "{secret}";\n}};\n'


def options(listen: str, directory: str, extra: str) -> str:
    return f"""options {{
	directory "{directory}";

	listen-on {{ {listen} }};
	listen-on-v6 {{ none; }};

	// Authoritative only; the lab has no way out.
	recursion no;
	dnssec-validation no;
	empty-zones-enable no;

{extra}}};
"""


def primary_files(at: Addresses, transfers_to: tuple[str, ...]) -> dict[str, str]:
    """Path to text of all that BIND on the primary reads. `transfers_to`: addresses in the ACL of the secondaries."""
    allowed = " ".join(f"{address};" for address in transfers_to) or "none;"
    guard = (
        f"\tallow-transfer {{ secondaries; }};\n\talso-notify {{ {at.ns2}; }};\n"
        f"\tnotify-source {at.ns1};\n\tnotify-delay 0;\n"
    )
    return {
        "/etc/bind/named.conf": NAMED_CONF,
        "/etc/bind/named.conf.logging": "// Nothing here: named logs to the journal.\n",
        "/etc/bind/named.conf.options": f"acl secondaries {{ {allowed} }};\n\n"
        + options(f"127.0.0.1; {at.ns1}; {at.ns1_alias};", "/var/cache/bind", guard),
        "/etc/bind/named.conf.local": NAMED_CONF_LOCAL,
        "/etc/bind/zones.reverse.conf": ZONES_REVERSE_CONF,
        "/etc/bind/rndc.key": rndc_key(),
        UPDATE_KEY: rndc_key("ddns-key"),
        "/etc/bind/zones/lab.example.zone": lab_example(at),
        "/etc/bind/zones/lab.example.hosts": LAB_EXAMPLE_HOSTS,
        "/etc/bind/zones/shop.example.zone": SHOP_EXAMPLE,
        "/etc/bind/zones/192.0.2.rev": REVERSE,
        "/var/lib/bind/dyn.example.zone": DYN_EXAMPLE,
    }


def secondary_files(at: Addresses, primaries: dict[str, str]) -> dict[str, str]:
    """The same for both name servers of the secondary machine.

    Args:
        primaries: `ns2` and `ns3` to the address each takes its zones from.
    """
    second = options(
        f"{at.ns3};",
        "/var/cache/bind-second",
        '\tpid-file "/run/named-second/named.pid";\n\tsession-keyfile "/run/named-second/session.key";\n'
        f"\tallow-transfer {{ none; }};\n\tnotify no;\n\ttransfer-source {at.ns3};\n",
    )
    controls = 'controls { inet 127.0.0.1 port 954 allow { localhost; } keys { "rndc-key"; }; };\n'
    return {
        "/etc/bind/named.conf": 'include "/etc/bind/named.conf.options";\ninclude "/etc/bind/named.conf.local";\n',
        "/etc/bind/named.conf.options": options(
            f"127.0.0.1; {at.ns2};",
            "/var/cache/bind",
            f"\tallow-transfer {{ none; }};\n\tnotify no;\n\ttransfer-source {at.ns2};\n",
        ),
        "/etc/bind/named.conf.local": "".join(_secondary_zone(zone, primaries["ns2"]) for zone in ZONES),
        "/etc/bind/rndc.key": rndc_key(),
        "/etc/bind/second/named.conf": 'include "/etc/bind/second/rndc.key";\n'
        + controls
        + second
        + _secondary_zone("shop.example", primaries["ns3"]),
        "/etc/bind/second/rndc.key": rndc_key(),
    }


def _secondary_zone(zone: str, primary: str) -> str:
    return (
        f'zone "{zone}" {{\n\ttype secondary;\n\tprimaries {{ {primary}; }};\n'
        f'\tfile "{zone}.copy";\n\tmasterfile-format text;\n}};\n'
    )


FILE_LOGGING = f"""logging {{
	channel to_file {{
		file "{LOG_FILE}" versions 3 size 5m;
		print-time yes;
		print-category yes;
		print-severity yes;
		severity info;
	}};
	category default {{ to_file; }};
}};
"""

NAMED_CONF = """// The primary name server of lab.example.
//
include "/etc/bind/named.conf.logging";
include "/etc/bind/named.conf.options";
include "/etc/bind/named.conf.local";
include "/etc/bind/named.conf.default-zones";
"""

NAMED_CONF_LOCAL = """//
// Our own zones
//
zone "lab.example" {
	type primary;
	file "/etc/bind/zones/lab.example.zone";
};

zone "shop.example" IN { type master; file "/etc/bind/zones/shop.example.zone"; };

include "/etc/bind/ddns.key";

zone "dyn.example" {
	type primary;
	file "/var/lib/bind/dyn.example.zone";
	allow-update { key "ddns-key"; };
};

include "/etc/bind/zones.reverse.conf";
"""

ZONES_REVERSE_CONF = """# Delegated to us by the provider in 2019.
zone "2.0.192.in-addr.arpa" {
	type primary;
	/* The name is historical. */
	file "/etc/bind/zones/192.0.2.rev";
};
"""


def lab_example(at: Addresses) -> str:
    return f"""; lab.example
; Edited by hand. Raise the serial, then: rndc reload lab.example
;
$ORIGIN lab.example.
$TTL 3600	; one hour
@	IN	SOA	ns1 hostmaster (
			{SERIALS["lab.example"]}	; serial, YYYYMMDDnn
			7200		; refresh, 2 hours
			1800		; retry, 30 minutes
			1209600		; expire, 2 weeks
			300 )		; negative answers
;
	IN	NS	ns1
	IN	NS	ns2
	IN	MX	10 mail
	IN	MX	20 mail.shop.example.
	IN	TXT	"v=spf1 mx -all"
	IN	A	192.0.2.10

; Name servers
ns1	IN	A	{at.ns1}
ns2	IN	A	{at.ns2}	; a friend's machine, we have no login there
ns3	IN	A	{at.ns3}

; Mail
mail	IN	A	192.0.2.25
	IN	AAAA	2001:db8::25
_dmarc	300	IN	TXT	( "v=DMARC1; p=quarantine; "
				"rua=mailto:postmaster@lab.example" )

; The web
www	IN	CNAME	lab.example.
*.dev	IN	A	192.0.2.80

; The machines in the room
$INCLUDE /etc/bind/zones/lab.example.hosts

$ORIGIN pool.lab.example.
$GENERATE 100-119 node-$ A 192.0.2.$
"""


LAB_EXAMPLE_HOSTS = """; Included by lab.example.zone
bench	IN	A	192.0.2.40
scope	IN	A	192.0.2.41
printer	IN	A	192.0.2.42
	IN	HINFO	"LaserJet" "PCL"
"""

SHOP_EXAMPLE = f"""$TTL 1d
@	SOA	ns1.lab.example. hostmaster.lab.example. ( {SERIALS["shop.example"]} 4h 1h 2w 15m )
	NS	ns1.lab.example.
	NS	ns2.lab.example.
	NS	ns3.lab.example.

	A	192.0.2.90
	MX	10 mail.lab.example.
	TXT	"v=spf1 a mx include:lab.example -all"
	CAA	0 issue "ca.example"

www	A	192.0.2.90
mail	A	192.0.2.26
pay	5m	A	192.0.2.91	; moves soon
"""

REVERSE = f"""; 192.0.2.0/24
$TTL 86400
$ORIGIN 2.0.192.in-addr.arpa.
@	IN SOA	ns1.lab.example. hostmaster.lab.example. (
	{SERIALS["2.0.192.in-addr.arpa"]} ; serial, seconds since 1970
	14400 3600 1209600 3600 )
	IN NS	ns1.lab.example.
	IN NS	ns2.lab.example.
10	IN PTR	lab.example.
25	IN PTR	mail.lab.example.
26	IN PTR	mail.shop.example.
90	IN PTR	shop.example.
$GENERATE 100-119 $ PTR node-$.pool.lab.example.
"""

DYN_EXAMPLE = f"""$ORIGIN .
$TTL 300	; 5 minutes
dyn.example		IN SOA	ns1.lab.example. hostmaster.lab.example. (
				{SERIALS["dyn.example"]}         ; serial
				3600       ; refresh (1 hour)
				900        ; retry (15 minutes)
				604800     ; expire (1 week)
				300        ; minimum (5 minutes)
				)
			NS	ns1.lab.example.
			NS	ns2.lab.example.
$ORIGIN dyn.example.
laptop			A	192.0.2.200
"""
