"""The month of a company: it moves in, works, and everything that can break does, some days a day.

Two hosts behind nginx, PostgreSQL, an object store behind a line that fails, a sign-in provider, people who publish and
install all day, a backup each night. In the end `verify` finds nothing, everything that anybody was told is true, and
the last backup is the same registry on another database.
"""

from __future__ import annotations

import random
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from types import SimpleNamespace

from tests.faults import harness
from tests.faults.harness import Host, Place, Verdict
from tests.faults.load import Lost, Told, ask, pack, path_of, publish, tarball_path
from tests.tools import fronts, identity_provider, object_store, ports
from tests.tools.faulty_line import Line
from tests.tools.postgres import Cluster
from tests.tools.verdaccio_folder import VerdaccioFolder
from tests.tools.visitor import Visitor

FAULTS_A_DAY = 5
MOVED = 12  # packages that the company had before
TEAM = """
from accounts.actor import Actor
from accounts.models import User
from orgs import teams
teams.create(Actor(User.objects.get(username="alice"), credential="session"), "acme", "core")
"""


@dataclass
class Summary:
    """What happened, for people."""

    seed: int
    days: int
    faults: Counter[str] = field(default_factory=Counter)
    moved_in: int = 0
    sign_ins: int = 0
    changes: int = 0
    backups: int = 0
    sweeps: int = 0
    unavailable: int = 0
    lost_answers: int = 0
    installs: int = 0
    verdict: Verdict | None = None
    restored: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        broke = ", ".join(f"{what} {times}" for what, times in sorted(self.faults.items()))
        return (
            f"the month of a company, seed {self.seed}: {self.days} days in {self.seconds:.0f} s\n"
            f"  moved in from verdaccio: {self.moved_in} versions; signed in with the provider: {self.sign_ins} times\n"
            f"  broke: {broke}\n"
            f"  installs under load {self.installs}, changes of tags and warnings {self.changes}, answers 503"
            f" {self.unavailable}, answers that got lost {self.lost_answers}\n"
            f"  nights: {self.backups} backups, {self.sweeps} sweeps\n"
            f"  in the end: {self.verdict}\n"
            f"  restored elsewhere: {self.restored} versions, verified, installed from"
        )


class Month:
    """One company's month. folder: an empty one; cluster: the PostgreSQL, which is killed."""

    def __init__(self, folder: Path, cluster: Cluster, seed: int, days: int) -> None:
        self.folder, self.cluster, self.dice = folder, cluster, random.Random(seed)
        self.summary = Summary(seed, days)
        self.told = Told()
        self.moved: list[tuple[str, str]] = []
        self.backups = str(folder / "backups")

    def live(self) -> Summary:
        """Live it through. Raises Broken when something is not as it has to be."""
        began = time.monotonic()
        with ExitStack() as stack:
            self.settle(stack)
            self.move_in()
            for day in range(self.summary.days):
                self.work(day)
                self.night(day)
            self.look_back()
            self.burn_down(stack)
        told, summary = self.told, self.summary
        summary.unavailable, summary.lost_answers, summary.installs = told.unavailable, told.lost, told.downloads
        summary.seconds = time.monotonic() - began
        return summary

    # --- the first day ---

    def settle(self, stack: ExitStack) -> None:
        self.place = stack.enter_context(Place("postgres", "s3", self.folder / "place", self.cluster))
        store = object_store.shared()
        self.line = stack.enter_context(Line(int(store.endpoint.rpartition(":")[2])))
        self.storage = f"s3://{object_store.BUCKET}/{secrets.token_hex(6)}?region=us-east-1&endpoint="
        first, second = ports.free(), ports.free()
        nginx, provider = self.folder / "nginx", self.folder / "provider"
        for each in (nginx, provider):
            each.mkdir(parents=True)
        front = stack.enter_context(fronts.front("nginx", nginx, first, self.folder / "none", others=[second]))
        self.provider = stack.enter_context(identity_provider.running(provider, f"{front}/login/oidc/callback"))
        self.provider.groups("engineers")
        env = {
            **{name: ",".join(each) if isinstance(each, list) else str(each)
               for name, each in self.provider.settings().items()},
            "PUBLIC_URL": front,
            "TRUSTED_PROXY_COUNT": "1",
            "STORAGE_URL": f"{self.storage}http://127.0.0.1:{self.line.port}",
            "LEDGER_URL": (self.folder / "ledger").as_uri(),
            "OIDC_GROUP_TEAMS": "engineers=acme:core",
        }  # fmt: skip
        self.hosts = [Host(self.place, env | {"WORKER": "beside"}), Host(self.place, env)]
        for host, port in zip(self.hosts, (first, second), strict=True):
            host.port = port
            stack.enter_context(host)
            host.wait_until_ready()
        self.front, self.env = front, env
        # What `harness.publishers` asks of a host.
        self.door = SimpleNamespace(port=int(front.rpartition(":")[2]), place=self.place)

    def move_in(self) -> None:
        before = VerdaccioFolder(self.folder / "verdaccio")
        for number in range(MOVED):
            for version in ("1.0.0", "1.1.0"):
                before.publish(f"@acme/old-{number}", version, by="alice")
                self.moved.append((f"@acme/old-{number}", version))
        before.config("'@acme/*': {access: $authenticated, publish: alice}")
        host = self.hosts[0]
        host.manage("shell", "-c", TEAM)
        said = host.manage("import_verdaccio", str(before.root), "--org", "acme").stdout
        self.summary.moved_in = int(re.search(r"(\d+) versions came in", said)[1])
        self.sign_in()
        self.place.token["nina"] = host.manage("create_token", "nina").stdout.split()[-1]
        self.check("verify", "--all")

    # --- a day ---

    def work(self, day: int) -> None:
        people = harness.publishers(
            [self.door, *self.hosts], self.told, 5, readers=2, seed=self.dice.randrange(10**6) * 100 + day
        )
        people[0].token = self.place.token["nina"]
        harness.at_work(people, lambda: self.break_things(day))

    def break_things(self, day: int) -> None:
        for _ in range(FAULTS_A_DAY):
            time.sleep(self.dice.uniform(0.5, 1.5))
            fault = self.dice.choice(FAULTS)
            self.summary.faults[fault.__name__.replace("_", " ")] += 1
            fault(self)
            self.change_something(day)
        for host in self.hosts:
            host.wait_until_ready()
        self.sign_in()

    def a_worker_is_killed(self) -> None:
        self.dice.choice(self.hosts).kill("worker", self.dice)

    def a_host_is_killed(self) -> None:
        host = self.dice.choice(self.hosts)
        host.kill("all")
        time.sleep(self.dice.uniform(0, 0.5))
        host.start_again()

    def a_host_is_deployed_anew(self) -> None:
        host = self.dice.choice(self.hosts)
        host.stop()
        host.start()

    def the_database_is_killed(self) -> None:
        self.cluster.kill()
        time.sleep(self.dice.uniform(0, 1))
        self.cluster.start()

    def the_store_refuses(self) -> None:
        store = object_store.shared()
        for method in ("PUT", "GET"):
            store.fail(method, self.dice.choice((500, 503)), times=self.dice.randrange(1, 6))

    def the_line_to_the_store_breaks(self) -> None:
        how = self.dice.choice((self.line.cut, self.line.reset))
        how(after=self.dice.choice((0, 100, 5_000)), times=6)
        self.line.break_off()
        time.sleep(0.5)
        self.line.heal()

    def change_something(self, day: int) -> None:
        # A tag and a warning of a package that moved in, by alice, once: it may hit a fault, and is no harm then.
        name, number = self.dice.choice(self.moved)
        path = f"-/package/{path_of(name)}/dist-tags/day-{day}"
        with suppress(Lost):
            token = self.place.token["alice"]
            answer = ask(self.door.port, "PUT", path, token, f'"{number}"'.encode())
            if answer.status in (200, 201):
                self.summary.changes += 1
            elif answer.status != 503:
                self.told.complain(f"a tag: {answer.status} {answer.body[:200]!r}")

    def sign_in(self) -> None:
        """Nina comes to the website by the company's provider."""

        def comes() -> bool:
            browser = Visitor(self.front)
            with suppress(OSError, AssertionError):
                left = browser.submit("/login/oidc", page="/login")
                to = unescape(left.text.partition('content="0;url=')[2].partition('"')[0])
                browser.get(self.provider.sign_in(to))
                return browser.get("/settings/tokens").address.endswith("/settings/tokens")
            return False

        harness.wait_until(comes)
        self.summary.sign_ins += 1

    # --- a night ---

    def night(self, day: int) -> None:
        object_store.shared().heal()
        self.line.heal()
        host = self.dice.choice(self.hosts)
        host.manage("sweep_blobs", "--hours", "1")
        self.summary.sweeps += 1
        if self.dice.random() < 0.5:
            harness.broken_off(host, self.dice.uniform(1.0, 3.0), "backup", self.backups)
        host.manage("backup", self.backups, "--keys")
        self.summary.backups += 1
        self.check("restore", self.backups, "--dry-run")

    # --- the end ---

    def look_back(self) -> None:
        for sent in list(self.told.unsettled.values()):
            if not harness.settled(self.hosts[0], sent, self.told):
                self.told.complain(f"{sent.spec} cannot be published any more")
        self.summary.verdict = harness.oracle(self.hosts[1], self.told)
        for name, number in self.moved:
            answer = harness.patiently(self.hosts[0], tarball_path(name, number))
            if answer.status != 200:
                raise harness.Broken(f"{name}@{number} moved in and does not install: {answer.status}")

    def burn_down(self, stack: ExitStack) -> None:
        """Everything is gone but the backups and the ledger; the company goes on elsewhere."""
        self.hosts[0].manage("backup", self.backups, "--keys")
        self.summary.backups += 1
        for host in self.hosts:
            host.stop()
        other = stack.enter_context(Place("postgres", "folder", self.folder / "elsewhere", self.cluster))
        host = Host(other, {"LEDGER_URL": self.env["LEDGER_URL"]})
        host.manage("restore", self.backups, "--replace", "--keys")
        host.manage("verify", "--all")
        ((self.summary.restored,),) = other.rows("SELECT count(*) FROM packages_version")
        if self.summary.restored != len(self.told.acknowledged) + len(self.moved):
            raise harness.Broken(f"{self.summary.restored} versions came back")
        with host:
            other.token["alice"] = host.manage("create_token", "alice").stdout.split()[-1]
            harness.oracle(host, self.told, whole=False, sample=100)
            again = pack("@acme/elsewhere", "1.0.0")
            if publish(host.port, other.token["alice"], again, Told()).status != 201:
                raise harness.Broken("nothing can be published after the restore")

    def check(self, *words: str) -> None:
        done = self.hosts[0].manage(*words, check=False)
        if done.returncode:
            raise harness.Broken(f"{words[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


FAULTS: list[Callable[[Month], None]] = [
    Month.a_worker_is_killed,
    Month.a_host_is_killed,
    Month.a_host_is_deployed_anew,
    Month.the_database_is_killed,
    Month.the_store_refuses,
    Month.the_line_to_the_store_breaks,
]
