"""What is outside breaks: the mail server, the background worker, the upstream registry."""

from __future__ import annotations

import os
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from django.core import mail
from django.core.management import call_command
from django.utils import timezone
from django_tasks import task
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from accounts import notices
from accounts.notices import Kind
from packages import sharing
from packages.models import Version
from registry_site import repeating, timetable
from tests.faults import harness
from tests.faults.harness import Host
from tests.faults.load import Lost, Told, ask, pack
from tests.tools.faulty_line import Line
from tests.tools.server import ROOT
from tests.tools.upstream_stub import UpstreamStub

READY, RUNNING = TaskResultStatus.READY, TaskResultStatus.RUNNING
FAILED, SUCCESSFUL = TaskResultStatus.FAILED, TaskResultStatus.SUCCESSFUL
ran: list[str] = []


@task()
def poison(word: str) -> None:
    """Never works."""
    ran.append(word)
    raise ValueError("never")


@task()
def honest(word: str) -> None:
    """Works."""
    ran.append(word)


@pytest.fixture(autouse=True)
def _nothing_ran():
    ran.clear()


def work() -> None:
    """What the background worker does until there is nothing to do."""
    call_command("db_worker", batch=True, startup_delay=False, interval=0, verbosity=0)


def states() -> dict[str, str]:
    return {row.task_path.rpartition(".")[2]: row.status for row in DBTaskResult.objects.all()}


# --- 70: the queue --------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_70_what_never_works_is_tried_again_later_each_time_and_then_given_up(time_machine, caplog):
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    poison.enqueue("a")
    honest.enqueue("b")
    work()
    assert ran == ["a", "b"], "and it stands in nobody's way"
    assert states() == {"poison": READY, "honest": SUCCESSFUL}
    work()
    assert len(ran) == 2, "not before its time"
    for number, wait in enumerate(repeating.WAITS, 2):
        now += wait
        time_machine.move_to(now, tick=False)
        work()
        assert ran.count("a") == number
    assert states()["poison"] == FAILED
    assert "given up after 6 attempts" in caplog.text
    time_machine.move_to(now + timedelta(days=1), tick=False)
    repeating.take_up()
    work()
    assert ran.count("a") == 6
    row = DBTaskResult.objects.get(status=FAILED)
    assert "ValueError" in row.exception_class_path


@pytest.mark.django_db(transaction=True)
def test_70_what_a_killed_worker_left_is_taken_up_and_what_kills_each_worker_is_given_up(time_machine):
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    honest.enqueue("a")
    for number in range(1, 2 + len(repeating.WAITS)):
        DBTaskResult.objects.get().claim(f"worker {number}")  # which is killed then
        assert repeating.take_up() == 0, "it may be at it still"
        now += repeating.LEASE + timedelta(seconds=1)
        time_machine.move_to(now, tick=False)
        assert repeating.take_up() == 1
        assert states() == {"honest": READY if number <= len(repeating.WAITS) else FAILED}
    work()
    assert ran == []
    assert DBTaskResult.objects.get().exception_class_path == "killed"


@pytest.mark.django_db(transaction=True)
def test_70_one_worker_that_was_killed_costs_a_task_nothing_but_time(time_machine):
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    honest.enqueue("a")
    DBTaskResult.objects.get().claim("killed")
    time_machine.move_to(now + repeating.LEASE + timedelta(seconds=1), tick=False)
    stop = threading.Event()
    looks = iter([False, True])
    stop.wait = lambda seconds: next(looks)
    timetable_jobs, timetable._jobs = timetable._jobs, {}
    try:
        timetable.keep(stop)
    finally:
        timetable._jobs = timetable_jobs
    work()
    assert (ran, states()) == (["a"], {"honest": SUCCESSFUL})


# --- 69: mail -------------------------------------------------------------------------------------------------------


class _Smtp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        with suppress(OSError):  # the line broke
            self.talk()

    def talk(self) -> None:
        self.wfile.write(b"220 here\r\n")
        message: list[str] | None = None
        for line in self.rfile:
            word = line.decode(errors="replace").strip()
            if message is not None:
                if word == ".":
                    self.server.arrived.append("\n".join(message))
                    message = None
                    self.wfile.write(b"250 taken\r\n")
                else:
                    message.append(word)
            elif word.upper() == "DATA":
                message = []
                self.wfile.write(b"354 go on\r\n")
            elif word.upper().startswith("RCPT") and any(each in word for each in self.server.refused):
                self.wfile.write(b"550 nobody of this name\r\n")
            elif word.upper() == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 yes\r\n")


class MailServer(socketserver.ThreadingTCPServer):
    """An SMTP server on loopback. arrived: the messages; refused: whoever has one of these in the address."""

    daemon_threads = allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Smtp)
        self.arrived: list[str] = []
        self.refused: set[str] = set()
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *reason: object) -> None:
        self.shutdown()
        self.server_close()

    def to(self, address: str) -> int:
        return sum(f"To: {address}" in text for text in self.arrived)


@pytest.fixture
def post(settings):
    """A mail server behind a line, used by the worker."""
    with MailServer() as server, Line(server.port) as line:
        settings.EMAIL_URL = "smtp://..."
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", line.port
        settings.EMAIL_TIMEOUT = 1
        server.line = line
        yield server


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fault", ["refuse", "swallow", "cut", "reset"])
def test_69_a_mail_server_that_is_away_gets_it_later_and_nobody_waits(post, client, uma, time_machine, fault):
    now = timezone.now()
    time_machine.move_to(now)
    {"cut": lambda: post.line.cut(after=40), "reset": lambda: post.line.reset(after=40)}.get(
        fault, getattr(post.line, fault)
    )()
    pages = [client.post("/password/reset", {"email": who}) for who in ("uma@example.com", "nobody@example.com")]
    assert pages[0].status_code == pages[1].status_code == 302
    assert pages[0].url == pages[1].url, "the page says the same, whatever becomes of the mail"
    work()
    if fault in ("refuse", "swallow"):
        assert post.arrived == []
    assert states()["send"] in (READY, SUCCESSFUL)
    post.line.heal()
    time_machine.move_to(now + 2 * repeating.WAITS[0])
    work()
    arrived = {post.to("uma@example.com"), post.to("nobody@example.com")}
    # Where the line broke while the server said that it took it, it comes twice; never not at all.
    assert arrived == {1} if fault in ("refuse", "swallow") else arrived <= {1, 2}
    assert set(DBTaskResult.objects.values_list("status", flat=True)) == {SUCCESSFUL}


@pytest.mark.django_db(transaction=True)
def test_69_one_address_that_is_refused_keeps_nobody_elses_mail(post, uma, hugo, gina, time_machine):
    now = timezone.now()
    post.refused.add("hugo")
    notices.tell([uma.user, hugo.user, gina.user], Kind.PUBLISHED, "something 1.0.0", "It is out.")
    work()
    for wait in repeating.WAITS:
        now += wait + timedelta(seconds=1)
        time_machine.move_to(now)
        work()
    assert [post.to(f"{name}@example.com") for name in ("uma", "hugo", "gina")] == [1, 0, 1]
    assert DBTaskResult.objects.filter(status=FAILED).count() == 1, "for operators to see"


def test_69_a_mail_server_that_says_nothing_is_not_waited_for_without_end(settings):
    assert 0 < settings.EMAIL_TIMEOUT <= 60
    assert mail.get_connection("django.core.mail.backends.smtp.EmailBackend").timeout == settings.EMAIL_TIMEOUT


@pytest.mark.django_db(transaction=True)
def test_69_a_publish_does_not_wait_for_the_mail_that_tells_of_it(post, publish, uma, hugo):
    publish(uma, "@uma/x")
    sharing.grant_person(uma, "@uma/x", "hugo", "read-write")
    work()
    post.line.swallow()
    before = post.line.connections
    publish(hugo, "@uma/x", "1.1.0")
    assert Version.objects.count() == 2
    assert DBTaskResult.objects.filter(status=READY).count() == 1, "it waits for the worker"
    assert post.line.connections == before, "and nobody else went there"


# --- 70, 69 with real processes -------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.timeout(600)
def test_70_a_worker_that_is_killed_in_the_middle_of_a_mail_sends_it_at_the_next_try(place):
    with MailServer() as server, Line(server.port) as line:
        env = {"EMAIL_URL": f"smtp://127.0.0.1:{line.port}", "PUBLIC_URL": "http://localhost:1"}
        with Host(place, env) as host:
            queue = "from accounts import notices;notices.post(['ops@example.com'], 'x', 'A subject', 'A text.')"
            host.manage("shell", "-c", queue)
            line.swallow()
            worker = subprocess.Popen(
                [sys.executable, "manage.py", "work"], cwd=ROOT, env=host.environ, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            task_of = "SELECT status FROM django_tasks_database_dbtaskresult"
            harness.wait_until(lambda: place.rows(task_of) == [("RUNNING",)] and line.connections)
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
            line.break_off()
            line.heal()
            assert (place.rows(task_of), server.arrived) == ([("RUNNING",)], [])
            later = "from registry_site import repeating; from datetime import timedelta as t; repeating.LEASE = t(0);"
            host.manage("shell", "-c", f"{later} print(repeating.take_up())")
            host.manage("db_worker", "--batch", "--no-startup-delay")
            assert place.rows(task_of) == [("SUCCESSFUL",)]
            assert server.to("ops@example.com") == 1
            assert harness.settled(host, pack("@acme/x", "1.0.0"), Told())


# --- 68: the mirror -------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.timeout(600)
def test_68_a_registry_that_is_killed_while_it_fetches_keeps_nothing_of_it_and_fetches_again(place):
    """Half of a tarball came from upstream, and all processes end at once."""
    with UpstreamStub() as upstream:
        noise = {"noise.txt": "".join(str(number**3) for number in range(60_000))}
        data = upstream.publish("left", "1.0.0", noise)
        gate = threading.Event()
        env = {"UPSTREAM_URL": upstream.url, "EGRESS_ALLOWED_NETWORKS": "127.0.0.0/8"}
        with Host(place, env) as host:
            assert host.ask("GET", "left").status == 200
            upstream.fault("/left/-/left-1.0.0.tgz", gate=gate)
            asking = threading.Thread(target=_ask_quietly, args=(host, "left/-/left-1.0.0.tgz"), daemon=True)
            asking.start()
            harness.wait_until(lambda: upstream.asked("/left/-/left-1.0.0.tgz"))
            host.kill("all")
            gate.set()
            asking.join(60)
            upstream.heal()
            host.start_again()
            assert place.rows("SELECT count(*) FROM packages_version") == [(0,)]
            assert not list(place.blobs.glob("??/??/*"))
            host.manage(
                "shell", "-c", "from packages.models import MirrorVersion as m; m.objects.update(leased_until=None)"
            )  # as a minute later
            answer = host.ask("GET", "left/-/left-1.0.0.tgz")
            assert (answer.status, answer.body == data) == (200, True)
            assert "Everything" in host.manage("verify").stdout
            shutil.rmtree(host.data_dir / "spool", ignore_errors=True)


def _ask_quietly(host: Host, path: str) -> None:
    with suppress(Lost):
        ask(host.port, "GET", path)
