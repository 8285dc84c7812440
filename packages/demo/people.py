"""Who works at the company (pure)."""

from __future__ import annotations

from dataclasses import dataclass

NEWCOMER = "gus"  # who was given nothing yet: for empty pages
PASSWORD = "correct horse battery"  # noqa: S105 - printed by the command: it is for trying out


@dataclass(frozen=True)
class Member:
    """A person of the demo. orgs: by org, the role there."""

    name: str
    full_name: str
    orgs: dict[str, str]


_PEOPLE = """
dana Dana Okafor        acme:owner basalt:developer
mika Mika Lehtinen      acme:admin lumen:developer
jo Jo Marchetti         lumen:owner acme:developer
priya Priya Raman       basalt:owner acme:developer
tomas Tomás Herrera     acme:developer
ines Inês Carvalho      acme:developer
yuki Yuki Tanaka        lumen:admin
sofia Sofía Delgado     lumen:developer
omar Omar Haddad        basalt:admin acme:developer
lena Lena Brandt        basalt:developer
noah Noah Whitfield     acme:developer basalt:developer
amara Amara Nwosu       acme:developer
felix Félix Moreau      lumen:developer
greta Greta Lindqvist   lumen:developer
hiro Hiro Nakamura      basalt:developer
isla Isla MacLeod       acme:developer lumen:developer
jonas Jonas Weber       basalt:developer
kira Kira Novak         acme:developer
liam Liam O'Connell     basalt:developer
maya Maya Feldman       lumen:developer acme:developer
nadia Nadia Rahimi      acme:developer
oscar Oscar Nilsson     basalt:developer
paula Paula Costa       acme:developer
quinn Quinn Abbott      lumen:developer
rafael Rafael Souza     basalt:developer acme:developer
sara Sara Bianchi       acme:developer
theo Theo Vasquez       basalt:developer
uma Uma Krishnan        lumen:developer
viktor Viktor Petrov    basalt:developer
wren Wren Gallagher     acme:developer
xenia Xenia Popova      acme:developer
yara Yara Haddad        lumen:developer
zoe Zoe Lindgren        basalt:developer
arjun Arjun Mehta       acme:developer basalt:developer
bea Bea Kowalski        lumen:developer
caleb Caleb Osei        basalt:developer
daria Daria Ionescu     acme:developer
emil Emil Sørensen
fatou Fatou Diallo
gus Gus Tremblay
"""


def everyone() -> list[Member]:
    """Forty people; the first is who to sign in as, the last three are in no org."""
    return [_read(line) for line in _PEOPLE.strip().splitlines()]


def _read(line: str) -> Member:
    name, *rest = line.split()
    orgs = dict(word.split(":") for word in rest if ":" in word)
    return Member(name, " ".join(word for word in rest if ":" not in word), orgs)
