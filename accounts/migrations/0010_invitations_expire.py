from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_service_accounts")]

    operations = [
        migrations.AddField(
            model_name="invitation",
            name="expires_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
