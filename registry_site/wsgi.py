"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")
application = get_wsgi_application()

from accounts import standstill  # noqa: E402
from accounts.sightings import watch  # noqa: E402 - models can be imported from here on
from packages import belonging  # noqa: E402
from registry_site import logs  # noqa: E402
from registry_site.later import writer  # noqa: E402

belonging.require_at_start()
watch.start()
standstill.watch()
writer.start()
logs.adopt("gunicorn.error")
