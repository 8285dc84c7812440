from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("accounts", "0010_invitations_expire")]

    operations = [
        migrations.AddField(
            model_name="token",
            name="last_used_for",
            field=models.CharField(blank=True, editable=False, help_text="the package it asked for", max_length=214),
        ),
    ]
