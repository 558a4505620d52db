"""A real named on loopback ports that nobody else has, in a directory of its own; ended by its process id."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

TOOLS_PATH = "/usr/local/sbin:/usr/sbin:/sbin:" + os.environ.get("PATH", "")
ZONE = """$TTL 3600
; the zone of {name}
@	IN SOA ns1.{name}. hostmaster.{name}. (
		{serial}	; serial
		3600 600 86400 300 )
	NS ns1
ns1	A 127.0.0.1
www	A 192.0.2.1
"""


def tool(name: str) -> str | None:
    return shutil.which(name, path=TOOLS_PATH)


def free_port() -> int:
    """A port free for TCP and UDP just now."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = int(tcp.getsockname()[1])
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@dataclass
class PrivateNamed:
    directory: Path
    port: int = field(default_factory=free_port)
    control: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        return self.directory / "named.conf"

    @property
    def rndc_args(self) -> tuple[str, ...]:
        return ("-s", "127.0.0.1", "-p", str(self.control), "-k", str(self.directory / "rndc.key"))

    def configure(self, zones: str, options: str = "") -> None:
        key = self.directory / "rndc.key"
        if not key.exists():
            generator = tool("rndc-confgen")
            assert generator
            subprocess.run([generator, "-a", "-c", key, "-k", "test-key"], check=True, capture_output=True)
        self.config.write_text(
            f"""include "{key}";
controls {{ inet 127.0.0.1 port {self.control} allow {{ 127.0.0.1; }} keys {{ "test-key"; }}; }};
options {{ directory "{self.directory}"; pid-file "named.pid"; session-keyfile "session.key";
 listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no; dnssec-validation no;
 empty-zones-enable no; notify-delay 0; {options} }};
logging {{ channel all {{ file "named.log"; print-time iso8601; print-category yes; print-severity yes; }};
 category default {{ all; }}; }};
{zones}
"""
        )

    def write_zone(self, name: str, serial: int) -> Path:
        path = self.directory / name
        path.write_text(ZONE.format(name=name, serial=serial))
        return path

    def start(self) -> None:
        named = tool("named")
        assert named
        self.process = subprocess.Popen(
            [named, "-f", "-c", str(self.config)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.directory
        )
        deadline = time.monotonic() + 15
        while "all zones loaded" not in self.log():
            assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def log(self) -> str:
        path = self.directory / "named.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def rndc(self, *words: str) -> str:
        rndc = tool("rndc")
        assert rndc
        return subprocess.run([rndc, *self.rndc_args, *words], capture_output=True, text=True).stdout

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None
