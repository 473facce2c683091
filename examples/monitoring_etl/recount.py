#!/usr/bin/env python3
"""Counts a web server's log, as the monitoring ETL does: requests, and those that failed, of each service.

    recount.py LOG SERVICES        prints {"SERVICE": [REQUESTS, FAILED], ...}

SERVICES has a line for each first part of a path: `blog=writing`. It knows nothing of topics, windows or stores.
"""

import collections
import json
import re
import sys

LINE = re.compile(
    r'^\S+ [^\[]*\[(\d\d/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] '
    r'"[^" ]* ([^" ]+)[^"]*" (\d+) (?:\d+|-)(?: |$)'
)


def main(log, services):
    with open(services) as lines:
        service_of = dict(line.strip().split("=", 1) for line in lines if "=" in line)
    counts = collections.defaultdict(lambda: [0, 0])
    with open(log, errors="replace") as lines:
        for line in lines:
            match = LINE.match(line)
            if not match:
                continue
            section = match[2].split("?")[0].lstrip("/").split("/")[0]
            count = counts[service_of.get(section, "other")]
            count[0] += 1
            count[1] += int(match[3]) >= 500
    print(json.dumps(counts, sort_keys=True))


main(*sys.argv[1:])
