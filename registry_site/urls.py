"""The website, and the registry below `/npm/`."""

from django.contrib import admin
from django.urls import include, path

from accounts import urls as accounts
from orgs import urls as orgs
from packages import urls as packages
from registry_site import errorpages, exposition, registry_urls

urlpatterns = [
    path("npm/", include(registry_urls.urlpatterns)),
    # npm's OIDC exchange forgets the mount path, so the registry's own endpoints answer here, too.
    path("-/", include([*registry_urls.own, *registry_urls.unknown])),
    *packages.statistics_api,
    path("metrics", exposition.page, name="metrics"),
    path("admin/", admin.site.urls),
    *accounts.pages,
    *orgs.pages,
    *packages.pages,
]

handler400, handler404, handler500 = errorpages.bad_request, errorpages.not_found, errorpages.server_error
handler403 = errorpages.forbidden
handler429 = errorpages.too_many  # django-allauth's pages ask for it
