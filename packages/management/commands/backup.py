"""`manage.py backup`."""

from __future__ import annotations

from django.core.management import CommandError
from django.template.defaultfilters import filesizeformat

from accounts.management.verbs import VerbCommand
from packages.backup import forgetting, making
from packages.backup.place import Place
from packages.management.progress import bar

SHOWN = 100


class Command(VerbCommand):
    help = (
        "Back the registry up while it runs: the database, the tarballs that are not there yet, last a manifest. "
        "What breaks off is no backup; run it again, and it goes on where it was."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("place", metavar="BACKUPS", help="a folder, or s3://bucket/prefix?endpoint=...")
        parser.add_argument("--keys", action="store_true", help="put the secret key and the signing keys into it, too")
        parser.add_argument("--keep", type=int, metavar="N", help="afterwards remove all backups but the last N")
        parser.add_argument("--list", action="store_true", help="only list the backups that are there")

    def do(self, options) -> None:
        place = Place(options["place"])
        if options["list"]:
            for name in place.names():
                self.stdout.write(name)
            return
        if options["keep"] is not None and options["keep"] < 1:
            raise CommandError("--keep is 1 or more: the backup that is made now stays")
        report = making.Copied()
        with bar() as progress:
            task = progress.add_task("Copying", total=None)
            manifest = making.make(
                place,
                report,
                lambda what, count: progress.update(task, advance=count, description=what),
                keys=options["keys"],
            )
        self.stdout.write(
            f"{manifest.name}: {manifest.tarballs} tarballs, {filesizeformat(manifest.bytes)}; "
            f"{report.copied} of them, {filesizeformat(report.bytes)}, were not there yet"
        )
        for each in manifest.missing[:SHOWN]:
            self.stderr.write(each)
        if manifest.missing:
            raise CommandError(
                f"{len(manifest.missing)} tarballs have no good bytes and are not in the backup; all else is. "
                "Look with manage.py verify, and bring them back with manage.py restore BACKUPS --tarballs"
                + ("; older backups may have them, so none was removed" if options["keep"] else "")
            )
        if not options["keys"]:
            self.stdout.write("The secret key and the signing keys are not in it; keep a copy of them elsewhere")
        if options["keep"]:
            gone = forgetting.keep_last(place, options["keep"])
            self.stdout.write(f"{len(gone.names)} older backups and {gone.tarballs} tarballs of theirs were removed")
