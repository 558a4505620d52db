"""Zones by the command line, on a real name server over SSH: what it says is compared with what is there."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.live.driving import Cli, added, without_serial
from tests.live.lab import SERIALS, UPDATE_KEY, ZONE_FILES, Lab, until

ZONE = "lab.example"
FILE = ZONE_FILES[ZONE]
LINE = "fresh IN A 192.0.2.77"
"""After it the last $ORIGIN is pool.lab.example."""


def text_of(lab: Lab, zone: str = ZONE) -> bytes:
    return lab.primary.read(ZONE_FILES[zone])


def mtime(lab: Lab, zone: str = ZONE) -> int:
    return (lab.primary.root / ZONE_FILES[zone].lstrip("/")).stat().st_mtime_ns


def tidy(lab: Lab) -> None:
    """No temp file, no lock that is held, no half transaction on the host."""
    assert leftovers(lab) == ""
    held = 'for lock in /run/opsconsole/*.lock; do [ ! -e "$lock" ] || flock -n "$lock" true || echo "$lock"; done'
    assert lab.primary.run(held).stdout == ""


def leftovers(lab: Lab) -> str:
    find = "find /etc/bind /var/lib/bind /var/cache/bind -name '.opsc*' -o -name '*.tmp' -o -name 'opsconsole*'"
    inner = "find /var/lib/opsconsole -name 'in.*' -o -name 'payload' -o -name 'worker.*.sh' 2>/dev/null"
    return lab.primary.run(f"{find}; {inner}; true").stdout


def untouched(lab: Lab, before: bytes, when: int, zone: str = ZONE) -> None:
    """Not a byte, not a time, not a serial has changed."""
    assert text_of(lab, zone) == before
    assert mtime(lab, zone) == when
    assert lab.ns1.serial(zone) == lab.ns2.serial(zone) == SERIALS[zone]
    tidy(lab)


# 1. A good edit


@pytest.mark.parametrize("user", ["root", "ops", "opsfree"])
def test_a_good_edit_arrives_everywhere(cli: Cli, user: str) -> None:
    lab = cli.lab
    before, here, there = text_of(lab), lab.primary.cursor(), lab.secondary.cursor()
    done = cli("zone", "put", f"lab-{user}", ZONE, "--file", "-", "--yes", stdin=added(before, LINE))
    assert done.status == 0, done
    serial = lab.ns1.serial(ZONE)
    assert serial is not None
    assert serial > SERIALS[ZONE]
    assert lab.ns2.serial(ZONE) == serial
    assert lab.dig("+short", "fresh.pool.lab.example", server=lab.at.ns2) == "192.0.2.77\n"
    assert text_of(lab) == added(before, LINE).replace(str(SERIALS[ZONE]).encode(), str(serial).encode())

    told = done.text
    for name, address in (("ns1", lab.at.ns1), ("ns2", lab.at.ns2)):
        assert f"{name}.lab.example {address}: followed. It serves {serial} (asked from the host)." in told
    assert f"log  zone lab.example/IN: sending notifies (serial {serial})" in told
    assert re.search(rf"log  .*{re.escape(lab.at.ns2)}.*transfer of 'lab.example/IN': .*XFR.* started", told)
    # What it said is what was.
    assert f"zone lab.example/IN: sending notifies (serial {serial})" in lab.ns1.journal(here)
    assert any("received notify for zone 'lab.example'" in line for line in lab.ns2.journal(there))
    assert (user == "ops") == ("password" in done.asked)
    password = lab.users[user].password
    assert not password or password not in done.asked + done.text + done.err
    tidy(lab)


def test_an_edit_as_json(cli: Cli) -> None:
    lab = cli.lab
    done = cli.put("shop.example", added(text_of(lab, "shop.example"), "fresh A 192.0.2.77"))
    said = done.json
    assert (done.status, said["schema"], said["state"]) == (0, "opsconsole.zone.put/1", "applied"), done
    assert (said["facts"]["old_serial"], said["facts"]["new_serial"]) == ("417", "418")
    assert {(each["address"], each["state"], each["serial"]) for each in said["servers"]} == {
        (address, "followed", 418) for address in (lab.at.ns1, lab.at.ns2, lab.at.ns3)
    }
    assert [step["phase"] for step in said["steps"] if step["step"] == 1] == ["start", "run", "verify", "done"]
    assert "\n   +fresh A 192.0.2.77\n" in said["preview"]
    assert "zone shop.example/IN: sending notifies (serial 418)" in said["log"]
    for address in (lab.at.ns2, lab.at.ns3):
        assert any(address in line and "XFR" in line and "ended" in line for line in said["log"]), address
    assert [entry.transaction for entry in cli.journal.entries()] == [said["transaction"]]
    assert cli.journal.verify() == []


# 2. to 4. What is refused, and what is rolled back

BROKEN = "oops IN A 192.0.2.999"


def test_a_broken_zone_is_refused_before_anything_is_written(cli: Cli) -> None:
    lab = cli.lab
    before, when = text_of(lab), mtime(lab)
    done = cli.put(ZONE, added(before, BROKEN), user="opsfree")
    assert done.status == 2
    assert done.json["state"] == "refused"
    line = added(before, BROKEN).count(b"\n")
    assert (FILE, line) in {(each["where"]["file"], each["where"]["line"]) for each in done.json["findings"]}
    assert "nothing was written" in done.err
    assert cli.journal.entries() == []
    untouched(lab, before, when)


def test_a_broken_zone_forced_is_rolled_back_and_the_next_edit_loads(cli: Cli) -> None:
    lab = cli.lab
    before, when = text_of(lab), mtime(lab)
    done = cli.put(ZONE, added(before, BROKEN), "--force")
    said = done.json
    assert (done.status, said["state"]) == (1, "rolled back"), done
    assert text_of(lab) == before
    assert mtime(lab) > when, "with the old time named would take the next edit for an old one"
    assert lab.ns1.serial(ZONE) == SERIALS[ZONE]
    assert lab.dig("+short", "mail.lab.example") == "192.0.2.25\n"
    phases = [(step["phase"], step["message"]) for step in said["steps"]]
    assert ("undo-verify", "seen: zone lab.example is served as before") in phases
    assert any(phase == "verify" and text.startswith("not reached") for phase, text in phases), phases
    assert said["servers"] == []
    assert any("whatever it says" in warning for warning in said["warnings"])
    tidy(lab)
    again = cli.put(ZONE, added(before, LINE))
    assert (again.status, again.json["state"]) == (0, "applied"), again
    assert lab.dig("+short", "fresh.pool.lab.example", server=lab.at.ns2) == "192.0.2.77\n"


def test_a_serial_that_nobody_would_follow_is_refused(cli: Cli) -> None:
    """Lower than the file's; lower than a secondary's; the one it has; one of eleven digits."""
    lab = cli.lab
    zone = "shop.example"
    before, when = text_of(lab, zone), mtime(lab, zone)
    lab.ns3.machine.write(
        lab.ns3.zones_conf,
        lab.ns3.machine.read(lab.ns3.zones_conf)
        .replace(b"type secondary", b"type primary")
        .replace(f"primaries {{ {lab.at.ns1}; }};".encode(), b"")
        .replace(b"shop.example.copy", b"ahead"),
    )
    lab.secondary.write("/var/cache/bind-second/ahead", before.replace(b" 417 ", b" 9000 "))
    lab.ns3.rndc("reconfig")
    lab.until_served(zone, 9000, lab.ns3)

    def refused(serial: bytes) -> str:
        done = cli.put(zone, added(before, "fresh A 192.0.2.77").replace(b" 417 ", b" " + serial + b" "))
        assert done.status in (1, 2), done
        return " ".join(
            [done.json.get("error", ""), done.err, *(each["why"] for each in done.json.get("findings", []))]
        )

    assert "older than 417 of the file" in refused(b"416")
    above = refused(b"500")
    assert f"older than 9000 of ns3.lab.example {lab.at.ns3}" in above
    assert "would never fetch it" in above
    assert "Serial 20261123012 has 11 digits and does not fit in 32 bits" in refused(b"20261123012")
    untouched(lab, before, when, zone)
    # Without a serial of the user's own, the new one is above everybody's.
    done = cli.put(zone, added(before, "fresh A 192.0.2.77"), "--timeout", "1")
    assert done.json["facts"]["new_serial"] == "9001", done


# 7. and 9. Bytes


def test_bytes_that_were_not_touched_stay(cli: Cli) -> None:
    """CRLF, parentheses over lines, $INCLUDE, $GENERATE, tabs, comments: only the serial and the new line differ."""
    lab = cli.lab
    before = text_of(lab).replace(b"\n", b"\r\n")
    lab.primary.write(FILE, before)
    lab.ns1.rndc("reload", ZONE)
    shown = cli("zone", "show", "lab-opsfree", ZONE)
    assert shown.out == before
    done = cli.put(ZONE, before + b"fresh\tIN\tA\t192.0.2.77\r\n", user="opsfree")
    assert done.status == 0, done
    now = text_of(lab)
    assert without_serial(now) == without_serial(before) + b"fresh\tIN\tA\t192.0.2.77\r\n"
    assert now.count(b"\r\n") == now.count(b"\n")
    for name in ("bench.lab.example", "node-110.pool.lab.example", "fresh.pool.lab.example"):
        assert lab.dig("+short", name, server=lab.at.ns2).startswith("192.0.2."), name


# 8. A dynamic zone


def frozen(lab: Lab) -> bool:
    return "frozen: yes" in lab.ns1.rndc("zonestatus", "dyn.example")


def nsupdate(lab: Lab, name: str, address: str) -> None:
    update = f"server {lab.at.ns1}\nzone dyn.example\nupdate add {name}.dyn.example 300 A {address}\nsend\n"
    lab.primary.run('nsupdate -k "$1"', UPDATE_KEY, stdin=update)


def test_a_dynamic_zone_is_frozen_only_while_it_is_edited(cli: Cli) -> None:
    lab = cli.lab
    done = cli.put("dyn.example", added(text_of(lab, "dyn.example"), "fresh A 192.0.2.77"), user="ops")
    assert (done.status, done.json["state"]) == (0, "applied"), done
    ran = [step["message"] for step in done.json["steps"] if step["phase"] == "run"]
    assert len(ran) == 2, "freeze and thaw"
    assert not frozen(lab)
    assert lab.dig("+short", "fresh.dyn.example", server=lab.at.ns2) == "192.0.2.77\n"
    nsupdate(lab, "later", "192.0.2.78")
    until(lambda: lab.dig("+short", "later.dyn.example", server=lab.at.ns2) == "192.0.2.78\n", "updates go on")
    tidy(lab)


def test_an_update_that_comes_in_between_is_not_lost(cli: Cli) -> None:
    """While the admin reads the plan, a phone registers itself: a conflict, all thawed, the phone still there."""
    lab = cli.lab
    text = added(text_of(lab, "dyn.example"), "fresh A 192.0.2.77")
    running = cli.start("zone", "put", "lab-root", "dyn.example", "--file", "-", stdin=text)
    running.until_asked("Do this on lab-root?")
    nsupdate(lab, "phone", "192.0.2.201")
    running.answer("yes")
    done = running.end()
    assert done.status == 1, done
    assert "conflict" in done.text
    assert not frozen(lab)
    assert lab.dig("+short", "phone.dyn.example") == "192.0.2.201\n"
    assert lab.dig("+short", "fresh.dyn.example") == ""
    assert b"phone" in text_of(lab, "dyn.example")
    tidy(lab)
    again = cli.put("dyn.example", added(text_of(lab, "dyn.example"), "fresh A 192.0.2.77"))
    assert again.status == 0, again
    for name in ("phone", "fresh"):
        until(lambda name=name: lab.dig("+short", f"{name}.dyn.example", server=lab.at.ns2), name)  # type: ignore[misc]


# 10. The other verbs


def test_list_and_check_say_what_is_there(cli: Cli) -> None:
    lab = cli.lab
    listed = cli("zone", "list", "lab-ops", "--json")
    zones = {each["name"]: each for each in listed.json["zones"]}
    assert (listed.status, listed.json["schema"], listed.json["findings"]) == (0, "opsconsole.zone.list/1", [])
    for zone, path in ZONE_FILES.items():
        assert (zones[zone]["file"]["path"], zones[zone]["serial_disk"]) == (path, SERIALS[zone])
        assert zones[zone]["serial_served"] == SERIALS[zone]
    assert zones["dyn.example"]["dynamic"]
    assert zones["."]["kind"] == "hint"

    good = cli("zone", "check", "lab-ops", ZONE, "--json")
    assert (good.status, good.json["loadable"], good.json["ran"]) == (0, True, True), good
    bad = cli("zone", "check", "lab-ops", ZONE, "--file", "-", "--json", stdin=added(text_of(lab), BROKEN))
    line = text_of(lab).count(b"\n") + 1
    assert (bad.status, bad.json["schema"], bad.json["loadable"]) == (2, "opsconsole.zone.check/1", False)
    assert line in {each["where"]["line"] for each in bad.json["findings"] if each["severity"] == "error"}
    odd = cli("zone", "check", "lab-ops", ZONE, "--file", "-", stdin=added(text_of(lab), "a MX 10 mail.lab.example"))
    assert odd.status in (1, 2)
    assert f"{FILE}:{line}" in odd.text
    assert leftovers(lab) == ""

    shown = cli("zone", "show", "lab-ops", ZONE, "--canonical")
    assert b"node-119.pool.lab.example.\t" in shown.out.replace(b" ", b"\t")
    assert cli("zone", "show", "lab-ops", "nowhere.example").status == 1
    assert cli("zone", "show", "lab-ops").status == 64


def test_bump_and_undo(cli: Cli) -> None:
    """A bump is followed; a save is undone under a serial that is newer still, and the secondary follows that too."""
    lab = cli.lab
    zone = "shop.example"
    before = text_of(lab, zone)
    dry = cli("zone", "bump", "lab-opsfree", zone, "--dry-run", "--json")
    assert (dry.status, dry.json["dry_run"], lab.ns1.serial(zone)) == (0, True, 417)
    bumped = cli("zone", "bump", "lab-opsfree", zone, "--yes", "--json")
    assert (bumped.status, bumped.json["schema"]) == (0, "opsconsole.zone.bump/1"), bumped
    assert text_of(lab, zone) == before.replace(b" 417 ", b" 418 ")
    assert cli("zone", "bump", "lab-opsfree", zone, "--no-input").status == 64, "nobody to ask"

    saved = cli.put(zone, added(text_of(lab, zone), "fresh A 192.0.2.77"))
    assert lab.dig("+short", "fresh.shop.example", server=lab.at.ns3) == "192.0.2.77\n"
    undone = cli("undo", saved.json["transaction"], "--yes", "--json")
    assert (undone.status, undone.json["state"]) == (0, "applied"), undone
    assert text_of(lab, zone) == before.replace(b" 417 ", b" 420 ")
    for server in lab.servers(zone):
        assert server.serial(zone) == 420
        assert lab.dig("+short", "fresh.shop.example", server=server.address) == ""
    assert cli("undo", saved.json["transaction"], "--yes").status == 1, "the file is not what it wrote any more"

    told = cli("journal", "--verify", "--json").json
    assert [each["state"] for each in told["transactions"]] == ["applied"] * 3
    assert told["verified"]
    assert told["transactions"][-1]["facts"]["undoes"] == saved.json["transaction"]
    tidy(lab)


@pytest.mark.parametrize("log", ["journal", "file"])
def test_watch_shows_a_reload_as_it_happens(cli: Cli, log: str) -> None:
    lab = cli.lab
    if log == "file":
        lab.ns1.log_to_file()
    running = cli.start("zone", "watch", "lab-ops", ZONE, "--json", "--last", "0")
    serial = SERIALS[ZONE]

    def reloaded() -> bool:
        nonlocal serial
        if b'"serial": ' not in running.out.read_bytes():
            lab.primary.write(FILE, text_of(lab).replace(str(serial).encode(), str(serial + 1).encode()))
            serial += 1
            lab.ns1.rndc("reload", ZONE)
        return all(kind in running.out.read_text() for kind in ("sending notifies", "XFR", lab.at.ns2))

    until(reloaded, "NOTIFY and transfer are shown", 30)
    running.process.send_signal(signal.SIGINT)
    done = running.end()
    assert done.status == 0, done
    lines = [line for line in done.text.splitlines() if line]
    assert all('"schema": "opsconsole.zone.watch/1"' in line for line in lines)
    assert all(f'"zone": "{ZONE}"' in line for line in lines)


def test_two_admins_with_files(cli: Cli, tmp_path: Path) -> None:
    """The second one's text is not written over the first one's, be it seen early (--base) or at the last moment."""
    lab = cli.lab
    read = cli("zone", "show", "lab-ops", ZONE, "--json").json
    other = Cli(lab, tmp_path / "other")
    my_text = added(read["text"].encode(), "mine A 192.0.2.1")
    mine = cli.start("zone", "put", "lab-ops", ZONE, "--file", "-", stdin=my_text)
    mine.until_asked("Do this on lab-ops?")
    first = other.put(ZONE, added(text_of(lab), "theirs A 192.0.2.2"), "--base", read["sha256"], user="opsfree")
    assert first.status == 0, first
    mine.answer("yes")
    late = mine.end()
    assert late.status == 1, late
    assert "conflict" in late.text
    early = cli.put(ZONE, my_text, "--base", read["sha256"])
    assert early.status == 1
    assert "not what --base names" in early.json["error"]
    assert b"theirs" in text_of(lab)
    assert b"mine" not in text_of(lab)
    assert lab.dig("+short", "theirs.pool.lab.example", server=lab.at.ns2) == "192.0.2.2\n"
    tidy(lab)
