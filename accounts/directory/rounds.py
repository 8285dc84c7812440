"""Once a day everybody who came from the directory is looked up there: who is gone is suspended, who is back let in."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from accounts import absence
from accounts.actor import operator
from accounts.models import Absence, DirectoryPerson
from registry_site.errors import Conflict, NotFound, Unavailable

logger = logging.getLogger(__name__)

# More than so many, and more than half, are rather a mistake in the directory or in a setting than a bad day.
MOST_GONE = 3


@dataclass(frozen=True)
class Outcome:
    """What a round found. looked_at: how many people; gone, back: the names of those suspended and let in again."""

    looked_at: int
    gone: list[str]
    back: list[str]


def daily() -> None:
    """The round, where there is a directory; for the timetable. Raises Unavailable, Conflict."""
    if settings.LDAP_URL:
        go()


def go(*, everybody: bool = False, dry: bool = False) -> Outcome:
    """Look everybody up, then suspend who is gone, let in who is back, and seat the others by their groups.

    Nothing is changed before all were looked up: a directory that breaks off half-way suspends nobody.
    everybody: also where more than half would be suspended at once. dry: only say what would be done.
    Raises NotFound without a directory, Unavailable, Conflict where too many would be suspended.
    """
    if not settings.LDAP_URL:
        raise NotFound("there is no directory: LDAP_URL is not set")
    from accounts.directory import client, signing_in  # ldap3 is large, and most registries have no directory

    people = list(DirectoryPerson.objects.select_related("user").order_by("pk"))
    if not people:
        return Outcome(0, [], [])
    with client.asking() as directory:
        found = []
        for each in people:
            try:
                found.append((each, directory.known(each.key)))
            except client.Unreadable as error:  # it says nothing of its person, and of nobody else
                logger.warning("%s was left out: %s", each.user.username, error)
    if len(found) * 2 < len(people):
        raise Unavailable("most people's entries in the directory cannot be read, so nobody was looked up; see the log")
    gone, back = [], []
    stay = [(each, entry) for each, entry in found if entry and signing_in.is_in_required_group(entry)]
    leave = [(each, entry) for each, entry in found if not (entry and signing_in.is_in_required_group(entry))]
    leaving = sum(each.user.is_active for each, _ in leave)
    if leaving > MOST_GONE and leaving * 2 > sum(each.user.is_active for each in people) and not everybody:
        raise Conflict(
            f"{leaving} of {len(people)} people would be suspended at once, so nobody was; look at the settings LDAP_*,"
            " and if it is right run manage.py check_directory --everybody"
        )
    for each, entry in leave:
        if each.user.is_active and (dry or _begin(each, signing_in.gone_words(entry))):
            gone.append(each.user.username)
    for each, entry in stay:
        if _is_back(each) and (dry or absence.end(each.user, absence.Source.DIRECTORY)):
            back.append(each.user.username)
        if not dry and each.user.is_active:
            signing_in.tell_groups(operator(), each.user, entry)
    if not dry:
        DirectoryPerson.objects.filter(pk__in=[each.pk for each, _ in stay]).update(seen_at=timezone.now())
    return Outcome(len(people), gone, back)


def _begin(person: DirectoryPerson, why: str) -> bool:
    logger.info("%s is suspended: %s", person.user.username, why)
    return absence.begin(person.user, absence.Source.DIRECTORY, why)


def _is_back(person: DirectoryPerson) -> bool:
    gone = Absence.objects.filter(user=person.user, source=absence.Source.DIRECTORY)
    return not person.user.is_active and gone.exists()
