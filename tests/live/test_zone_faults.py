"""When things go wrong: secondaries that do not follow, each with its reason; a console that dies in the middle."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.change.outcome import State
from tests.live.driving import Cli, added, without_serial
from tests.live.gate import MOMENTS, gate
from tests.live.lab import SERIALS, ZONE_FILES, Lab, until
from tests.live.test_zones import LINE, text_of, tidy

ZONE = "lab.example"
SHOP = "shop.example"


def saved(cli: Cli, *more: str) -> dict[str, dict[str, object]]:
    """A good save of shop.example while a secondary misbehaves: what is said of each name server, by its name."""
    done = cli.put(SHOP, added(text_of(cli.lab, SHOP), "fresh A 192.0.2.77"), "--timeout", "5", *more)
    said = done.json
    assert (done.status, said["state"]) == (1, "applied"), done
    assert cli.lab.ns1.serial(SHOP) == int(said["facts"]["new_serial"])
    servers = {str(each["name"]).partition(".")[0]: each for each in said["servers"]}
    assert servers["ns1"]["state"] == "followed"
    assert all(float(each["after"]) < 9 for each in servers.values()), "within the deadline"
    tidy(cli.lab)
    return servers


# 5. Every secondary that lags is named with its reason


def test_one_refuses_notify_and_one_is_down(cli: Cli) -> None:
    cli.lab.ns2.refuse_notify()
    cli.lab.ns3.stop()
    servers = saved(cli)
    assert (servers["ns2"]["state"], servers["ns2"]["serial"]) == ("refused notify", 417)
    assert "was notified and has not asked for the zone: it refuses notify from this server" in servers["ns2"]["why"]
    assert "14400 s" in servers["ns2"]["why"], "when it will ask by itself"
    assert (servers["ns3"]["state"], servers["ns3"]["serial"]) == ("unreachable", None)
    assert "asked from the host" in servers["ns3"]["why"]


def test_one_may_not_transfer_and_one_lost_the_zone(cli: Cli) -> None:
    lab = cli.lab
    lab.ns1.allow_transfer(lab.at.ns3)
    conf = lab.ns3.zones_conf
    lab.secondary.write(conf, lab.secondary.read(conf).partition(b'zone "shop.example"')[0])
    lab.ns3.rndc("reconfig")
    until(lambda: lab.ns3.serial(SHOP) is None, "ns3 has no zone")
    servers = saved(cli)
    assert servers["ns2"]["state"] == "transfer denied"
    assert f"{lab.at.ns2}#" in servers["ns2"]["why"], "the log line that proves it"
    assert "denied" in servers["ns2"]["why"]
    assert servers["ns3"]["state"] == "lame"
    assert "REFUSED: it does not have the zone" in servers["ns3"]["why"]


def test_one_has_run_ahead_and_one_is_cut_off(cli: Cli) -> None:
    """Both after the plan was made, while the admin reads it."""
    lab = cli.lab
    text = added(text_of(lab, SHOP), "fresh A 192.0.2.77")
    options = ("--file", "-", "--timeout", "5")
    running = cli.start("zone", "put", "lab-root", SHOP, *options, stdin=text)
    running.until_asked("Do this on lab-root?")
    run_ahead(lab, 5000)
    lab.ns2.stop()
    running.answer("yes")
    done = running.end()
    assert done.status == 1, done
    assert f"ns3.lab.example {lab.at.ns3}: ahead. Its serial 5000 is higher than 418: it will not fetch" in done.text
    assert f"ns2.lab.example {lab.at.ns2}: unreachable." in done.text


def run_ahead(lab: Lab, serial: int) -> None:
    """ns3 becomes a primary of shop.example, with that serial."""
    conf = lab.secondary.read(lab.ns3.zones_conf)
    conf = conf.replace(b"type secondary", b"type primary").replace(b"shop.example.copy", b"ahead")
    lab.secondary.write(lab.ns3.zones_conf, conf.replace(f"primaries {{ {lab.at.ns1}; }};".encode(), b""))
    text = text_of(lab, SHOP).replace(b" 417 ", f" {serial} ".encode())
    lab.secondary.write("/var/cache/bind-second/ahead", text)
    lab.ns3.rndc("reconfig")
    lab.until_served(SHOP, serial, lab.ns3)


# 7. The console is killed at every step of a save


def finished_on_host(lab: Lab, transaction: str) -> bool:
    """The worker has written its result, or there never was one and there is no worker."""
    script = 'test -e "/var/lib/opsconsole/transactions/$1/result" || ! pgrep -f "[w]orker.*$1" >/dev/null'
    return lab.primary.run(script, transaction, check=False).returncode == 0


@pytest.mark.parametrize("moment", list(MOMENTS))
def test_killed_at(cli: Cli, moment: str) -> None:
    lab = cli.lab
    old = text_of(lab)
    with gate(lab, MOMENTS[moment]) as held:
        running = cli.start("zone", "put", "lab-opsfree", ZONE, "--file", "-", "--yes", stdin=added(old, LINE))
        held.until_reached()
        running.kill()
        (entry,) = cli.journal.entries()
        assert entry.open, "the journal knew of it before the host did"
        held.open()
        until(lambda: finished_on_host(lab, entry.transaction), "the host is done with it")
    truth(cli, entry.transaction, old, added(old, LINE))


def truth(cli: Cli, transaction: str, old: bytes, new: bytes) -> None:
    """What the console says after it came back is what the host itself shows; nothing half is left."""
    lab = cli.lab
    assert cli("journal").status == 3, "an outcome that is not known"
    asked = cli("journal", "--ask", "--json")
    (entry,) = asked.json["transactions"]
    assert (asked.status, entry["transaction"]) == (0, transaction), asked
    held = text_of(lab)
    served = lab.primary.run('rndc zonestatus "$1" | sed -n "s/^serial: //p"', ZONE).stdout.strip()
    if entry["state"] == State.APPLIED.value:
        assert without_serial(held) == without_serial(new)
        assert served == entry["facts"]["new_serial"]
        lab.until_served(ZONE, int(served))
    else:
        assert entry["state"] in (State.REFUSED.value, State.ROLLED_BACK.value), entry
        assert held == old
        assert served == str(SERIALS[ZONE])
    tidy(lab)
    assert cli.journal.verify() == []
    following = cli.put(ZONE, added(held, "later IN A 192.0.2.78"), user="opsfree")
    assert (following.status, following.json["state"]) == (0, "applied"), following


def test_a_plan_that_never_arrived_whole_never_begins(cli: Cli, tmp_path: Path) -> None:
    """Killed while most of a big zone is still on its way: nothing was begun, and it cannot begin later."""
    lab = cli.lab
    filler = (b"; " + b"x" * 1000 + b"\n") * 6000
    old = text_of(lab)
    with gate(lab, MOMENTS["the plan is arriving"]) as held:
        running = cli.start("zone", "put", "lab-opsfree", ZONE, "--file", "-", "--yes", stdin=old + filler)
        held.until_reached(90)
        running.kill()
        (entry,) = cli.journal.entries()
        held.open()
        until(lambda: finished_on_host(lab, entry.transaction), "the host is done with it")
    assert text_of(lab) == old
    assert lab.ns1.serial(ZONE) == SERIALS[ZONE]
    asked = cli("journal", "--ask", "--json").json["transactions"][0]
    assert asked["state"] == State.REFUSED.value, asked
    tidy(lab)


def test_killed_while_a_broken_zone_is_taken_back(cli: Cli) -> None:
    """The old text comes back without anybody looking on, and is served with a time that named takes for new."""
    lab = cli.lab
    old = text_of(lab)
    before = (lab.primary.root / ZONE_FILES[ZONE].lstrip("/")).stat().st_mtime_ns
    with gate(lab, MOMENTS["named has been told"]) as held:
        text = added(old, "oops IN A 192.0.2.999")
        running = cli.start("zone", "put", "lab-root", ZONE, "--file", "-", "--yes", "--force", stdin=text)
        held.until_reached()
        running.kill()
        assert text_of(lab) != old
        held.open()
        (entry,) = cli.journal.entries()
        until(lambda: finished_on_host(lab, entry.transaction), "the host is done with it", 40)
    truth(cli, entry.transaction, old, text)
    found = cli.journal.entry(entry.transaction)
    assert found is not None
    assert found.state is State.ROLLED_BACK
    assert (lab.primary.root / ZONE_FILES[ZONE].lstrip("/")).stat().st_mtime_ns > before
