import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_muted_notices")]

    operations = [
        migrations.AddField(
            model_name="token",
            name="holder",
            field=models.ForeignKey(
                help_text="the org that a service account is of",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="service_tokens",
                to="accounts.scope",
            ),
        ),
        migrations.AlterField(
            model_name="token",
            name="kind",
            field=models.CharField(
                choices=[
                    ("login", "npm login"),
                    ("granular", "Access token"),
                    ("trusted", "Trusted publisher"),
                    ("service", "Service account"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="token",
            name="publisher",
            field=models.CharField(blank=True, help_text="the machine that it speaks for", max_length=100),
        ),
        migrations.AlterField(
            model_name="token",
            name="user",
            field=models.ForeignKey(
                help_text="empty for a machine's",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="tokens",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="actor_name",
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="credential",
            field=models.CharField(help_text="session, operator, or the prefix of a token", max_length=100),
        ),
    ]
