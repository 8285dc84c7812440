from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from allauth.account import signals as account
        from allauth.socialaccount import signals as social

        from accounts import addresses, arrivals, lapses, passwords, profile, provider_sign_in, reminders, sessions
        from accounts.directory import rounds
        from registry_site import timetable

        account.email_confirmed.connect(profile.take_confirmed)
        for signal in (account.password_changed, account.password_set, account.password_reset):
            signal.connect(passwords.changed_on_page)
        account.user_logged_in.connect(provider_sign_in.take_groups)
        account.user_logged_in.connect(arrivals.noticed)
        addresses.listen()
        social.social_account_added.connect(provider_sign_in.connected)
        timetable.daily("forget old devices", arrivals.forget_devices)
        timetable.daily("forget ended sessions", sessions.forget_ended)
        timetable.daily("remind of ending tokens", reminders.send)
        timetable.daily("look everybody up in the directory", rounds.daily)
        timetable.daily("suspend who stopped signing in with the provider", lapses.suspend_late)
