from django.db import migrations, models

from packages.lookup import schema


def install(apps, schema_editor):
    schema.install(schema_editor.connection)


def remove(apps, schema_editor):
    schema.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("packages", "0026_download_records")]

    operations = [
        migrations.AddField(
            model_name="package",
            name="popularity",
            field=models.PositiveBigIntegerField(
                default=0, editable=False, help_text="downloads of the last seven days, for the order of lists"
            ),
        ),
        migrations.AddIndex(
            model_name="package",
            index=models.Index(fields=["mirrored", "name"], name="packages_ours_first"),
        ),
        migrations.AddIndex(
            model_name="package",
            index=models.Index(models.F("popularity").desc(), "name", name="packages_by_popularity"),
        ),
        migrations.AddIndex(
            model_name="package",
            index=models.Index(models.F("modified_at").desc(), "name", name="packages_by_change"),
        ),
        migrations.RunPython(install, remove),
    ]
