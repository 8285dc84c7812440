"""Settings / e-mail: django-allauth's page, also where no mail is sent and so no address is ever confirmed."""

from __future__ import annotations

from allauth.account.views import EmailView
from django.contrib import messages
from django.http import HttpResponse

from accounts import notices, profile


class Emails(EmailView):
    """The addresses of a person: one more, one less, another first, the mail once more."""

    def _action_primary(self, request, *args, **kwargs) -> HttpResponse | None:
        address = self._get_email_address(request)
        if address is None or notices.is_on():
            return super()._action_primary(request, *args, **kwargs)
        profile.make_first(request.actor, request.actor.user, address)
        messages.success(request, f"{address.email} is the first now.")
        return None
