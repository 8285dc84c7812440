"""The registry's own addresses, as npm clients know them; served below `/npm/` and at the root of `REGISTRY_HOST`."""

from django.urls import include, path

from accounts import urls as accounts
from accounts.endpoint import endpoint
from orgs import urls as orgs
from packages import urls as packages
from registry_site import errorpages
from registry_site.errors import NotFound


def _unknown(request, rest: str = "") -> None:
    raise NotFound("Not found")


_every = ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS")
own = [*accounts.protocol, *orgs.protocol, *packages.own_protocol]
_nothing = endpoint(without_credential=_every, always=_every, **dict.fromkeys(_every, _unknown))
unknown = [path("<path:rest>", _nothing, name="unknown")]

urlpatterns = [
    path("", accounts.root),
    path("-/", include([*own, *unknown])),
    *packages.statistics_api,
    *packages.protocol,
    *unknown,
]

handler400, handler404, handler500 = errorpages.bad_request, errorpages.not_found, errorpages.server_error
