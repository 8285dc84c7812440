"""Who somebody there is here: by a file that an operator wrote, else by name where an operator said so.

A person of another registry gets no right here by a name alone unless that was said: names are not people.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from accounts import names, people
from accounts.actor import Actor
from accounts.models import User
from packages.moving import files
from registry_site.errors import Invalid, NotFound, Refusal

MOST_FILE = 16 << 20
MOST_PEOPLE = 100_000


class Named(NamedTuple):
    """A line of the file: the name here, "" for the same as there, and the e-mail address, "" when it says none."""

    name: str
    email: str


@dataclass
class People:
    """Everybody there. listed: lines of the file by the name there. same: an unlisted one has the same name here.

    nobody: those who are nobody here, whatever they are called.
    """

    listed: dict[str, Named] = field(default_factory=dict)
    same: bool = False
    nobody: set[str] = field(default_factory=set)
    _known: dict[str, User | None] = field(default_factory=dict)

    def name_of(self, there: str) -> str:
        """The name here; "" for somebody who is nobody here."""
        named = self.listed.get(there)
        if there in self.nobody:
            return ""
        if named is None:
            return there.lower() if self.same else ""
        return named.name or there.lower()

    def find(self, there: str) -> User | None:
        """The person here, None where there is none."""
        if there not in self._known:
            name = self.name_of(there)
            people_here = User.objects.filter(username=name, is_active=True)
            self._known[there] = people_here.first() if names.is_well_formed(name) else None
        return self._known[there]

    def forget(self, there: str) -> None:
        """Look again: an account was made."""
        self._known.pop(there, None)


@dataclass
class Joined:
    """What came of the accounts. missing: those without one, each with why."""

    made: list[str] = field(default_factory=list)
    here: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


def read(path: Path) -> dict[str, Named]:
    """The lines `THERE HERE [E-MAIL]` of a file, `-` for the same name; # begins a comment. Raises Invalid."""
    listed: dict[str, Named] = {}
    for number, line in enumerate(_lines(path), 1):
        words = line.partition("#")[0].split()
        if len(words) not in (0, 2, 3):
            raise Invalid(f"{path}, line {number}: a line is THERE HERE [E-MAIL], - for the same name")
        if words:
            listed[words[0]] = Named("" if words[1] == "-" else words[1], words[2] if len(words) == 3 else "")
    return listed


def names_in(htpasswd: Path) -> list[str]:
    """The user names of an htpasswd. What it says of their passwords is not read. Raises Invalid."""
    found = [line.partition(":")[0].strip() for line in _lines(htpasswd) if ":" in line and line[0] != "#"]
    if len(found) > MOST_PEOPLE:
        raise Invalid(f"{htpasswd} names more than {MOST_PEOPLE} people")
    return list(dict.fromkeys(filter(None, found)))


def join(actor: Actor, folk: People, there: Iterable[str], domain: str, *, dry_run: bool) -> Joined:
    """Make an account, without a password, for each of these people who has none here.

    domain: of the e-mail addresses of those whom the file gives none; "" when that is not known.
    """
    done, called = Joined(), dict[str, str]()
    for name in there:
        other = called.setdefault(folk.name_of(name), name)
        if other != name:
            done.missing[name] = f"{other} has this name here, and may be somebody else"
            folk.nobody.add(name)
        elif folk.find(name) is not None:
            done.here.append(folk.name_of(name))
        else:
            try:
                done.made.append(_make(actor, folk, name, domain, dry_run=dry_run))
            except Refusal as refusal:
                done.missing[name] = refusal.message
            folk.forget(name)
    return done


def _make(actor: Actor, folk: People, there: str, domain: str, *, dry_run: bool) -> str:
    name, named = names.clean(folk.name_of(there)), folk.listed.get(there)
    email = (named.email if named else "") or (f"{name}@{domain}" if domain else "")
    if not email:
        raise NotFound("no e-mail address is known, by which a password could be set")
    if dry_run:
        people.require_free(name)
    else:
        people.create(actor, name, email)
    return name


def _lines(path: Path) -> list[str]:
    return files.read(path.resolve().parent, path.resolve().name, most=MOST_FILE).decode(errors="replace").splitlines()
