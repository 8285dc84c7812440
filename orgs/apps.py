from django.apps import AppConfig


class OrgsConfig(AppConfig):
    name = "orgs"

    def ready(self) -> None:
        from accounts import departure as accounts
        from accounts.provider_sign_in import groups_known
        from orgs import departure, provisioning

        accounts.asked.connect(departure.weigh)
        accounts.leaving.connect(departure.leave)
        groups_known.connect(provisioning.seat)
        groups_known.connect(provisioning.appoint)
