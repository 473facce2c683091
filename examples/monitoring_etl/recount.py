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

LINE = re.compile(
    r'^\S+ [^\[]*\[(\d\d/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] '
    r'"[^" ]* ([^" ]+)[^"]*" (\d+) (?:\d+|-)(?: |$)'
)


def requests(log, services):
    """The time, service and status of each."""
    with open(services) as lines:
        service_of = dict(line.strip().split("=", 1) for line in lines if "=" in line)
    with open(log, errors="replace") as lines:
        for match in filter(None, map(LINE.match, lines)):
            section = match[2].split("?")[0].lstrip("/").split("/")[0]
            yield match[1], service_of.get(section, "other"), int(match[3])


def by_service(requests):
    counts = collections.defaultdict(lambda: [0, 0])
    for _, service, status in requests:
        counts[service][0] += 1
        counts[service][1] += status >= 500
    return counts


def by_minute(requests):
    def minute(time):
        return int(datetime.datetime.strptime(time, "%d/%b/%Y:%H:%M:%S %z").timestamp()) // 60 * 60_000

    return collections.Counter(f"{minute(time)}|{service}|{status}" for time, service, status in requests)


def main(log, services, how=None):
    count = by_minute if how == "--minutes" else by_service
    print(json.dumps(count(requests(log, services)), sort_keys=True))


main(*sys.argv[1:])
