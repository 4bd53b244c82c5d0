"""One piece of work of the suite `rtnl` with pyroute2; prints nanoseconds, nanoseconds of CPU time, how many values there
were (or how many entries were refused), and the most kB that were resident.

  read routes|links|neighbours|fdb   twice, and the second time counts
  write FILE                         the calls that FILE lists, as JSON, in batches of IPBatch
"""

import json
import socket
import struct
import sys
import time

from pyroute2 import IPBatch, IPRoute

CHUNK = 256
AF_BRIDGE = 7
NLMSG_ERROR = 2


def touch(value):
    """Attributes are decoded when they are looked at."""
    if isinstance(value, dict):
        for _, inner in value.get("attrs", ()):
            touch(inner)
    elif isinstance(value, list):
        for inner in value:
            touch(inner)


def read(ipr, what):
    """Without its filters, which work in Python and would only cost: nearly all that is there is asked for."""
    if what == "routes":
        found = list(ipr.get_routes(family=socket.AF_INET))
    elif what == "links":
        found = list(ipr.get_links())
    else:
        family = AF_BRIDGE if what == "fdb" else socket.AF_INET
        found = list(ipr.get_neighbours(family=family))
    for value in found:
        touch(value)
    return len(found)


def write(ipr, calls):
    """A batch a chunk; every message of it is acknowledged."""
    refused = 0
    batch = IPBatch()
    for at in range(0, len(calls), CHUNK):
        chunk = calls[at : at + CHUNK]
        for name, verb, arguments in chunk:
            getattr(batch, name)(verb, **arguments)
        ipr.sendto(batch.batch, (0, 0))
        batch.reset()
        left = len(chunk)
        while left > 0:
            data = ipr.recv(1 << 16)
            place = 0
            while place < len(data):
                length, kind = struct.unpack_from("=IH", data, place)
                if kind == NLMSG_ERROR:
                    left -= 1
                    refused += struct.unpack_from("=i", data, place + 16)[0] != 0
                place += (length + 3) & ~3
    return refused


def peak_kb():
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def main():
    verb, what = sys.argv[1:3]
    with IPRoute() as ipr:
        if verb == "read":
            read(ipr, what)
            work = lambda: read(ipr, what)
        else:
            with open(what, encoding="utf-8") as file:
                calls = json.load(file)
            work = lambda: write(ipr, calls)
        used = time.process_time_ns()
        started = time.monotonic_ns()
        count = work()
        ended = time.monotonic_ns()
        print(ended - started, time.process_time_ns() - used, count, peak_kb())


main()
