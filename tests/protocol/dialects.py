"""How each client says what the rows of the table ask for.

A row is said by the first line that fits: `npm <9` is npm before 9, `npm` every other one. A client that has no such
command gets the words a person would try; limits.py holds what it answers then.
"""

from __future__ import annotations

import re

KINDS = (
    ("npm", 12), ("npm", 11), ("npm", 10), ("npm", 9), ("npm", 8), ("npm", 6), ("npm", 2),
    ("pnpm", 12), ("pnpm", 9), ("yarn", 4), ("yarn", 1), ("bun", 1),
)  # fmt: skip

WORDS = {
    "publish": {"pnpm 12": "publish --no-git-checks", "yarn 4": "npm publish", "yarn 1": "publish --non-interactive",
                "*": "publish"},
    "add": {"npm": "install --save {package}", "*": "add {package}"},
    "install": {"*": "install"},
    "reinstall": {"npm 2": "install", "npm": "ci", "yarn 4": "install --immutable", "*": "install --frozen-lockfile"},
    "update": {"npm 2": "update {package} --cache-min=0", "yarn 4": "up {package}", "yarn 1": "upgrade {package}",
               "*": "update {package}"},
    "run": {"npm <6": "exec {package}", "npm 6": "npx {package}", "npm": "exec --yes -- {package}",
            "bun": "x {package}",
            "*": "dlx {package}"},
    "unpublish": {"yarn 4": "npm unpublish {package}", "*": "unpublish {package}"},
    "deprecate": {"yarn 4": "npm deprecate {package} {message}", "*": "deprecate {package} {message}"},
    "undeprecate": {"pnpm 12": "undeprecate {package}", "npm 12": "undeprecate {package}",
                    "yarn 4": "npm deprecate {package} {message}", "*": "deprecate {package} {message}"},
    "tag add": {"yarn 4": "npm tag add {package} {tag}", "yarn 1": "tag add {package} {tag}",
                "*": "dist-tag add {package} {tag}"},
    "tag ls": {"yarn 4": "npm tag list {package}", "yarn 1": "tag list {package}", "*": "dist-tag ls {package}"},
    "tag rm": {"yarn 4": "npm tag remove {package} {tag}", "yarn 1": "tag remove {package} {tag}",
               "*": "dist-tag rm {package} {tag}"},
    "owner add": {"pnpm 12": "owner add {package} {user}", "yarn 4": "npm owner add {user} {package}",
                  "*": "owner add {user} {package}"},
    "owner ls": {"yarn 1": "owner list {package}", "yarn 4": "npm owner ls {package}", "*": "owner ls {package}"},
    "owner rm": {"pnpm 12": "owner rm {package} {user}", "yarn 1": "owner remove {user} {package}",
                 "yarn 4": "npm owner rm {user} {package}", "*": "owner rm {user} {package}"},
    "access get": {"npm <9": "access get-status {package}", "yarn 4": "npm access get status {package}",
                   "*": "access get status {package}"},
    "access set": {"npm <9": "access {level} {package}", "yarn 4": "npm access set status={level} {package}",
                   "*": "access set status={level} {package}"},
    "access packages": {"npm <9": "access ls-packages {of}", "yarn 4": "npm access list packages {of}",
                        "*": "access list packages {of}"},
    "access collaborators": {"npm <9": "access ls-collaborators {package}",
                             "yarn 4": "npm access list collaborators {package}",
                             "*": "access list collaborators {package}"},
    "access grant": {"yarn 4": "npm access grant {permission} {team} {package}",
                     "*": "access grant {permission} {team} {package}"},
    "access revoke": {"yarn 4": "npm access revoke {team} {package}", "*": "access revoke {team} {package}"},
    "team create": {"pnpm 12": "team create @{team}", "yarn 4": "npm team create {team}",
                    "*": "team create {team}"},
    "team destroy": {"pnpm 12": "team destroy @{team}", "yarn 4": "npm team destroy {team}",
                     "*": "team destroy {team}"},
    "team add": {"pnpm 12": "team add @{team} {user}", "yarn 4": "npm team add {team} {user}",
                 "*": "team add {team} {user}"},
    "team rm": {"pnpm 12": "team rm @{team} {user}", "yarn 4": "npm team rm {team} {user}",
                "yarn 1": "team remove {team} {user}",
                "*": "team rm {team} {user}"},
    "team ls": {"pnpm 12": "team ls @{of}", "yarn 4": "npm team ls {of}",
                "yarn 1": "team list {of}", "*": "team ls {of}"},
    "org set": {"yarn 4": "npm org set {org} {user} {role}", "*": "org set {org} {user} {role}"},
    "org ls": {"yarn 4": "npm org ls {org}", "*": "org ls {org}"},
    "org rm": {"yarn 4": "npm org rm {org} {user}", "*": "org rm {org} {user}"},
    "whoami": {"yarn 4": "npm whoami", "bun": "pm whoami", "*": "whoami"},
    "logout": {"yarn 4": "npm logout", "*": "logout"},
    "view": {"yarn 4": "npm info {package} --json", "yarn 1": "info {package} --json", "bun": "info {package} --json",
             "*": "view {package} --json"},
    "search": {"yarn 4": "npm search {text}", "*": "search {text}"},
    "outdated": {"*": "outdated"},
    "ping": {"yarn 4": "npm ping", "*": "ping"},
    "doctor": {"yarn 4": "npm doctor", "*": "doctor"},
    "audit": {"yarn 4": "npm audit", "*": "audit"},
    "profile get": {"yarn 4": "npm profile get", "*": "profile get"},
    "profile set": {"yarn 4": "npm profile set {what} {value}", "*": "profile set {what} {value}"},
    "token list": {"yarn 4": "npm token list", "*": "token list"},
    "token create": {"yarn 4": "npm token create", "*": "token create"},
    "token revoke": {"yarn 4": "npm token revoke {key}", "*": "token revoke {key}"},
    "star": {"yarn 4": "npm star {package}", "*": "star {package}"},
    "unstar": {"yarn 4": "npm unstar {package}", "*": "unstar {package}"},
    "stars": {"yarn 4": "npm stars", "*": "stars"},
    "hook add": {"yarn 4": "npm hook add {package} {url} {secret}", "*": "hook add {package} {url} {secret}"},
    "hook ls": {"yarn 4": "npm hook ls", "*": "hook ls"},
    "hook update": {"yarn 4": "npm hook update {key} {url} {secret}", "*": "hook update {key} {url} {secret}"},
    "hook rm": {"yarn 4": "npm hook rm {key}", "*": "hook rm {key}"},
    "stage publish": {"pnpm 12": "stage publish --no-git-checks", "yarn 4": "npm publish --staged",
                      "*": "stage publish"},
    "stage list": {"yarn 4": "npm stage list", "*": "stage list"},
    "stage view": {"yarn 4": "npm stage view {key}", "*": "stage view {key}"},
    "stage approve": {"yarn 4": "npm stage approve {key} --otp {otp}", "*": "stage approve {key} --otp {otp}"},
    "stage reject": {"yarn 4": "npm stage reject {key} --otp {otp}", "*": "stage reject {key} --otp {otp}"},
    "trust github": {"yarn 4": "npm trust github {package}", "*": "trust github {package}"},
    "trust list": {"yarn 4": "npm trust list {package}", "*": "trust list {package}"},
    "trust revoke": {"yarn 4": "npm trust revoke {package} --id {key}", "*": "trust revoke {package} --id {key}"},
    "audit signatures": {"yarn 4": "npm audit signatures", "*": "audit signatures"},
}  # fmt: skip


def words(kind: tuple[str, int], command: str, **parts: str) -> list[str]:
    """What to type after the client's name for a command, as in `words(("yarn", 4), "tag ls", package="x")`."""
    template = next(text for who, text in WORDS[command].items() if _fits(who, kind))
    return [word.format(**parts) for word in template.split()]


def _fits(who: str, kind: tuple[str, int]) -> bool:
    name, major = kind
    asked, relation, number = re.fullmatch(r"(\S+)(?: (<?)(\d+))?", who).groups()
    if asked not in ("*", name):
        return False
    return number is None or (major < int(number) if relation else major == int(number))
