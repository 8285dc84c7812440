from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("packages", "0028_parts_of_documents")]

    operations = [
        migrations.AddIndex(
            model_name="version",
            index=models.Index(
                fields=["package", "-published_at", "-id", "unpublished_at", "quarantined_at"],
                name="versions_listed",
                condition=models.Q(unpublished_at=None, quarantined_at=None),
            ),
        ),
        migrations.AddIndex(
            model_name="version",
            index=models.Index(
                fields=["package", "unpublished_at"],
                name="versions_to_erase",
                condition=models.Q(unpublished_at__isnull=False, erased_at=None),
            ),
        ),
        migrations.AddIndex(
            model_name="version",
            index=models.Index(
                fields=["package", "quarantined_at"],
                name="versions_in_quarantine",
                condition=models.Q(quarantined_at__isnull=False),
            ),
        ),
        migrations.AddIndex(
            model_name="downloadcount",
            index=models.Index(fields=["day"], name="downloads_of_a_day"),
        ),
    ]
