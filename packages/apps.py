from django.apps import AppConfig


class PackagesConfig(AppConfig):
    name = "packages"

    def ready(self) -> None:
        from functools import partial
        from io import StringIO

        from django.core import checks
        from django.core.management import call_command
        from django.db import connection
        from django.db.models.signals import post_migrate, post_save

        from accounts import audit, chain
        from accounts import departure as accounts
        from accounts.actor import operator
        from accounts.models import Scope
        from packages import (
            departure,
            installation,
            popularity,
            records,
            returns,
            staging,
            sweeping,
            vitals,
            webhooks,
            witness,
        )
        from packages import quotas as scope_quotas
        from packages.lookup import schema
        from packages.rules import exceptions
        from packages.stock import pruning, tidying
        from packages.upstream import audits as upstream_audits
        from packages.upstream import keeping, namesakes
        from registry_site import timetable

        timetable.daily("remove unpublished versions for good", partial(returns.erase, operator()))
        timetable.daily("drop staged versions that nobody reviewed", partial(staging.expire, operator()))
        timetable.daily("sweep unnamed tarballs", sweeping.daily)
        timetable.daily("forget finished tasks", lambda: call_command("prune_db_task_results", stdout=StringIO()))
        timetable.daily("forget who downloaded what long ago", records.purge)
        timetable.daily("look whether names of ours appeared upstream", namesakes.look)
        timetable.daily("ask upstream about advisories", upstream_audits.refresh_used)
        timetable.daily("remind owners of exceptions that end soon", exceptions.remind)
        timetable.daily("keep the mirror within its limits", partial(pruning.daily, operator()))
        timetable.daily("forget what upstream can be asked again", tidying.tidy)
        timetable.daily("add up the bytes that are stored", vitals.add_up)
        timetable.daily("total what scopes keep", scope_quotas.count_again)
        timetable.daily("count the downloads of the last week", popularity.count_again)
        timetable.often("seal the audit log", witness.seal)
        timetable.daily("forget what the audit log need not keep", partial(chain.prune_daily, operator()))
        timetable.daily("forget old messages of webhooks", webhooks.forget_old)
        schema.require_engine(connection.vendor)
        post_migrate.connect(_mend_index, self)
        checks.register(installation.system_checks, deploy=True)
        post_save.connect(keeping.scope_was_saved, Scope)
        accounts.asked.connect(departure.weigh)
        accounts.leaving.connect(departure.leave)
        audit.recorded.connect(webhooks.overhear)


def _mend_index(using: str, **said) -> None:
    from django.db import connections

    from packages.lookup import schema

    schema.mend(connections[using])
