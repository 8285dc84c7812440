"""Names of users and orgs: one namespace, npm's rules (pure)."""

from __future__ import annotations

import re
import unicodedata

from registry_site.errors import Invalid

MAX_LENGTH = 64
NO_REPLY_DOMAIN = "noreply.invalid"  # of the addresses that documents give for people; mail to it goes nowhere
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)

RESERVED = frozenset(
    """about abuse admin administrator all anonymous api app apps assets auth billing blog browse code con connect
    constructor contact css dashboard developers docs download downloads email everyone explore favicon.ico feed files
    healthz help home hostmaster info install invite js legal login logout mail me metrics new node node_modules nobody
    npm null nul org orgs owner package packages password policy postmaster privacy profile prototype prn public
    registry restricted robots.txt root search secure security self session settings setup shop signin signout signup
    site sitemap.xml static status support system team teams terms token tokens undefined upstream user users webmaster
    well-known www aux hasownproperty tostring valueof
    com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9""".split()
)


def is_well_formed(text: str) -> bool:
    """Whether this can be the name of a user or an org, of a scope without its @; it need not be held by anybody."""
    return len(text) <= MAX_LENGTH and bool(_NAME.fullmatch(text))


def one_form(password: str) -> str:
    """A password in one form, whichever way a keyboard composed its letters."""
    return unicodedata.normalize("NFKC", password)


def without_accents(text: str) -> str:
    """A text as those read it who compare letters alone, as some directories do."""
    letters = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFKC", "".join(each for each in letters if not unicodedata.combining(each)))


def clean(text: str) -> str:
    """A user or org name as it is stored: lower case, and usable as an npm scope.

    Raises Invalid when it breaks the rules or is reserved. Whether it is free is for the database to say.
    """
    name = text.strip().removeprefix("@").lower()
    if not text.isascii() or len(name) > MAX_LENGTH or not _NAME.fullmatch(name):  # lower() folds look-alikes
        raise Invalid(
            f"a name has at most {MAX_LENGTH} letters, digits, dots, dashes and underscores, "
            "and begins with a letter or digit",
            code="invalid_name",
        )
    if name in RESERVED:
        raise Invalid(f"the name {name} is not available; choose another", code="name_taken")
    return name
