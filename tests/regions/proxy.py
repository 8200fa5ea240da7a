#!/usr/bin/env python3
"""Stands in the middle of TCP connections and makes them bad: delay, silence in one direction or both, resets.

    proxy.py --listen IP --control FILE PORT=HOST:PORT...

The control file holds {"delay_ms": N, "silent": "there" | "back" | "both" | "", "resets": N, "ports": [PORT...]} and is
looked at all the time: bytes are held back for delay_ms in each direction; a silent direction carries nothing while
both ends keep a connection that looks well (half open); each time `resets` grows, every connection is reset. With
`ports`, delay and silence are only of connections that came to one of these.
New connections are taken while it is silent, and are silent too. Nothing is lost or reordered: TCP would
not let that be seen either.
"""
import argparse
import asyncio
import json
import pathlib
import socket
import struct

LOOK_S = 0.05
CHUNK = 65536
CONNECT_DEADLINE_S = 5
GOOD = {"delay_ms": 0, "silent": "", "resets": 0, "ports": []}


class Proxy:
    def __init__(self, control):
        self._control = control
        self._orders = GOOD
        self._connections = set()

    async def look(self):
        while True:
            try:
                orders = GOOD | json.loads(self._control.read_text())
            except (OSError, ValueError):
                orders = self._orders           # not there yet, or half written
            if orders["resets"] > self._orders["resets"]:
                self._reset()
            self._orders = orders
            await asyncio.sleep(LOOK_S)

    def _reset(self):
        for writer in list(self._connections):
            reached = writer.get_extra_info("socket")
            reached.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def serve(self, address, port, target):
        async def taken(reader, writer):
            try:
                far_reader, far_writer = await asyncio.wait_for(asyncio.open_connection(*target), CONNECT_DEADLINE_S)
            except (OSError, asyncio.TimeoutError):
                writer.transport.abort()
                return
            both = {writer, far_writer}
            self._connections |= both
            try:
                await asyncio.gather(self._carry(reader, far_writer, "there", port),
                                     self._carry(far_reader, writer, "back", port))
            finally:
                self._connections -= both
                for one in both:
                    one.transport.abort()
        return await asyncio.start_server(taken, address, port)

    def _bad(self, port):
        return self._orders if port in self._orders["ports"] or not self._orders["ports"] else GOOD

    async def _carry(self, reader, writer, direction, port):
        """Until either end is gone; a closed end is passed on."""
        try:
            while data := await reader.read(CHUNK):
                if self._bad(port)["delay_ms"]:
                    await asyncio.sleep(self._bad(port)["delay_ms"] / 1000)
                while self._bad(port)["silent"] in (direction, "both"):
                    await asyncio.sleep(LOOK_S)
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.transport.abort()


async def run(asked):
    proxy = Proxy(asked.control)
    for route in asked.routes:
        port, _, target = route.partition("=")
        host, _, far = target.rpartition(":")
        await proxy.serve(asked.listen, int(port), (host, int(far)))
    print("ready", flush=True)
    await proxy.look()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", required=True)
    parser.add_argument("--control", required=True, type=pathlib.Path)
    parser.add_argument("routes", nargs="+")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
