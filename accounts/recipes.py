"""How each client is pointed here: the exact commands and files, by client, place and scope (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

CLIENTS = {"npm": "npm", "pnpm": "pnpm", "yarn": "yarn 4", "yarn1": "yarn 1", "bun": "bun"}
PLACES = {
    "laptop": "This computer",
    "github": "GitHub Actions",
    "gitlab": "GitLab CI",
    "circleci": "CircleCI",
    "ci": "Another build server",
}
INSTALLS = {
    "npm": "npm ci",
    "pnpm": "pnpm install --frozen-lockfile",
    "yarn": "yarn install --immutable",
    "yarn1": "yarn install --frozen-lockfile",
    "bun": "bun install --frozen-lockfile",
}
SECRET = "NPM_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True)
class Step:
    """One thing to do. text: commands, or the lines of `file`; token: whether it needs a token of one's own."""

    title: str
    text: str = ""
    note: str = ""
    file: str = ""
    token: bool = False


@dataclass(frozen=True)
class Wish:
    """What somebody wants to connect. scope: without @; "" for everything from here."""

    client: str = "npm"
    place: str = "laptop"
    scope: str = ""

    @classmethod
    def parse(cls, client: str, place: str, scope: str) -> Wish:
        """Read what an address says; what it does not know is what most people want."""
        name = scope.strip().removeprefix("@").lower()
        safe = name if name.isascii() and name.replace("-", "").replace("_", "").replace(".", "").isalnum() else ""
        return cls(client if client in CLIENTS else "npm", place if place in PLACES else "laptop", safe[:214])


def steps(wish: Wish, address: str) -> list[Step]:
    """What to do, in order, at the registry of this address (with its last slash)."""
    return list(_laptop(wish, address) if wish.place == "laptop" else _build(wish, address))


def install(wish: Wish, address: str) -> str:
    """The command that a build server installs with."""
    command = INSTALLS[wish.client]
    if wish.client == "pnpm":  # which reads no variable in a file of the repository
        return f'pnpm config set {address.partition(":")[2]}:_authToken "${SECRET}" && {command}'
    return command


def _laptop(wish: Wish, address: str) -> Iterator[Step]:
    match wish.client:
        case "yarn":
            yield Step("Point yarn here", "\n".join(_yarn_settings(wish, address)), _YARN_NOTE)
            yield Step("Log in", f"yarn npm login{f' --scope {wish.scope}' if wish.scope else ''}")
            yield Step("See that it works", f"yarn npm whoami{f' --scope {wish.scope}' if wish.scope else ''}")
        case "pnpm":
            if wish.scope:  # a login for the scope alone is one that `pnpm whoami` does not know
                yield Step("Take the scope from here", f"pnpm config set @{wish.scope}:registry {address}")
                yield Step("Log in", f"pnpm login --registry={address}")
                yield Step("See that it works", f"pnpm whoami --registry={address}")
            else:
                yield from _logins("pnpm", wish, address)
            yield Step(
                "Install what was published today",
                "pnpm config set minimumReleaseAge 0",
                "Optional: pnpm 12 waits a day before it installs a new version, also one of your own.",
            )
        case "yarn1":
            yield from _logins("npm", wish, address, "yarn 1 reads what npm keeps in .npmrc, its login too.")
            if not wish.scope:
                yield Step("Point yarn here", f"yarn config set registry {address}")
        case "bun":
            yield from _logins("npm", wish, address, "bun has no login of its own; it reads what npm keeps in .npmrc.")
        case _:
            yield from _logins("npm", wish, address)


_YARN_NOTE = (
    "yarn sends no token for names without a scope unless it is told to (npmAlwaysAuth), and it waits a day before it "
    "installs a new version unless the name is approved beforehand (npmPreapprovedPackages)."
)


def _logins(client: str, wish: Wish, address: str, note: str = "") -> Iterator[Step]:
    who = "bun pm whoami" if wish.client == "bun" and not wish.scope else f"{client} whoami"
    if wish.scope:
        yield Step("Log in for the scope", f"{client} login --scope=@{wish.scope} --registry={address}", note)
        yield Step("See that it works", f"{who} --registry={address}")
    else:
        yield Step(f"Point {client} here", f"{client} config set registry {address}", note)
        yield Step("Log in", f"{client} login")
        yield Step("See that it works", who)


def _yarn_settings(wish: Wish, address: str) -> Iterator[str]:
    below = f"npmScopes.{wish.scope}." if wish.scope else ""
    for word in ("npmRegistryServer", "npmPublishRegistry"):
        yield f"yarn config set --home {below}{word} {address}"
    yield f"yarn config set --home {below}npmAlwaysAuth true"
    if wish.scope:
        yield f"""yarn config set --home npmPreapprovedPackages --json '["@{wish.scope}/*"]'"""
    else:
        yield "yarn config set --home npmMinimalAgeGate 0"
    if address.startswith("http:"):
        yield f"""yarn config set --home unsafeHttpWhitelist --json '["{urlsplit(address).hostname}"]'"""


def _build(wish: Wish, address: str) -> Iterator[Step]:
    kept = {
        "github": f"Settings / Secrets and variables / Actions: a secret called {SECRET}.",
        "gitlab": f"Settings / CI/CD / Variables: a masked variable called {SECRET}.",
        "circleci": f"Project settings / Environment variables: one called {SECRET}.",
        "ci": f"Wherever it keeps secrets, as the environment variable {SECRET}.",
    }[wish.place]
    yield Step("Make a token that only reads", "", kept, token=True)
    if wish.client == "yarn":
        yield Step("Put this into the repository", _yarn_file(wish, address), file=".yarnrc.yml")
    else:
        yield Step("Put this into the repository", _npm_file(wish, address), file=".npmrc")
    if wish.client == "pnpm":
        younger = f'minimumReleaseAgeExclude: ["@{wish.scope}/*"]' if wish.scope else "minimumReleaseAge: 0"
        note = "pnpm 12 refuses versions that are younger than a day, also your own, unless it is told to."
        yield Step("And this", younger, note, "pnpm-workspace.yaml")
    yield _job(wish, install(wish, address))


def _npm_file(wish: Wish, address: str) -> str:
    which = f"@{wish.scope}:registry" if wish.scope else "registry"
    if wish.client == "pnpm":
        return f"{which}={address}"
    return f"{which}={address}\n{address.partition(':')[2]}:_authToken=${{{SECRET}}}"


def _yarn_file(wish: Wish, address: str) -> str:
    lines = [f'npmRegistryServer: "{address}"', "npmAlwaysAuth: true", f'npmAuthToken: "${{{SECRET}:-}}"']
    if wish.scope:
        lines = ["npmScopes:", f'  "{wish.scope}":', *(f"    {line}" for line in lines)]
        lines[3:3] = [f'    npmPublishRegistry: "{address}"']
        lines += [f'npmPreapprovedPackages: ["@{wish.scope}/*"]']
    else:
        lines += ["npmMinimalAgeGate: 0"]
    if address.startswith("http:"):
        lines += [f'unsafeHttpWhitelist: ["{urlsplit(address).hostname}"]']
    return "\n".join(lines)


def _job(wish: Wish, command: str) -> Step:
    setup = ("corepack enable",) if wish.client in ("pnpm", "yarn") else ()
    match wish.place:
        case "github":
            lines = [*_GITHUB_SETUP[wish.client], f"- run: {command}", "  env:"]
            lines += [f"    {SECRET}: ${{{{ secrets.{SECRET} }}}}"]
            return Step("Use it in a workflow", "\n".join(lines), "The steps of a job.", ".github/workflows/ci.yml")
        case "gitlab":
            image = "oven/bun:1" if wish.client == "bun" else "node:lts"
            lines = ["install:", f"  image: {image}", "  script:", *(f"    - {line}" for line in (*setup, command))]
            return Step("Use it in a job", "\n".join(lines), file=".gitlab-ci.yml")
        case "circleci":
            image = "oven/bun:1" if wish.client == "bun" else "cimg/node:lts"
            lines = ["jobs:", "  install:", "    docker:", f"      - image: {image}", "    steps:", "      - checkout"]
            lines += [f"      - run: {line}" for line in (*setup, command)]
            return Step("Use it in a job", "\n".join(lines), file=".circleci/config.yml")
        case _:
            return Step("Install", command, f"{SECRET} has to be in its environment.")


_GITHUB_SETUP = {
    "npm": ("- uses: actions/checkout@v4", "- uses: actions/setup-node@v4"),
    "pnpm": ("- uses: actions/checkout@v4", "- uses: pnpm/action-setup@v4", "- uses: actions/setup-node@v4"),
    "yarn": ("- uses: actions/checkout@v4", "- uses: actions/setup-node@v4", "- run: corepack enable"),
    "yarn1": ("- uses: actions/checkout@v4", "- uses: actions/setup-node@v4"),
    "bun": ("- uses: actions/checkout@v4", "- uses: oven-sh/setup-bun@v2"),
}
