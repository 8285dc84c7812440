from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and signing in"

    def ready(self) -> None:
        from allauth.account import signals as account
        from allauth.socialaccount import signals as social
        from django_tasks import signals as tasks

        from accounts import (
            addresses,
            arrivals,
            lapses,
            logins,
            passwords,
            profile,
            provider_sign_in,
            reminders,
            sessions,
        )
        from accounts import standstill as standstills
        from accounts.directory import rounds
        from registry_site import repeating, timetable

        account.email_confirmed.connect(profile.take_confirmed)
        for signal in (account.password_changed, account.password_set, account.password_reset):
            signal.connect(passwords.changed_on_page)
        account.user_logged_in.connect(provider_sign_in.take_groups)
        account.user_logged_in.connect(arrivals.noticed)
        addresses.listen()
        social.social_account_added.connect(provider_sign_in.connected)
        tasks.task_finished.connect(repeating.after_failure)
        timetable.unless(standstills.is_on)
        timetable.daily("forget old devices", arrivals.forget_devices)
        timetable.daily("forget ended requests to log in", logins.forget_ended)
        timetable.daily("forget ended sessions", sessions.forget_ended)
        timetable.daily("remind of ending tokens", reminders.send)
        timetable.daily("look everybody up in the directory", rounds.daily)
        timetable.daily("suspend who stopped signing in with the provider", lapses.suspend_late)
