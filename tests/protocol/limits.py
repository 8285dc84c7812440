"""What a client cannot do by itself, whatever the registry answers: shown in each run by the words it says then."""

from __future__ import annotations

from dataclasses import dataclass

Kind = tuple[str, int]


@dataclass(frozen=True)
class Limit:
    """says: part of what the failing test shows. reason: one sentence for docs/clients.md.

    seen: not the client says it, the test does, about what it found.
    """

    says: str
    reason: str
    seen: bool = False


NPM_2, NPM_6, NPM_8, NPM_9, NPM_10, NPM_11, NPM_12 = (("npm", major) for major in (2, 6, 8, 9, 10, 11, 12))
PNPM_9, PNPM_12, YARN_1, YARN_4, BUN = ("pnpm", 9), ("pnpm", 12), ("yarn", 1), ("yarn", 4), ("bun", 1)

# What each says to a command that it does not know.
UNKNOWN = {
    **dict.fromkeys((NPM_8, NPM_9, NPM_10, NPM_11, NPM_12), 'Unknown command: "{word}"'),
    **dict.fromkeys((NPM_2, NPM_6), "Usage: npm <command>"),
    PNPM_9: 'Command "{word}" not found',
    PNPM_12: 'Command "{word}" not found',
    YARN_1: 'Command "{word}" not found',
    YARN_4: "Command not found",
    BUN: 'Script not found "{word}"',
}
OLD_YARN_ACCESS = Limit("WARNING: This command yet to be implemented", "yarn 1 has `yarn access` in its help only.")


def limit_of(row: str, kind: Kind) -> Limit | None:
    """The limit of a client in a row, or None where it is expected to do what the row says."""
    return LIMITS.get((row, kind))


LIMITS: dict[tuple[str, Kind], Limit] = {}


def _unknown(word: str, kinds: tuple[Kind, ...], *rows: str) -> None:
    for kind in kinds:
        called = {"npm": "npm", "pnpm": "pnpm", "bun": "bun"}.get(kind[0], "yarn npm" if kind == YARN_4 else "yarn")
        reason = f"{kind[0]} {kind[1]} has no command for this: `{called} {word}` does not exist."
        for row in rows:
            LIMITS[row, kind] = Limit(UNKNOWN[kind].format(word=word), reason)


def _limit(rows: tuple[str, ...], kind: Kind, says: str, reason: str, *, seen: bool = False) -> None:
    for row in rows:
        LIMITS[row, kind] = Limit(says, reason, seen)


_unknown("exec", (NPM_2,), "run a package's program without installing it")
_unknown("dlx", (YARN_1,), "run a package's program without installing it")

_UNPUBLISH = (
    "unpublish one version",
    "unpublish the last version, with --force",
    "unpublish a whole package, with --force",
    "unpublish what one may not: refused, nothing is gone",
    "at the root of a host: unpublish one version",
)
_unknown("unpublish", (YARN_4, YARN_1, BUN), *_UNPUBLISH)
_unknown("deprecate", (YARN_4, YARN_1, BUN), "deprecate a range of versions", "take a deprecation back")
_unknown(
    "dist-tag", (BUN,), "dist-tag add", "dist-tag ls", "dist-tag rm", "dist-tag rm latest: refused with the reason"
)

_OWNER = ("owner ls", "owner add", "owner rm", "owner rm of the last owner: refused, the owner stays")
_unknown("owner", (YARN_4, BUN), *_OWNER)
_limit(
    ("owner add", "owner rm"),
    YARN_1,
    "/-rev/undefined: ",
    "yarn 1 reads the short form of the package, which has no owners, and would send a list without the others; the "
    "registry refuses that, and the owners stay.",
)

_ACCESS = (
    "access: is it public?",
    "access: make it public",
    "access: make it private",
    "access list packages: of a person",
    "access list packages: of an org",
    "access list packages: of a team",
    "access list collaborators",
    "at the root of a host: make it public",
)
_unknown("access", (YARN_4, BUN), *_ACCESS, "access grant", "access revoke")
for _row in _ACCESS:
    LIMITS[_row, YARN_1] = OLD_YARN_ACCESS
_limit(("access grant", "access revoke"), YARN_1, "This command is not implemented yet", OLD_YARN_ACCESS.reason)
_limit(
    ("access: is it public?",),
    NPM_8,
    "get-status is not a recognized subcommand",
    "npm 8 and older can set the access, and cannot ask for it.",
)
_limit(
    ("access: is it public?",),
    NPM_6,
    "get-status is not a recognized subcommand",
    "npm 8 and older can set the access, and cannot ask for it.",
)
_limit(
    ("access: is it public?",),
    NPM_2,
    "access subcommand must be one of",
    "npm 8 and older can set the access, and cannot ask for it.",
)

_TEAM = (
    "team create",
    "team destroy",
    "team ls: an org's teams",
    "team ls: a team's members",
    "team add",
    "team rm",
)
_unknown("team", (YARN_4, BUN), *_TEAM)
_TEAM_PATHS = "yarn 1 asks at `/org` and `/team`, where no registry has anything: it leaves the `/-/` before them out."
_limit(("team create",), YARN_1, "/npm/team/", _TEAM_PATHS)
_limit(_TEAM[1:], YARN_1, "Not found", _TEAM_PATHS)

_ORG = ("org set", "org ls", "org rm")
_unknown("org", (NPM_2, PNPM_12, PNPM_9, YARN_4, YARN_1, BUN), *_ORG)

_RESERVED = "is a subcommand reserved for future use by Bun"
_BROWSER, _PASSWORD, _SCOPED = "log in in the browser", "log in with name and password", "login --registry --scope"
_AT_ROOT = "at the root of a host: log in in the browser"
_limit(
    (_BROWSER, _AT_ROOT, _PASSWORD, _SCOPED),
    BUN,
    _RESERVED,
    "bun has no login; it uses what `npm login` wrote to `.npmrc`, or a token in `bunfig.toml`.",
)
_limit((_BROWSER, _AT_ROOT), NPM_2, "Username:", "npm 2 knows the login with name and password only.")
_YARN_LOGIN = "`yarn login` keeps a name only; yarn 1 asks for the password when it publishes."
_limit((_BROWSER, _AT_ROOT), YARN_1, "npm username:", _YARN_LOGIN)
_limit((_SCOPED,), YARN_1, "is not in this registry", _YARN_LOGIN)
for _kind in (NPM_8, NPM_6):
    _limit(
        (_PASSWORD,),
        _kind,
        "/login/npm/",
        "npm 8 and 6 take the browser wherever the registry has that login, whatever --auth-type says.",
    )
_limit((_PASSWORD,), PNPM_12, "/login/npm/", "pnpm 12 takes the browser wherever the registry has that login.")
_limit(("adduser",), NPM_12, 'Unknown command: "adduser"', "npm 12 has `npm login` only.")
_limit(
    ("adduser",),
    PNPM_9,
    'Unknown command: "adduser"',
    "pnpm 9 hands it to the npm it finds; npm 12 has `npm login` only.",
)
_unknown("adduser", (YARN_4, YARN_1, BUN), "adduser")
_unknown("whoami", (YARN_1,), "whoami")
_LOGOUT = "logout: the token has ended"
_limit((_LOGOUT,), BUN, _RESERVED, "bun has no logout; `npm logout` ends the token.")
for _kind in (YARN_4, YARN_1):
    _limit(
        (_LOGOUT,),
        _kind,
        "the token still works",
        "yarn forgets the token and tells no registry; end it on the website's page of tokens.",
        seen=True,
    )
_limit(("config set @scope:registry",), BUN, _RESERVED, "bun has no config; the same line in `.npmrc` works.")
_INIT, _CONFIG = "init --scope, then publish", "config set scope, then init and publish"
_limit((_INIT,), PNPM_12, "unexpected argument '--scope'", "pnpm's init takes no scope; write it into package.json.")
_limit((_INIT,), PNPM_9, "Unknown option", "pnpm's init takes no scope; write it into package.json.")
_limit((_INIT,), YARN_4, "Invalid option name", "yarn 4's init takes no scope; write it into package.json.")
_LEFT_OUT = "the scope was left out of the name"
for _kind in (PNPM_12, PNPM_9):
    _limit((_CONFIG,), _kind, _LEFT_OUT, "pnpm's init takes no scope; write it into package.json.", seen=True)
_limit((_INIT, _CONFIG), YARN_1, _LEFT_OUT, "yarn 1's init takes no scope; write it into package.json.", seen=True)
_limit((_INIT,), BUN, _LEFT_OUT, "bun's init takes no scope; write it into package.json.", seen=True)
_limit((_CONFIG,), BUN, _RESERVED, "bun has no config.")
_limit((_CONFIG,), YARN_4, 'named "scope"', "yarn 4 has no setting of this name.")

_SEARCH = (
    "search: what one may see",
    "search: a stranger finds nothing private",
    "at the root of a host: search",
)
_unknown("search", (YARN_4, YARN_1, BUN), *_SEARCH)
_unknown("ping", (YARN_4, YARN_1, BUN), "ping")
_limit(("outdated",), YARN_4, 'named "outdated"', "yarn 4 has no `outdated`.")
_limit(
    ("401: a token that was revoked",),
    YARN_4,
    "Invalid authentication (as an unknown user)",
    "yarn 4 says a sentence of its own for 401.",
)

_unknown("doctor", (NPM_2, YARN_4, YARN_1, BUN), "doctor: the registry is well")
_limit(
    ("doctor: the registry is well",),
    PNPM_9,
    "Load npm builtin configs failed",
    "pnpm 9's doctor looks at the machine only, at no registry.",
)
_limit(
    ("doctor: the registry is well",),
    NPM_6,
    "'npm@latest' is not in the npm registry",
    "npm 6's doctor pings the registry, and then stops where npm itself is not in it.",
)
_unknown("audit", (NPM_2,), "audit: nothing is known against it")
_limit(
    ("audit: nothing is known against it",),
    YARN_1,
    "tunneling socket could not be established",
    "yarn 1 asks its makers' registry, whatever registry one uses; the tests let nothing out to it.",
)
for _row, _says in (
    ("500: a mistake of the registry's", 'Request failed "500 Internal Server Error"'),
    ("503: no database", 'Request failed "503 Service Unavailable"'),
):
    _limit((_row,), YARN_1, _says, "yarn 1 fails and shows the status of a 5xx only.")

_YOUNG = "install what was published a moment ago, with the client's own settings"
_limit(
    (_YOUNG,),
    YARN_4,
    "is quarantined",
    "yarn 4 takes nothing that is younger than a day, unless `npmMinimalAgeGate: 0` stands in `.yarnrc.yml`.",
)
_limit(
    (_YOUNG,),
    PNPM_12,
    "within the minimumReleaseAge cutoff",
    "pnpm 12 takes nothing younger than a day from a lockfile, unless `minimumReleaseAge: 0` stands in its settings.",
)

for _kind, _says in (
    (YARN_4, "inner-of-nobody@npm:1.0.0: Package not found"),
    (YARN_1, 'Couldn\'t find package "inner-of-nobody@1.0.0"'),
    (BUN, "inner-of-nobody@1.0.0 failed to resolve"),
):
    _limit(
        ("bundled dependencies: install",),
        _kind,
        _says,
        f"{_kind[0]} {_kind[1]} asks the registry for bundled dependencies too, so they must be published as well.",
    )
_limit(
    ("bundled dependencies: publish",),
    YARN_4,
    "the bundle was left out",
    "yarn 4 publishes it without the bundle.",
    seen=True,
)
_limit(("bundled dependencies: publish",), YARN_1, 'Cannot find module "."', "yarn 1 breaks when it packs a bundle.")
_limit(
    ("peer and optional dependencies",),
    NPM_2,
    "'not-there-at-all' is not in the npm registry",
    "npm 2 installs peer dependencies by itself and knows no optional ones.",
)
_limit(
    ("an install script",),
    PNPM_12,
    "ERR_PNPM_IGNORED_BUILDS",
    "pnpm 12 installs it, does not run the script, and ends with an error until `pnpm approve-builds` allows it.",
)
_DEPRECATED = "a deprecated version: installed, with its warning"
_limit((_DEPRECATED,), PNPM_12, "[WARN] deprecated", "pnpm 12 says that it is deprecated, without the message.")
_limit((_DEPRECATED,), YARN_4, "it does not say it", "yarn 4 shows no deprecation when it installs.", seen=True)
_limit(
    ("409: it changed meanwhile",),
    NPM_2,
    "Unexpected token u",
    "npm 2 wants to merge and send again after 409, and breaks on the way where one is logged in with a token.",
)

_unknown("profile", (NPM_2, YARN_4, YARN_1, BUN), "profile get", "profile set fullname")
_unknown("token", (NPM_2, YARN_4, YARN_1, BUN), "token list", "token create", "token revoke")
_STARS = "stars: one's own, and those of somebody else without what is hidden"
for _word, _row in (("star", "star"), ("unstar", "unstar"), ("stars", _STARS)):
    _unknown(_word, (NPM_12, YARN_4, YARN_1, BUN), _row)
    _says = 'Missing script: "start"' if _word == "star" else f'Unknown command: "{_word}"'
    _limit((_row,), PNPM_9, _says, "pnpm 9 hands it to the npm it finds; npm 12 has no stars any more.")
_limit(("star",), NPM_12, 'Missing script: "start"', "npm 12 has no stars any more, and takes `star` for `start`.")
_unknown(
    "hook",
    (NPM_12, NPM_11, NPM_2, PNPM_12, PNPM_9, YARN_4, YARN_1, BUN),
    "hook add",
    "hook ls",
    "hook update",
    "hook rm",
)
_STAGE = ("stage publish", "stage list", "stage view", "stage approve", "stage reject")
_unknown("stage", (NPM_10, NPM_9, NPM_8, NPM_6, NPM_2, PNPM_9, YARN_1, BUN), *_STAGE)
_unknown("stage view", (YARN_4,), "stage view")
_TRUST = ("trust github", "trust list", "trust revoke")
_unknown("trust", (NPM_10, NPM_9, NPM_8, NPM_6, NPM_2, PNPM_12, PNPM_9, YARN_4, YARN_1, BUN), *_TRUST)
_limit(
    ("publish with two-factor on, without a code: refused with the reason",),
    BUN,
    "it was still waiting",
    "bun shows a page of the website and waits until it is approved there, on a terminal or not.",
    seen=True,
)
_limit(
    ("publish --otp with two-factor on",),
    NPM_2,
    "is not in the npm registry",
    "npm 2 has no --otp, and takes the code for a package; a token that may pass two-factor publishes.",
)
for _kind, _says in (
    (NPM_10, "need auth"), (NPM_9, "need auth"), (NPM_8, "need auth"), (NPM_6, "you must be logged in"),
    (NPM_2, "auth required for publishing"), (YARN_1, "ended with 1"), (BUN, "missing authentication"),
):  # fmt: skip
    _limit(
        ("publish by trusted publishing (NPM_ID_TOKEN)",),
        _kind,
        _says,
        f"{_kind[0]} {_kind[1]} makes nothing of an identity token; it needs a token of the registry's.",
    )
_SIGNATURES = ("audit signatures",)
for _kind, _says in (
    (NPM_6, "Invalid audit subcommand"), (NPM_2, "Usage: npm <command>"), (PNPM_9, "No known vulnerabilities found"),
    (YARN_4, "Extraneous positional argument"), (YARN_1, "tunneling socket could not be established"),
    (BUN, 'unknown subcommand "signatures"'),
):  # fmt: skip
    _limit(_SIGNATURES, _kind, _says, f"{_kind[0]} {_kind[1]} has no audit of signatures.")
_limit(
    _SIGNATURES,
    NPM_9,
    "Final root.json is expired",
    "npm 9 wants sigstore's own keys first, and does not take those that the tests put in their place.",
)
_limit(
    ("publish with two-factor on, without a code: refused with the reason",),
    YARN_1,
    "Can't answer a question unless a user TTY",
    "yarn 1 wants to ask for the code and says only that there is no terminal.",
)
