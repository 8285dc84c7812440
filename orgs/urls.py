"""Addresses of orgs and teams: for npm clients, and as pages."""

from django.urls import path

from accounts.endpoint import endpoint
from orgs import protocol as npm
from orgs import views

protocol = [
    path("org/<str:org>/user", endpoint(GET=npm.members, PUT=npm.set_member, DELETE=npm.remove_member)),
    path("org/<str:org>/team", endpoint(GET=npm.list_teams, PUT=npm.create_team)),
    path("team/<str:org>/<str:team>", endpoint(DELETE=npm.destroy_team)),
    path("team/<str:org>/<str:team>/user", endpoint(GET=npm.list_seats, PUT=npm.add_seat, DELETE=npm.remove_seat)),
]

pages = [
    path("orgs", views.mine, name="orgs"),
    path("org/new", views.create, name="new-org"),
    path("org/<str:org>/members", views.members, name="org-members"),
    path("org/<str:org>/members/remove", views.remove_member, name="org-member-remove"),
    path("org/<str:org>/settings", views.settings, name="org-settings"),
    path("org/<str:org>/teams/new", views.create_team, name="new-team"),
]
