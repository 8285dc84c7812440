"""`manage.py run_jobs`."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError

from registry_site import timetable
from registry_site.models import Job


class Command(BaseCommand):
    help = "Run the daily jobs that are due, or those that are named; the background worker does it, too."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help="run these now, due or not")
        parser.add_argument("--list", action="store_true", help="only say what there is and how it went")

    def handle(self, *args, **options) -> None:
        if options["list"]:
            self._list()
            return
        if unknown := set(options["names"]) - set(timetable.names()):
            raise CommandError(f"there is no job {', '.join(sorted(unknown))}; try --list")
        done = [name for name in options["names"] if timetable.run(name)] if options["names"] else timetable.run_due()
        for name in done:
            self.stdout.write(f"{name} ran")
        if len(done) < len(options["names"]):
            raise CommandError("a job broke off; see the log")

    def _list(self) -> None:
        rows = {job.name: job for job in Job.objects.all()}
        for name in timetable.names():
            job = rows.get(name)
            when = job.finished_at.isoformat(timespec="seconds") if job and job.finished_at else "never"
            broke = f", broke off: {job.failure}" if job and job.failure else ""
            self.stdout.write(f"{name}: last ran {when}{broke}")
