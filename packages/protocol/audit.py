"""What npm, pnpm, yarn and bun ask about everything that they installed, in the two shapes that there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.http import JsonResponse

from accounts import body
from accounts.endpoint import page_address
from packages import audits
from packages.audits import Affected
from packages.models import Advisory, Severity
from registry_site.errors import Malformed, TooLarge

MOST_BYTES = 2 << 20  # ten thousand names with a few versions each
MOST_TREE_BYTES = 4 << 20
MOST_PLACES = 100_000  # in a tree, whose packages may come more than once
MOST_PATHS = 100  # of one advisory; people read the first
NONE = "<0.0.0"  # no version is in it: npm's word for what is not mended

Place = tuple[Any, str]  # what it is inside of, and its name: a whole path each would cost a deep tree too much
Places = dict[str, dict[str, list[Place]]]  # by version by name


def bulk(request) -> JsonResponse:
    """`npm audit` of npm 7 and later, pnpm, yarn 4 and bun, and in the background of every `npm install`."""
    asked = audits.read(body.read_object(request, MOST_BYTES))
    found = audits.affected(request.actor, asked)
    return JsonResponse({name: [_entry(request, each.advisory) for each in listed] for name, listed in found.items()})


def report(request) -> JsonResponse:
    """`npm audit` of npm 6 and pnpm 9, and of later ones when the newer address fails: the whole tree, in one body."""
    tree = body.read_object(request, MOST_TREE_BYTES)
    places: Places = {}
    for number, place in _placed(tree):
        places.setdefault(place[1], {}).setdefault(number, []).append(place)
    asked = audits.read({name: list(numbers) for name, numbers in places.items()})
    found = [each for listed in audits.affected(request.actor, asked).values() for each in listed]
    count = sum(len(listed) for numbers in places.values() for listed in numbers.values())
    return JsonResponse(_report(request, found, places, count))


def _entry(request, advisory: Advisory) -> dict[str, Any]:
    return {
        "id": advisory.number,
        "url": _url(request, advisory),
        "title": advisory.title,
        "severity": advisory.severity,
        "vulnerable_versions": advisory.range,
        "cwe": advisory.cwes,
        "cvss": {"score": advisory.score or 0, "vectorString": advisory.vector or None},
    }


def _url(request, advisory: Advisory) -> str:
    return advisory.url or page_address(request, "package-advisory", advisory.name, advisory.key)


def _report(request, found: list[Affected], places: Places, count: int) -> dict[str, Any]:
    advisories: dict[str, Any] = {}
    actions: dict[str, dict[str, Any]] = {}
    totals: Counter[str] = Counter()
    for each in found:
        advisory, name = each.advisory, each.advisory.name
        findings = [{"version": number, "paths": _paths(places[name][number])} for number in each.numbers]
        paths = [path for finding in findings for path in finding["paths"]]
        totals[advisory.severity] += len(paths)
        advisories[str(advisory.number)] = _old_entry(request, advisory, findings)
        action = actions.setdefault(name, {"action": "review", "module": name, "resolves": []})
        flags = {"dev": False, "optional": False, "bundled": False}
        action["resolves"] += [{"id": advisory.number, "path": path, **flags} for path in paths]
    counted = {"info": 0} | {severity: totals[severity] for severity in Severity.values}
    others = {"devDependencies": 0, "optionalDependencies": 0, "totalDependencies": count}
    return {
        "actions": list(actions.values()),
        "advisories": advisories,
        "muted": [],
        "metadata": {"vulnerabilities": counted, "dependencies": count} | others,
    }


def _old_entry(request, advisory: Advisory, findings: list[dict[str, Any]]) -> dict[str, Any]:
    fixed = advisory.fixed_in
    changed = advisory.amended_at or advisory.published_at
    return _entry(request, advisory) | {
        "findings": findings,
        "module_name": advisory.name,
        "patched_versions": f">={fixed}" if fixed else NONE,
        "overview": advisory.title,
        "recommendation": f"Upgrade to version {fixed} or later" if fixed else "None",
        "references": _url(request, advisory),
        "access": "public",
        "cves": advisory.cves,
        "created": advisory.published_at.isoformat(),
        "updated": changed.isoformat(),
        "deleted": None,
        "github_advisory_id": advisory.label,
    }


def _paths(places: list[Place]) -> list[str]:
    found: list[str] = []
    for place in places[:MOST_PATHS]:
        names, each = [], place
        while each is not None:
            names.append(each[1])
            each = each[0]
        found.append(">".join(reversed(names)))
    return found


def _placed(tree: dict[str, Any]) -> Iterator[tuple[str, Place]]:
    # pnpm puts each project of a workspace between the root and its packages; those have no version to audit.
    waiting: list[tuple[Any, Place | None]] = [(tree.get("dependencies"), None)]
    count = 0
    while waiting:
        listed, above = waiting.pop()
        if listed is None:
            continue
        if not isinstance(listed, dict):
            raise Malformed("an audit names the dependencies of each package in an object")
        for name, said in listed.items():
            count += 1
            if count > MOST_PLACES:
                raise TooLarge(f"an audit is about at most {MOST_PLACES:,} places of packages")
            if not isinstance(said, dict):
                continue
            here = (above, name)
            if isinstance(said.get("version"), str):
                yield said["version"], here
            waiting.append((said.get("dependencies"), here))
