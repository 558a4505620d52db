"""A TCP proxy with a fixed round trip time: `python -m tests.bench.delay PORT MILLISECONDS` prints its own port.

A connection costs what it would cost on such a line: the server sees it, and the client's first bytes, after one and a
half round trips. There is no loss, no bandwidth limit and no slow start.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

CHUNK = 1 << 16


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """What is read is written `delay` seconds after it came, the end of it too."""
    loop = asyncio.get_running_loop()
    due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            when, data = await due.get()
            await asyncio.sleep(when - loop.time())
            if not data:
                writer.close()
                return
            writer.write(data)

    delivery = asyncio.create_task(deliver())
    data = b"first"
    while data:
        try:
            data = await reader.read(CHUNK)
        except ConnectionError:
            data = b""
        due.put_nowait((loop.time() + delay, data))
    await delivery


async def _serve(port: int, round_trip: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(round_trip)
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
        half = round_trip / 2
        await asyncio.gather(_carry(reader, to_writer, half), _carry(to_reader, writer, half))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def line(port: int, round_trip: float) -> Iterator[int]:
    """The port of a proxy to `port` of this machine, in a process of its own; `round_trip` in seconds."""
    argv = [sys.executable, "-m", "tests.bench.delay", str(port), str(round_trip * 1000)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
