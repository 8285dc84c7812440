from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("packages", "0010_released_from_staging")]

    operations = [
        migrations.AddField(
            model_name="trustedpublisher",
            name="pinned",
            field=models.JSONField(
                default=dict, help_text="ids at the first use; another repository of the name differs"
            ),
        ),
    ]
