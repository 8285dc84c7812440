"""Addresses of packages: for npm clients, and as pages."""

from django.urls import path, register_converter

from accounts.endpoint import endpoint
from orgs.redirects import follows
from packages.protocol import audit, find, hooks, proof, read, share, stage, stars, statistics, tags, trust, write
from packages.views import (
    access,
    badges,
    browse,
    code,
    comparing,
    conversion,
    depending,
    errors,
    feeds,
    finding,
    home,
    leaving,
    mirrored,
    org_activity,
    orgs,
    quotas,
    recall,
    releases,
    scopes,
    settings,
    staging,
    two_factor,
    versions,
)
from packages.views import advisories as advisory_pages
from packages.views import hooks as hook_pages
from packages.views import requests as request_pages
from packages.views import rules as rule_pages
from packages.views import stars as star_pages


class PackageConverter:
    """A package name in an address: the scope and its slash belong to it, however the client wrote the slash.

    Whether the name is well-formed is asked later; here it only has to be told from the rest of the address.
    """

    regex = r"@[^/]+/[^/]+|[^@/-][^/]*"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(PackageConverter, "package")

own_protocol = [
    path("stage", endpoint(GET=stage.index)),
    path("stage/package/<package:name>", endpoint(POST=stage.publish)),
    path("stage/<str:key>", endpoint(GET=stage.view, DELETE=stage.reject)),
    path("stage/<str:key>/tarball", endpoint(GET=stage.tarball)),
    path("stage/<str:key>/approve", endpoint(POST=stage.approve)),
    path("v1/search", endpoint(GET=find.search)),
    path("all", endpoint(GET=find.everything)),
    path("all/since", endpoint(GET=find.changed_since)),
    path("_view/starredByUser", endpoint(GET=stars.view)),
    path("user/v1/star", endpoint(GET=stars.own, PUT=stars.put_own, DELETE=stars.delete_own)),
    path("user/package/<package:name>/star", endpoint(PUT=stars.put_package, DELETE=stars.delete_package)),
    path("user/<str:user>/stars", endpoint(GET=stars.of_user)),
    path("npm/v1/hooks", endpoint(GET=hooks.listed)),
    path("npm/v1/hooks/hook", endpoint(POST=hooks.add)),
    path("npm/v1/hooks/hook/<str:key>", endpoint(GET=hooks.one, PUT=hooks.change, DELETE=hooks.remove)),
    path("npm/v1/keys", endpoint(without_credential=("GET",), GET=proof.keys)),
    path("npm/v1/attestations/<package:name>@<str:number>", endpoint(GET=proof.attestations)),
    path("npm/v1/security/advisories/bulk", endpoint(always=("POST",), POST=audit.bulk)),
    path("npm/v1/security/audits", endpoint(always=("POST",), POST=audit.report)),
    path("npm/v1/security/audits/quick", endpoint(always=("POST",), POST=audit.report)),
    path("package/<package:name>/dist-tags", endpoint(GET=tags.listed, PUT=tags.replace, POST=tags.merge)),
    path("package/<package:name>/dist-tags/<str:tag>", endpoint(PUT=tags.put, POST=tags.put, DELETE=tags.remove)),
    path("package/<package:name>/visibility", endpoint(GET=read.visibility)),
    path("package/<package:name>/access", endpoint(GET=share.get_access, POST=share.set_access)),
    path("package/<package:name>/trust", endpoint(GET=trust.publishers, POST=trust.add)),
    path("package/<package:name>/trust/<str:key>", endpoint(DELETE=trust.remove)),
    path(
        "npm/v1/oidc/token/exchange/package/<package:name>",
        endpoint(without_credential=("POST",), POST=trust.exchange_identity),
    ),
    path("package/<package:name>/collaborators", endpoint(GET=share.collaborators)),
    path("package/<package:name>/owners", endpoint(PUT=share.add_owner)),
    path("package/<package:name>/owners/<str:user>", endpoint(DELETE=share.remove_owner)),
    path("org/<str:org>/package", endpoint(GET=share.org_packages)),
    path("user/<str:user>/package", endpoint(GET=share.user_packages)),
    path("team/<str:org>/<str:team>/package", endpoint(GET=share.team_packages, PUT=share.grant, DELETE=share.revoke)),
]

# The public registry has these at an address of their own; here they are also at the website's root.
statistics_api = [
    path("downloads/point/<str:period>", endpoint(GET=statistics.point)),
    path("downloads/point/<str:period>/<path:names>", endpoint(GET=statistics.point)),
    path("downloads/range/<str:period>", endpoint(GET=statistics.each_day)),
    path("downloads/range/<str:period>/<path:names>", endpoint(GET=statistics.each_day)),
    path("versions/<package:name>/<str:period>", endpoint(GET=statistics.versions)),
]

protocol = [
    path("<package:name>/-rev/<str:revision>", endpoint(PUT=write.put_revision, DELETE=write.delete_package)),
    path("<package:name>/-/<str:file>/-rev/<str:revision>", endpoint(DELETE=write.delete_tarball)),
    # npm 6 puts the path of a tarball link behind the registry's address, and so says /npm/ twice.
    path("npm/<package:name>/-/<str:file>/-rev/<str:revision>", endpoint(DELETE=write.delete_tarball)),
    path("<package:name>/-/<str:file>", endpoint(GET=read.tarball)),
    path("<package:name>", endpoint(GET=read.packument, PUT=write.put_package)),
    path("<package:name>/<str:spec>", endpoint(GET=read.version, PUT=tags.put_spec)),
]

pages = [
    path("", home.front, name="home"),
    path("search", finding.search, name="search"),
    path("feed", feeds.mine, name="feed"),
    path("settings/feeds", feeds.settings, name="feeds"),
    path("settings/feeds/revoke", feeds.revoke, name="revoke-feed-key"),
    path("search/suggest", finding.suggest, name="search-suggest"),
    path("search/upstream", finding.upstream, name="search-upstream"),
    path("~<str:user>", home.person, name="person"),
    path("org/<str:org>", follows(orgs.packages), name="org"),
    path("org/<str:org>/members/remove", leaving.remove, name="org-member-remove"),
    path("org/<str:org>/rename", follows(scopes.rename), name="rename-org"),
    path("org/<str:org>/delete", follows(scopes.delete), name="delete-org"),
    path("org/<str:org>/activity.csv", follows(org_activity.sheet), name="org-activity-sheet"),
    path("org/<str:org>/activity.jsonl", follows(org_activity.lines), name="org-activity-lines"),
    path("org/<str:org>/feed", feeds.of_org, name="org-feed"),
    path("org/<str:org>/activity", follows(org_activity.activity), name="org-activity"),
    path("org/<str:org>/settings", follows(quotas.org_settings), name="org-settings"),
    path("settings/storage", quotas.own, name="storage"),
    path("org/<str:org>/settings/two-factor", leaving.require_two_factor, name="org-two-factor"),
    path("org/<str:org>/requests", request_pages.index, name="org-requests"),
    path("org/<str:org>/requests/<int:key>", request_pages.decide, name="org-request"),
    path("org/<str:org>/rules", follows(rule_pages.of_org), name="org-rules"),
    path("org/<str:org>/rules/new", follows(rule_pages.write), name="org-rules-write"),
    path("org/<str:org>/rules/<int:number>", follows(rule_pages.version), name="org-rules-version"),
    path("org/<str:org>/rules/stop", rule_pages.stop, name="org-rules-stop"),
    path("org/<str:org>/rules/exceptions", rule_pages.make_exception, name="org-rules-exceptions"),
    path("org/<str:org>/rules/exceptions/<int:key>", rule_pages.change_exception, name="org-rules-exception"),
    path("rules", rule_pages.registry, name="rules"),
    path("rules/<int:number>", rule_pages.registry_version, name="rules-version"),
    path("errors/<str:reference>", errors.reference, name="error-reference"),
    path("org/<str:org>/teams", follows(orgs.team), name="org-teams"),
    path("org/<str:org>/teams/<str:team>", follows(orgs.team), name="team"),
    path("org/<str:org>/teams/<str:team>/seats", orgs.seats, name="team-seats"),
    path("org/<str:org>/teams/<str:team>/packages", orgs.grants, name="team-grants"),
    path("org/<str:org>/teams/<str:team>/delete", follows(orgs.delete_team), name="delete-team"),
    path("settings/webhooks", hook_pages.page, name="webhooks"),
    path("settings/webhooks/<uuid:key>", hook_pages.hook, name="webhook"),
    path("settings/webhooks/<uuid:key>/messages/<int:number>", hook_pages.message, name="webhook-message"),
    path("settings/webhooks/<uuid:key>/do", hook_pages.act, name="webhook-act"),
    path("settings/become-org", conversion.become_org, name="become-org"),
    path("package/<package:name>/access", access.page, name="package-access"),
    path("package/<package:name>/ask", request_pages.ask, name="package-ask"),
    path("package/<package:name>/access/level", access.set_level, name="package-level"),
    path("package/<package:name>/access/people", access.people, name="package-people"),
    path("package/<package:name>/access/teams", access.teams, name="package-teams"),
    path("package/<package:name>/feed", feeds.of_package, name="package-feed"),
    path("package/<package:name>/star", star_pages.star, name="package-star"),
    path("trust/@<str:scope>", settings.scope_trust, name="scope-trust"),
    path("package/<package:name>/settings", settings.page, name="package-settings"),
    path("package/<package:name>/settings/trust", settings.package_trust, name="package-trust"),
    path("package/<package:name>/settings/two-factor", two_factor.asks, name="package-two-factor"),
    path("package/<package:name>/versions", versions.page, name="package-versions"),
    path("package/<package:name>/versions/tags", versions.tags, name="package-tags"),
    path("package/<package:name>/restore", versions.restore, name="package-restore"),
    path("package/<package:name>/fetch", mirrored.fetch, name="package-fetch"),
    path("package/<package:name>/code", code.tree, name="package-code"),
    path("package/<package:name>/v/<str:number>/code", code.tree, name="package-version-code"),
    path("package/<package:name>/v/<str:number>/code/<path:path>", code.tree, name="package-file"),
    path("package/<package:name>/v/<str:number>/raw/<path:path>", code.raw, name="package-raw"),
    path("package/<package:name>/compare", comparing.choose, name="package-compare-choose"),
    path("package/<package:name>/compare/<str:old>...<str:new>", comparing.compare, name="package-compare"),
    path("package/<package:name>/dependencies", depending.needs, name="package-dependencies"),
    path("package/<package:name>/v/<str:number>/dependencies", depending.needs, name="package-version-dependencies"),
    path("package/<package:name>/dependents", depending.needed_by, name="package-dependents"),
    path("package/<package:name>/activity", browse.activity, name="package-activity"),
    path("package/<package:name>/advisories", advisory_pages.index, name="package-advisories"),
    path("package/<package:name>/advisories/<str:key>", advisory_pages.one, name="package-advisory"),
    path(
        "package/<package:name>/advisories/<str:key>/withdraw",
        advisory_pages.withdraw,
        name="package-advisory-withdraw",
    ),
    path("advisories", advisory_pages.everything, name="advisories"),
    path("package/<package:name>/staged", staging.index, name="package-staged"),
    path("package/<package:name>/staged/<uuid:key>", staging.review, name="package-review"),
    path("package/<package:name>/staged/<uuid:key>/tarball", staging.tarball, name="package-staged-tarball"),
    path("package/<package:name>/staged/<uuid:key>/approve", staging.approve, name="package-approve"),
    path("package/<package:name>/staged/<uuid:key>/reject", staging.reject, name="package-reject"),
    path("package/<package:name>/deprecate", releases.deprecate, name="package-deprecate"),
    path("package/<package:name>/unpublish", releases.unpublish, name="package-unpublish"),
    path("package/<package:name>/v/<str:number>/recall", recall.page, name="package-recall"),
    path("package/<package:name>/v/<str:number>/recall.csv", recall.sheet, name="package-recall-sheet"),
    path("package/<package:name>/v/<str:number>/recall/warn", recall.warn, name="package-recall-warn"),
    path("package/<package:name>/v/<str:number>", browse.package, name="package-version"),
    path("package/<package:name>", browse.package, name="package"),
    path("badge/version/<package:name>.svg", badges.version, name="badge-version"),
    path("badge/downloads/<package:name>.svg", badges.downloads, name="badge-downloads"),
]
