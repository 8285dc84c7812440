"""`manage.py restore`."""

from __future__ import annotations

from django.core.management import CommandError

from accounts.management.verbs import VerbCommand
from packages.backup import keys, restoring
from packages.backup.credentials import trusted
from packages.backup.place import Place
from packages.backup.restoring import Restored
from packages.management.progress import bar

SHOWN = 100


class Command(VerbCommand):
    help = (
        "Bring a backup back. Stop the registry first. Afterwards nobody is signed in, all tokens are revoked, and "
        "numbers that were used since the backup stay used."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("place", metavar="BACKUPS", nargs="?", help="where manage.py backup wrote")
        parser.add_argument("--name", default="", help="of a backup (the last one)")
        parser.add_argument("--replace", action="store_true", help="lose what this registry has now")
        parser.add_argument("--partial", action="store_true", help="also without tarballs that are missing")
        parser.add_argument(
            "--without-ledger", action="store_true", help="also when the ledger does not know the backup's numbers"
        )
        parser.add_argument("--keys", action="store_true", help="bring the secret key and the signing keys back, too")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--dry-run", action="store_true", help="only read the backup, and say whether it is whole")
        what.add_argument(
            "--tarballs", action="store_true", help="only bring back tarballs that are missing or damaged"
        )
        what.add_argument(
            "--only-secure",
            action="store_true",
            help="only end credentials and keep used numbers: another program brought the database back",
        )

    def do(self, options) -> None:
        report = Restored()
        if options["only_secure"]:
            restoring.secure(report, without_ledger=options["without_ledger"])
            self._tell(report)
            return
        if not options["place"]:
            raise CommandError("say where the backups are: restore BACKUPS")
        place = Place(options["place"])
        with bar() as progress:
            task = progress.add_task("Copying", total=None)
            self._run(
                place, report, options, lambda what, count: progress.update(task, advance=count, description=what)
            )

    def _run(self, place: Place, report: Restored, options, tell) -> None:
        if options["tarballs"]:
            restoring.mend(place, report, tell)
            self.stdout.write(f"{report.copied} tarballs brought back, {report.there} were good")
            self._wrong(report)
            return
        manifest = place.manifest(options["name"])
        if options["dry_run"]:
            restoring.check(place, manifest, report, tell)
            report.wrong = [*dict.fromkeys([*manifest.missing, *report.wrong])]
            self.stdout.write(f"{manifest.name} of {manifest.made_at}: {report.there} tarballs are good")
            self._wrong(report)
            return
        if options["keys"]:
            keys.require(manifest)
        words = {word: options[word] for word in ("replace", "partial", "without_ledger")}
        restoring.restore(place, manifest, report, tell, **words)
        if options["keys"]:
            keys.bring_back(place, manifest)
        self.stdout.write(
            f"{manifest.name} of {manifest.made_at} is back: {report.rows} rows, {report.copied} tarballs"
        )
        self._tell(report)
        self._wrong(report)

    def _tell(self, report: Restored) -> None:
        self.stdout.write(f"{report.tokens} tokens were revoked, and nobody is signed in")
        self._list("numbers were used since, and take the same bytes only", report.since.numbers)
        self._list("names belong to nobody now; hand them over in /admin/ (Packages)", report.since.names)
        self._list("scopes were taken since, and are held by nobody", report.since.scopes)
        self.stdout.write(
            "Who left an org, lost a right or was suspended since the backup has it again, and passwords, passkeys and "
            "trusted publishers are those of its day. Look through:"
        )
        for words, names in trusted():
            self._list(words, names)
        self.stdout.write(
            "Start or restart every process of the registry now: those that ran meanwhile remember the rest"
        )

    def _list(self, words: str, names: list[str]) -> None:
        if names:
            self.stdout.write(f"{len(names)} {words}: {_some(names)}")

    def _wrong(self, report: Restored) -> None:
        for each in report.wrong[:SHOWN]:
            self.stderr.write(each)
        if report.wrong:
            raise CommandError(f"{len(report.wrong)} tarballs are not good")


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
