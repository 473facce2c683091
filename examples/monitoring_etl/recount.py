#!/usr/bin/env python3
"""Counts a web server's log, as the monitoring ETL does.

    recount.py LOG SERVICES             prints {"SERVICE": [REQUESTS, FAILED], ...}
    recount.py LOG SERVICES --minutes   prints {"MINUTE|SERVICE|STATUS": REQUESTS, ...}, minutes in milliseconds since 1970

SERVICES has a line for each first part of a path: `blog=writing`. It knows nothing of topics, windows or stores.
"""

import collections
import datetime
import json
import re
import sys
import time

TIME = r"\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"
LINE = re.compile(rf'[^ ]+ [^\[]*\[({TIME})\] "((?:[^"\\]|\\.)*)" (\d{{3}}) (\d{{1,99}}|-)(?: |$)', re.ASCII)

# A line that is further (s) ahead of the clock is not believed.
AHEAD_MAX = 5 * 60


def second(text):
    """Seconds since 1970, or None."""
    try:
        written = datetime.datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z").timestamp()
    except ValueError:
        return None
    return int(written) if 0 <= written <= time.time() + AHEAD_MAX else None


def requests(log, services):
    """The second, service and status of each."""
    with open(services) as lines:
        service_of = dict(line.strip().split("=", 1) for line in lines if "=" in line)
    with open(log, encoding="utf-8", errors="replace", newline="\n") as lines:
        # A line without its end is still being written.
        whole = (line[:-1].removesuffix("\r") for line in lines if line.endswith("\n"))
        for match in filter(None, map(LINE.match, whole)):
            written, words = second(match[1]), match[2].split(" ")
            size_fits = match[4] == "-" or int(match[4]) < 1 << 64
            if written is not None and size_fits and len(words) > 1 and words[1]:
                section = words[1].split("?")[0].lstrip("/").split("/")[0]
                yield written, service_of.get(section, "other"), int(match[3])


def by_service(requests):
    counts = collections.defaultdict(lambda: [0, 0])
    for _, service, status in requests:
        counts[service][0] += 1
        counts[service][1] += status >= 500
    return counts


def by_minute(requests):
    return collections.Counter(
        f"{second // 60 * 60_000}|{service}|{status}" for second, service, status in requests
    )


def main(log, services, how=None):
    count = by_minute if how == "--minutes" else by_service
    print(json.dumps(count(requests(log, services)), sort_keys=True))


main(*sys.argv[1:])
