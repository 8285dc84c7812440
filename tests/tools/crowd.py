"""A registry with very many packages, the same each time, put into an empty database in one go.

    DATA_DIR=/tmp/crowd manage.py shell -c "from tests.tools import crowd; crowd.fill(packages=100_000)"

Orgs with teams, people with scopes, private and public and mirrored packages, each with one version and a few
downloads. `few` was given three private packages, `many` three thousand, through teams and in person.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.color import no_style
from django.db import connection, models, transaction

from accounts.models import Scope, User
from orgs.models import Membership, Org, Seat, Team
from packages import popularity
from packages.lookup import schema
from packages.models import DistTag, DownloadCount, Mirror, Package, PersonGrant, TeamGrant, Version

SUBJECTS = (
    "account alert analytics api app archive array asset audio audit auth avatar backup badge banner barcode billing "
    "binary block board bot browser budget buffer build bundle button cache calendar camera canvas card cart catalog "
    "chart chat checkout cipher client clock cloud cluster code color config console contact content cookie coupon "
    "crypto currency customer dashboard data date decimal delivery deploy design device dialog diff document domain "
    "download draft drive editor email emoji encoder engine event export feature feed field file filter finance font "
    "form forum game gateway geo git grid group guard hash header health hook hotel html http icon identity image "
    "import index inventory invoice job journal json kernel keyboard label language layout lead ledger legacy license "
    "line link list loader locale location log login loyalty mail map market matrix media member menu merge message "
    "metric migration mobile modal model money monitor movie music network news note notice number oauth office offer "
    "order package page paint panel parser partner password patch path payment pdf people permission phone photo "
    "pipeline plan player plugin poll portal post price printer process product profile project promise proxy query "
    "queue quiz quote rate receipt recipe record redirect region release render report request resource review role "
    "route rule sales sample scanner schedule schema score script search secret section security sensor server session "
    "setting shape share sheet ship shop signal site sitemap slide slug socket sound source sprite stack stage station "
    "status stock storage store stream string style subject survey svg switch sync syntax table tag target task tax "
    "team template terminal test text theme ticket time timer token tooltip topic track trade train translate travel "
    "tree trigger type unit update upload url user vault vehicle vendor version video view voucher wallet weather web "
    "webhook widget window wire wizard worker workflow xml zip zone"
).split()
KINDS = (
    "picker parser utils core client server react vue cli types plugin loader adapter helper kit sdk api form view "
    "store hooks theme icons tools config runner builder router stream cache worker bridge driver engine manager"
).split()
SENTENCES = (
    "A small library for {a} and {b}", "Fast {a} {k} without dependencies", "React components for the {a} of {b}",
    "Shared {a} {k} of the {b} team", "Reads and writes {a} files", "Command line tool for {a} and {b}",
    "The {k} behind our {a} pages", "TypeScript types of the {a} service", "Keeps {a} in step with {b}",
    "Simple {a} {k} for node and browsers", "Turns {a} into {b}", "Webpack {k} that bundles {a}",
)  # fmt: skip
MARKS = "node react typescript cli server browser tool internal api ui data async".split()
LICENCES = ("MIT", "MIT", "MIT", "ISC", "Apache-2.0", "BSD-3-Clause", "UNLICENSED", "UNLICENSED", "")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FEW, MANY = 3, 3_000  # packages that `few` and `many` were given
MEMBERS = 8  # of an org
UPSTREAM = "upstream.example"


@dataclass
class Crowd:
    """What was made: the two people, and how many packages. few, many: of the names `few` and `many`."""

    few: User
    many: User
    packages: int


def fill(packages: int = 100_000, *, seed: int = 2026, downloads: bool = True) -> Crowd:
    """Put so many packages into a database without any, with what they hang on; at the end statistics are taken.

    seed: the same one makes the same registry. downloads: also counts of the last days, for every fifth package.
    """
    dice = random.Random(seed)  # noqa: S311 - nothing secret
    with transaction.atomic():
        schema.remove(connection)  # made at the end, in one go
        if connection.vendor == "postgresql":  # the rows are right; to look each reference up takes longest
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL session_replication_role = replica")
        few, many = (_person(name) for name in ("few", "many"))
        holders = _holders(packages)
        plans = list(_drawn(dice, packages, holders))
        _packages(dice, plans, few)
        _grants(plans, few, many)
        if downloads:
            _downloads(dice, plans)
            popularity.count_again()
        schema.install(connection)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return Crowd(few, many, packages)


@dataclass(frozen=True)
class _Holders:
    orgs: list[tuple[int, str, int, int]]  # scope, name, team of all, team of `few` and `many`
    people: list[tuple[int, str]]  # scope, name


@dataclass(frozen=True)
class _Plan:
    key: int
    name: str
    scope: int | None
    team: int | None
    crew: int | None
    public: bool
    mirrored: bool
    a: str
    b: str
    kind: str


def _person(name: str) -> User:
    user = User(username=name, email=f"{name}@example.com")
    user.set_unusable_password()
    user.save()
    return user


def _holders(packages: int) -> _Holders:
    first_user, first_scope = _next(User), _next(Scope)
    first_org, first_team, first_member = _next(Org), _next(Team), _next(Membership)
    n_people, n_orgs = max(packages // 50, MEMBERS * 2), max(packages // 400, 2)
    people = [(first_scope + n, f"person{n}") for n in range(n_people)]
    users = [(first_user + n, name, f"{name}@example.com", "!") for n, (_, name) in enumerate(people)]
    _insert(User, ("id", "username", "email", "password"), users)
    _insert(
        Scope, ("id", "name", "kind", "user_id"),
        ((key, name, "user", first_user + n) for n, (key, name) in enumerate(people)),
    )  # fmt: skip
    orgs = [
        (
            first_scope + n_people + n,
            f"{SUBJECTS[n % len(SUBJECTS)]}-org{n}",
            first_team + 2 * n,
            first_team + 2 * n + 1,
        )
        for n in range(n_orgs)
    ]
    _insert(Scope, ("id", "name", "kind"), ((key, name, "org") for key, name, *_ in orgs))
    _insert(Org, ("id", "scope_id", "title"), ((first_org + n, org[0], org[1].title()) for n, org in enumerate(orgs)))
    _insert(
        Team, ("id", "org_id", "name"),
        (
            (org[place], first_org + n, name)
            for n, org in enumerate(orgs)
            for place, name in ((2, "developers"), (3, "crew"))
        ),
    )  # fmt: skip
    members = [
        (first_member + n * MEMBERS + k, first_org + n, first_user + (n * MEMBERS + k) % n_people)
        for n in range(n_orgs)
        for k in range(MEMBERS)
    ]
    _insert(
        Membership, ("id", "org_id", "user_id", "role"),
        ((*each, "owner" if n % MEMBERS == 0 else "developer") for n, each in enumerate(members)),
    )  # fmt: skip
    _insert(
        Seat, ("team_id", "membership_id"), ((orgs[n // MEMBERS][2], each[0]) for n, each in enumerate(members))
    )  # fmt: skip
    return _Holders(orgs, people)


def _drawn(dice: random.Random, packages: int, holders: _Holders) -> Iterator[_Plan]:
    first, used = _next(Package), set()
    for n in range(packages):
        a, b, kind = dice.choice(SUBJECTS), dice.choice(SUBJECTS), dice.choice(KINDS)
        base = dice.choice((f"{a}-{kind}", f"{a}-{b}", f"{a}-{b}-{kind}", f"{a}{b}", f"{kind}-{a}"))
        scope = team = crew = None
        prefix, draw = "", dice.random()
        mirrored = draw > 0.8
        if draw < 0.45:
            scope, holder, team, crew = dice.choice(holders.orgs)
            prefix = f"@{holder}/"
        elif draw < 0.65:
            scope, holder = dice.choice(holders.people)
            prefix = f"@{holder}/"
        elif draw > 0.95:
            prefix = f"@{b}js/"
        name = f"{prefix}{base}"
        if name in used:
            name = f"{name}-{n}"
        used.add(name)
        public = scope is None or dice.random() < 0.4
        yield _Plan(first + n, name, scope, team, crew, public, mirrored, a, b, kind)


def _packages(dice: random.Random, plans: list[_Plan], user: User) -> None:
    moments = [NOW - timedelta(minutes=1 + 211 * n) for n in range(5_000)]
    rows, versions, mirrors = [], [], []
    version = _next(Version)
    for plan in plans:
        at, licence = dice.choice(moments), dice.choice(LICENCES)
        text = dice.choice(SENTENCES).format(a=plan.a, b=plan.b, k=plan.kind)
        marks = json.dumps([plan.a, *dice.sample(MARKS, dice.randint(0, 3))])
        number = f"{dice.randint(0, 4)}.{dice.randint(0, 30)}.{dice.randint(0, 9)}"
        old = dice.random() < 0.03
        key = None if plan.mirrored else version + len(versions)
        level = "public" if plan.public else "restricted"
        rows.append((plan.key, plan.name, plan.scope, level, plan.mirrored, 1, at, at, key, text, marks, licence, old))
        if plan.mirrored:
            mirrors.append((plan.key, plan.name, plan.key, UPSTREAM, "found", number, at, at))
        else:
            manifest = {"name": plan.name, "version": number, "description": text, "license": licence}
            told = (f"crowd-{plan.key}", f"sha512-{plan.key}", f"{plan.key:040x}", 4_000, 12_000, 6)
            versions.append((key, plan.key, number, number, *told, json.dumps(manifest), "{}", user.pk, at))
    columns = "id name scope_id access mirrored revision created_at modified_at latest_id description keywords license"
    _insert(Package, (*columns.split(), "deprecated"), rows)
    columns = "id package_id number folded blob integrity shasum size unpacked_size file_count full abbreviated"
    _insert(Version, (*columns.split(), "published_by_id", "published_at"), versions)
    _insert(DistTag, ("package_id", "name", "version_id"), ((row[1], "latest", row[0]) for row in versions))
    _insert(
        Mirror, ("id", "name", "package_id", "upstream", "state", "latest", "latest_at", "checked_at"), mirrors
    )  # fmt: skip


def _grants(plans: list[_Plan], few: User, many: User) -> None:
    ours = [plan for plan in plans if plan.team is not None]
    theirs = [plan for plan in plans if plan.scope is not None and plan.team is None and not plan.public]
    hidden = [plan for plan in ours if not plan.public]
    given = {few.pk: (theirs[: FEW - 1], hidden[-1:]), many.pk: (theirs[-2 * MANY // 3 :], hidden[: MANY // 3])}
    grants = [(plan.team, plan.key, "write") for plan in ours]
    shared = {plan.key: plan for _, team in given.values() for plan in team}
    grants += [(plan.crew, plan.key, "read") for plan in shared.values()]
    _insert(TeamGrant, ("team_id", "package_id", "permission"), grants)
    _insert(
        PersonGrant, ("user_id", "package_id", "permission"),
        (
            (user, plan.key, "read" if n % 3 else "write")
            for user, (own, _) in given.items()
            for n, plan in enumerate(own)
        ),
    )  # fmt: skip
    of_team = dict(Team.objects.filter(pk__in={plan.crew for plan in shared.values()}).values_list("pk", "org"))
    key, members, seats = _next(Membership), [], []
    for user, (_, team) in given.items():
        for crew in dict.fromkeys(plan.crew for plan in team):
            members.append((key, of_team[crew], user, "developer"))
            seats.append((crew, key))
            key += 1
    _insert(Membership, ("id", "org_id", "user_id", "role"), members)
    _insert(Seat, ("team_id", "membership_id"), seats)


def _downloads(dice: random.Random, plans: list[_Plan]) -> None:
    versions, today = dict(Version.objects.values_list("package", "pk")), datetime.now(UTC).date()
    counted = [plan for plan in plans[::5] if plan.key in versions]
    rows = [
        (plan.key, versions[plan.key], today - timedelta(days=ago), int(dice.paretovariate(0.8)) % 100_000)
        for plan in counted
        for ago in (0, 2, 9)
    ]
    _insert(DownloadCount, ("package_id", "version_id", "day", "count"), rows)


def _next(model: type[models.Model]) -> int:
    return (model._default_manager.aggregate(most=models.Max("pk"))["most"] or 0) + 1


def _insert(model: type[models.Model], columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> None:
    # What no row says is the model's default, the same for all rows.
    said = list(columns)
    fields = [field for field in model._meta.concrete_fields if field.column not in said and not field.primary_key]
    rest = [field.get_db_prep_save(None if field.null else field.get_default(), connection) for field in fields]
    table = connection.ops.quote_name(model._meta.db_table)
    names = ", ".join(connection.ops.quote_name(each) for each in (*said, *(field.column for field in fields)))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row((*row, *rest))
        else:
            marks = ", ".join(["%s"] * (len(said) + len(rest)))
            statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - our own names
            cursor.executemany(statement, [(*map(_for_sqlite, row), *rest) for row in rows])
        if "id" in said:
            for statement in connection.ops.sequence_reset_sql(no_style(), [model]):
                cursor.execute(statement)


def _for_sqlite(value: Any) -> Any:
    return value.replace(tzinfo=None).isoformat(" ") if isinstance(value, datetime) else value
