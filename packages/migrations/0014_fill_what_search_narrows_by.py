import orjson
from django.db import migrations

BASE_MARK = "\x01"
A_BATCH = 200


def fill(apps, schema_editor):
    """Copy the licence of the latest version, and whether it is deprecated, to rows from before there were columns."""
    Package = apps.get_model("packages", "Package")
    rows = Package.objects.exclude(latest=None).select_related("latest").only("pk", "latest__full", "latest__deprecated")
    waiting = []
    for package in rows.iterator(A_BATCH):
        value = orjson.loads(package.latest.full.replace(BASE_MARK, "")).get("license")
        value = value.get("type") if isinstance(value, dict) else value
        package.license = " ".join(value.split())[:100] if isinstance(value, str) else ""
        package.deprecated = bool(package.latest.deprecated)
        waiting.append(package)
        if len(waiting) == A_BATCH:
            Package.objects.bulk_update(waiting, ["license", "deprecated"])
            waiting = []
    Package.objects.bulk_update(waiting, ["license", "deprecated"])


class Migration(migrations.Migration):

    dependencies = [
        ("packages", "0013_what_search_narrows_by"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
