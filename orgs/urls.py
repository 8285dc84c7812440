"""Addresses of orgs and teams: for npm clients, and as pages."""

from django.urls import path

from accounts.endpoint import endpoint
from orgs import protocol as npm
from orgs.redirects import follows
from orgs.views import invitations, matrix, members, mine, settings, teams, tokens

protocol = [
    path("org/<str:org>/user", endpoint(GET=npm.members, PUT=npm.set_member, DELETE=npm.remove_member)),
    path("org/<str:org>/team", endpoint(GET=npm.list_teams, PUT=npm.create_team)),
    path("team/<str:org>/<str:team>", endpoint(DELETE=npm.destroy_team)),
    path("team/<str:org>/<str:team>/user", endpoint(GET=npm.list_seats, PUT=npm.add_seat, DELETE=npm.remove_seat)),
]

pages = [
    path("orgs", mine.mine, name="orgs"),
    path("org/new", mine.create, name="new-org"),
    path("org/<str:org>/members", follows(members.members), name="org-members"),
    path("org/<str:org>/members.csv", follows(matrix.sheet), name="org-members-sheet"),
    path("org/<str:org>/members/teams", follows(matrix.matrix), name="org-matrix"),
    path("org/<str:org>/members/seat", matrix.seat, name="org-seat"),
    path("org/<str:org>/invitations", members.invite, name="org-invite"),
    path("org/<str:org>/invitations/<uuid:key>", members.invitation, name="org-invitation-act"),
    path("org/<str:org>/invitation", follows(invitations.invitation), name="org-invitation"),
    path("org/<str:org>/invitation/<str:secret>", follows(invitations.invitation), name="org-invitation-link"),
    path("org/<str:org>/settings/new-packages", settings.first_grant, name="org-first-grant"),
    path("org/<str:org>/tokens", follows(tokens.tokens), name="org-tokens"),
    path("org/<str:org>/tokens/<uuid:key>/revoke", tokens.revoke, name="org-token-revoke"),
    path("org/<str:org>/teams/new", follows(teams.create), name="new-team"),
    path("org/<str:org>/teams/<str:team>/edit", follows(teams.edit), name="edit-team"),
]
