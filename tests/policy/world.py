"""The world of the access grid: everybody who can stand somewhere, and one package of every kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone

from accounts import tokens
from accounts.actor import Actor
from accounts.models import Token
from orgs import organizations, teams
from packages import sharing
from packages.models import DistTag, Package, Star, Version
from tests.conftest import login_token, person
from tests.tools.mirrors import make_mirrored

PACKAGES = {
    "@acme/private": "restricted",
    "@acme/public": "public",
    "@uma/private": "restricted",
    "@uma/public": "public",
    "loose": "public",
    "lodash": "public",  # mirrored
}
HIDDEN_LIKE = {name: name[:-1] + "x" for name in PACKAGES}  # as long as the name, and in no registry


@dataclass
class World:
    """Actors by name, and for each the bearer token that npm would send (None: sends nothing)."""

    actors: dict[str, Actor] = field(default_factory=dict)
    bearers: dict[str, str | None] = field(default_factory=dict)


def build(publish) -> World:
    """Everyone of the grid and all packages, each with 1.0.0 tagged latest."""
    world = World()
    for name in "alice frank bob erin carol gone uma hugo gina dave".split():
        world.actors[name] = person(name)
    world.actors["olga"] = person("olga", superuser=True)
    alice, bob, uma = (world.actors[name] for name in ("alice", "bob", "uma"))
    organizations.create(alice, "acme", "Acme Inc")
    for name, role in (
        ("frank", "admin"),
        ("bob", "developer"),
        ("erin", "developer"),
        ("carol", "developer"),
        ("gone", "developer"),
    ):
        organizations.set_member(alice, "acme", name, role)
        teams.remove(alice, "acme", "developers", name)
    for team, members in (("core", ("bob", "gone")), ("readers", ("erin",))):
        teams.create(alice, "acme", team)
        for member in members:
            teams.add(alice, "acme", team, member)
    for name, level in PACKAGES.items():
        owner = alice if "acme" in name else uma
        publish(owner, name, access=level if name.startswith("@") else None)
    for name in ("@acme/private", "@acme/public"):
        sharing.grant_team(alice, name, "acme", "core", "read-write")
        sharing.grant_team(alice, name, "acme", "readers", "read-only")
        sharing.revoke_team(alice, name, "acme", "developers")
    for name in ("@uma/private", "@uma/public", "loose"):
        sharing.grant_person(uma, name, "hugo", "read-write")
        sharing.grant_person(uma, name, "gina", "read")
    make_mirrored("lodash")
    for version in Version.objects.all():
        version.attestations.create(predicate_type="https://slsa.dev/provenance/v1", bundle="{}")
    stella = person("stella")
    for package in Package.objects.all():
        Star.objects.create(package=package, user=stella.user)  # also what she cannot see: she may have lost it
    for name in world.actors:
        world.bearers[name] = login_token(world.actors[name])
    organizations.remove_member(alice, "acme", "gone")  # a moment ago, and the token lives on
    _credentials(world, bob, uma)
    return world


def _credentials(world: World, bob: Actor, uma: Actor) -> None:
    world.actors["nobody"], world.bearers["nobody"] = Actor(), None
    for owner in (bob, uma):
        narrow = {
            "read-only": {"permission": "read-only"},
            "other-package": {"packages": ["@acme/elsewhere"]},
            "expired": {},
            "revoked": {},
        }
        for label, limits in narrow.items():
            token, secret = tokens.issue(owner, owner.user, kind=Token.Kind.GRANULAR, **limits)
            if label == "expired":
                Token.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
            if label == "revoked":
                tokens.revoke(owner, owner.user, str(token.key))
            token.refresh_from_db()
            name = f"{owner.name}:{label}"
            world.bearers[name] = secret
            world.actors[name] = Actor(owner.user, token, credential=token.prefix)


def snapshot() -> tuple:
    """Everything a refusal must not change."""
    from accounts.models import AuditEvent
    from packages.models import PersonGrant, StagedVersion, TeamGrant, TrustedPublisher

    return tuple(
        list(found)
        for found in (
            Package.objects.order_by("pk").values_list("pk", "name", "access", "revision", "unpublished_at"),
            Version.objects.order_by("pk").values_list("pk", "number", "deprecated", "unpublished_at"),
            DistTag.objects.order_by("pk").values_list("pk", "name", "version"),
            TeamGrant.objects.order_by("pk").values_list("pk", "permission"),
            PersonGrant.objects.order_by("pk").values_list("pk", "permission"),
            Star.objects.order_by("pk").values_list("package", "user"),
            TrustedPublisher.objects.order_by("pk").values_list("pk", "claims"),
            StagedVersion.objects.order_by("pk").values_list("pk", "key", "number", "blob"),
            AuditEvent.objects.order_by("pk").values_list("pk", flat=True),
        )
    )
