from django.apps import AppConfig


class PackagesConfig(AppConfig):
    name = "packages"

    def ready(self) -> None:
        from functools import partial
        from io import StringIO

        from django.core.management import call_command

        from accounts import departure as accounts
        from accounts.actor import operator
        from packages import departure, returns, staging
        from registry_site import timetable

        timetable.daily("remove unpublished versions for good", partial(returns.erase, operator()))
        timetable.daily("drop staged versions that nobody reviewed", partial(staging.expire, operator()))
        timetable.daily("sweep unnamed tarballs", lambda: call_command("sweep_blobs", stdout=StringIO()))
        timetable.daily("forget finished tasks", lambda: call_command("prune_db_task_results", stdout=StringIO()))
        accounts.asked.connect(departure.weigh)
        accounts.leaving.connect(departure.leave)
