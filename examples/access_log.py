"""Analyse a web server's access log with regular expressions: traffic, errors, suspects.

ophidia run examples/access_log.py < examples/data/access.log
"""

import ipaddress
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

LINE = re.compile(
    r"""
    ^(?P<host>\S+)\ \S+\ (?P<user>\S+)
    \ \[(?P<when>[^\]]+)\]
    \ "(?P<method>[A-Z]+)\ (?P<target>\S+)\ HTTP/(?P<version>\d(?:\.\d)?)"
    \ (?P<status>\d{3})\ (?P<size>\d+|-)
    \ "(?P<referrer>[^"]*)"\ "(?P<agent>(?:[^"\\]|\\.)*)"
    \ (?P<seconds>\d+\.\d+)$
    """,
    re.VERBOSE,
)
AGENTS = [
    (re.compile(r"bot\b|crawler|spider", re.IGNORECASE), "bot"),
    (re.compile(r"^(?:curl|wget)/"), "tool"),
    (re.compile(r"iPhone|Android"), "phone"),
    (re.compile(r"^Mozilla/"), "desktop"),
]
IDENTIFIER = re.compile(r"(?<=/)\d+(?=/|$)")


class Hit(NamedTuple):
    host: str
    user: str
    when: datetime
    method: str
    target: str
    status: int
    size: int
    agent: str
    seconds: float

    @property
    def route(self) -> str:
        """The path with its numbers and its query taken out."""
        return IDENTIFIER.sub("{id}", urlsplit(self.target).path)


def parse(lines: Iterable[str], damaged: list[int]) -> Iterator[Hit]:
    for number, line in enumerate(lines, start=1):
        match = LINE.match(line.rstrip("\n"))
        if match is None:
            damaged.append(number)
            continue
        field = match.groupdict()
        try:
            when = datetime.strptime(field["when"], "%d/%b/%Y:%H:%M:%S %z")
        except ValueError:
            damaged.append(number)
            continue
        yield Hit(
            host=field["host"],
            user=field["user"],
            when=when,
            method=field["method"],
            target=field["target"],
            status=int(field["status"]),
            size=0 if field["size"] == "-" else int(field["size"]),
            agent=next((kind for pattern, kind in AGENTS if pattern.search(field["agent"])), "?"),
            seconds=float(field["seconds"]),
        )


def percentile(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def suspects(hits: Iterable[Hit], tries: int, within: timedelta) -> Iterator[tuple[str, str]]:
    """Hosts with many refused requests in a short time."""
    refused: defaultdict[str, list[datetime]] = defaultdict(list)
    for hit in hits:
        if hit.status in (401, 403):
            refused[hit.host].append(hit.when)
    for host, times in sorted(refused.items()):
        times.sort()
        for first, last in zip(times, times[tries - 1 :]):
            if last - first <= within:
                yield host, f"{tries} refusals in {(last - first).total_seconds():.0f} s"
                break


def size(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def main() -> None:
    damaged: list[int] = []
    hits = sorted(parse(sys.stdin, damaged), key=lambda hit: (hit.when, hit.host, hit.target))
    if not hits:
        sys.exit("no request in the input")
    span = hits[-1].when - hits[0].when
    print(f"{len(hits)} requests in {span}, damaged lines: {damaged}")
    print(f"{size(sum(hit.size for hit in hits))} sent")

    classes = Counter(f"{hit.status // 100}xx" for hit in hits)
    print("status  ", "  ".join(f"{name} {count}" for name, count in sorted(classes.items())))
    agents = Counter(hit.agent for hit in hits)
    print("agents  ", "  ".join(f"{name} {count}" for name, count in sorted(agents.items())))

    print("\nroute                 hits  errors    p50    p95")
    routes: defaultdict[str, list[Hit]] = defaultdict(list)
    for hit in hits:
        routes[f"{hit.method} {hit.route}"].append(hit)
    for route, group in sorted(routes.items(), key=lambda item: (-len(item[1]), item[0])):
        times = [hit.seconds for hit in group]
        errors = sum(hit.status >= 400 for hit in group)
        print(f"{route:20} {len(group):5} {errors:7} {percentile(times, 50):6.3f} {percentile(times, 95):6.3f}")

    print("\nhosts")
    hosts = Counter(hit.host for hit in hits)
    for host, count in sorted(hosts.items(), key=lambda item: ipaddress.ip_address(item[0]).packed):
        kind = f"IPv{ipaddress.ip_address(host).version}"
        print(f"  {host:15} {kind} {count:4} {'#' * (count // 4)}")

    hours = Counter(hit.when.astimezone().utctimetuple().tm_hour for hit in hits)
    print("\nhours (UTC):", " ".join(f"{hour:02}h={count}" for hour, count in sorted(hours.items())))
    searches = Counter(term for hit in hits for term in parse_qs(urlsplit(hit.target).query).get("q", []))
    print("searches:", dict(sorted(searches.items())))
    for host, reason in suspects(hits, tries=5, within=timedelta(minutes=1)):
        print(f"suspect: {host}: {reason}")


if __name__ == "__main__":
    main()
