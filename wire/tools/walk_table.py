#!/usr/bin/env python3
"""Writes src/walk/messages.txt from Kafka's own message definitions.

    walk_table.py KAFKA_CLIENTS_JAR > src/walk/messages.txt

The Kafka clients' jar carries the definitions (common/message/*.json) that its own readers and writers are generated
from. The grammar of the output is described in src/walk/table.rs.
"""
import json
import re
import sys
import zipfile

WIDTH = 110
# Messages that are no request or response, but that members of a group or the broker put into bytes fields.
DATA = ["ConsumerProtocolAssignment", "ConsumerProtocolSubscription"]


def load(jar):
    """Yields every definition in the jar."""
    with zipfile.ZipFile(jar) as archive:
        for name in sorted(archive.namelist()):
            if name.startswith("common/message/") and name.endswith(".json"):
                text = archive.read(name).decode()
                yield json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.M))


def head(field, around):
    """Name and attributes of a field in a struct of the versions `around`; what is inherited goes unsaid."""
    versions = field["versions"]
    tag = field.get("tag")
    if tag is not None and field["taggedVersions"] != versions:
        # Untagged in some versions: no message has that, and the grammar has no word for it.
        sys.exit(f"{field['name']}: tagged in {field['taggedVersions']} but present in {versions}")
    text = field["name"]
    text += "" if versions in ("0+", around) else "@" + versions
    nullable = field.get("nullableVersions", "none")
    if nullable != "none":
        text += "?" if nullable in ("0+", versions) else "?" + nullable
    text += "" if tag is None else f"#{tag}"
    return text


def lines(fields, structs, depth, around="0+"):
    """The fields of a struct, leaves packed into lines, structs indented below their own line."""
    pad = " " * depth
    row = []

    def flush():
        line = pad
        for word in row:
            if len(line) + len(word) + 1 > WIDTH and line.strip():
                yield line.rstrip()
                line = pad
            line += word + " "
        if line.strip():
            yield line.rstrip()
        row.clear()

    for field in fields:
        array = field["type"].startswith("[]")
        base = field["type"].removeprefix("[]")
        inner = field.get("fields") or structs.get(base)
        if inner is None:
            row.append(f"{head(field, around)}:{field['type']}")
            continue
        yield from flush()
        yield f"{pad}{head(field, around)}:{'[' if array else '{'}"
        yield from lines(inner, structs, depth + 1, field["versions"])
        yield pad + ("]" if array else "}")
    yield from flush()


def main():
    messages = []
    for definition in load(sys.argv[1]):
        kind, name = definition["type"], definition["name"]
        if kind not in ("request", "response") and name not in DATA or definition["validVersions"] == "none":
            continue
        key = definition.get("apiKey", -1)
        title = re.sub(r"(Request|Response)$", "", name) if key >= 0 else name
        flexible = definition["flexibleVersions"].rstrip("+")
        structs = {s["name"]: s["fields"] for s in definition.get("commonStructs", [])}
        body = list(lines(definition["fields"], structs, 1))
        messages.append((key, kind, title, definition["validVersions"], flexible, body))
    for key, kind, title, versions, flexible, body in sorted(messages, key=lambda m: m[:3]):
        print(f"{kind} {key} {title} {versions} flexible {flexible}")
        print("\n".join(body + ["end"]))


main()
