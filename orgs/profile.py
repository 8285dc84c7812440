"""What an org says of itself, and what it does with new packages."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.actor import Actor
from orgs import access
from orgs.access import Action
from orgs.models import FirstGrant, Org
from registry_site.errors import Invalid

LONGEST = {"title": 120, "description": 300, "homepage": 200}


def change(actor: Actor, org_name: str, **said: str) -> Org:
    """Change what an org's page says: title, description, homepage; what it says already changes nothing.

    Raises Invalid for a text that is too long, has line breaks, or is no web address. Only owners may.
    """
    said = {field: text.strip() for field, text in said.items()}
    for field, text in said.items():
        if len(text) > LONGEST[field] or not (text.isprintable() or not text):
            raise Invalid(f"a {field} is one line of at most {LONGEST[field]} characters")
    if said.get("homepage") and not said["homepage"].startswith(("https://", "http://")):
        raise Invalid("a homepage begins with https://")
    with transaction.atomic():
        org = access.find(actor, Action.MEMBERS, org_name, lock=True)
        changed = [field for field, text in said.items() if getattr(org, field) != text]
        for field in changed:
            setattr(org, field, said[field])
        if changed:
            org.save(update_fields=changed)
            audit.record(actor, "org.profile", org=org.name, fields=changed)
    return org


def set_first_grant(actor: Actor, org_name: str, permission: str) -> Org:
    """What `developers` is given on packages that are new from now on. Raises Invalid for another word."""
    if permission not in FirstGrant.values:
        raise Invalid(f"developers are given one of: {', '.join(FirstGrant.values)}")
    with transaction.atomic():
        org = access.find(actor, Action.MEMBERS, org_name, lock=True)
        if org.first_grant != permission:
            org.first_grant = permission
            org.save(update_fields=["first_grant"])
            audit.record(actor, "org.first_grant", org=org.name, permission=FirstGrant(permission).label)
    return org
