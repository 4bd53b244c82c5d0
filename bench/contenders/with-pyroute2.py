"""Makes the calls that FILE lists on one IPRoute; prints nanoseconds from the
first call to the last answer, nanoseconds of CPU time, and how many."""

import json
import sys
import time

from pyroute2 import IPRoute

with open(sys.argv[1], encoding="utf-8") as file:
    calls = json.load(file)
with IPRoute() as ipr:
    methods = {name: getattr(ipr, name) for name in ("neigh", "fdb", "route")}
    used = time.process_time_ns()
    started = time.monotonic_ns()
    for name, verb, arguments in calls:
        methods[name](verb, **arguments)
    ended = time.monotonic_ns()
    print(ended - started, time.process_time_ns() - used, len(calls))
