"""Whether all is as it has to be: what everybody was told, beside what the registry says and holds."""

from __future__ import annotations

import json
import random
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.faults.hosts import Broken, Host
from tests.faults.load import ABBREVIATED, Answer, Lost, Sent, Told, path_of, publish, tarball_path


@dataclass
class Verdict:
    """What the oracle found, when nothing is wrong. orphans: tarballs in the folder that no row names."""

    acknowledged: int
    settled: int
    downloads: int
    orphans: int

    def __str__(self) -> str:
        return (
            f"acknowledged {self.acknowledged}, unanswered and there {self.settled}, read back {self.downloads}, "
            f"lost 0, broken 0, harmless orphans {self.orphans}"
        )


def oracle(host: Host, told: Told, *, whole: bool = True, sample: int = 0) -> Verdict:
    """Raise Broken unless the registry is what everybody was told it is.

    What was acknowledged is listed, once, and installs with its bytes; what nobody knows is there whole or not at all;
    what was refused is not; each publish is in the audit log once, and nothing else; nobody saw anything wrong.
    whole: also `manage.py verify`, which reads every tarball. sample: download no more than so many; 0: all.
    """
    wrong = list(told.wrong)
    if whole:
        done = host.manage("verify", "--all", check=False)
        if done.returncode:
            wrong.append(f"verify: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    expected = told.acknowledged | told.unsettled
    listed: dict[tuple[str, str], str] = {}
    for name in sorted({name for name, _ in expected}):
        listed |= {(name, number): each for number, each in _listed(host, name, wrong).items()}
    for key, sent in told.acknowledged.items():
        if key not in listed:
            wrong.append(f"{sent.spec} was acknowledged and is lost")
    for key, integrity in listed.items():
        if key not in expected:
            wrong.append(f"{'@'.join(key)} is listed and nobody sent it")
        elif expected[key].integrity != integrity:
            wrong.append(f"{'@'.join(key)} has other bytes than were sent")
    for sent in told.refused:
        if listed.get((sent.name, sent.number)) == sent.integrity:
            wrong.append(f"{sent.spec} was refused and is listed")
    events = [event for event in host.place.events() if event[0] in {name for name, _ in expected}]
    if sorted(events) != sorted((*key, integrity) for key, integrity in listed.items()):
        odd = set(events) ^ {(*key, integrity) for key, integrity in listed.items()}
        wrong.append(f"the audit log has {len(events)} publishes, {len(listed)} are listed: {sorted(odd)[:5]}")
    read = [expected[key] for key in listed if key in expected]
    read = random.Random(0).sample(read, min(sample, len(read))) if sample else read
    for sent in read:
        answer = patiently(host, tarball_path(sent.name, sent.number))
        if answer.status != 200 or answer.body != sent.data:
            wrong.append(f"{sent.spec} is listed and does not install: {answer.status} {answer.body[:100]!r}")
    if wrong:
        raise Broken(f"{len(wrong)} things are wrong:\n" + "\n".join(wrong[:30]))
    named = host.place.rows("SELECT blob FROM packages_version") if host.place.store == "folder" else []
    orphans = sum(1 for _ in host.place.blobs.glob("??/??/*")) - len(named) if named else 0
    return Verdict(len(told.acknowledged), sum(key in listed for key in told.unsettled), len(read), orphans)


def patiently(host: Host, path: str, **headers: str) -> Answer:
    """Alice's GET, again while the host comes up: gives the last answer, which after seconds may be a 503."""
    for _ in range(30):
        with suppress(Lost):
            answer = host.ask("GET", path, "alice", **headers)
            if answer.status != 503:
                return answer
        time.sleep(0.1)
    return host.ask("GET", path, "alice", **headers)


def settled(host: Host, sent: Sent, told: Told, who: str = "bob") -> bool:
    """Send a version until it is acknowledged, as clients do; whether it was."""
    for _ in range(100):
        with suppress(Lost):
            answer = publish(host.port, host.place.token[who], sent, told)
            if answer.status != 503:
                return answer.status == 201
        time.sleep(0.1)
    return False


def _listed(host: Host, name: str, wrong: list[str]) -> dict[str, str]:
    found: list[dict[str, str]] = []
    for headers in ({}, {"Accept": ABBREVIATED}):
        answer = patiently(host, path_of(name), **headers)
        if answer.status == 404:
            found.append({})
            continue
        if answer.status != 200:
            wrong.append(f"the document of {name} is {answer.status}")
            return {}
        said = json.loads(answer.body, object_pairs_hook=_once)
        found.append({number: each["dist"]["integrity"] for number, each in said["versions"].items()})
        if set(said["dist-tags"].values()) - set(said["versions"]) or "latest" not in said["dist-tags"]:
            wrong.append(f"{name} has tags {said['dist-tags']}")
    if found[0] != found[1]:
        wrong.append(f"the two documents of {name} do not list the same")
    return found[0]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise Broken(f"a document says something twice: {[key for key in keys if keys.count(key) > 1][:3]}")
    return dict(pairs)
