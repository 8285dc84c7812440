import orjson
from django.db import migrations

from packages import requirements

BATCH = 200


def fill(apps, schema_editor):
    """Write down what the latest version of every package asks for."""
    Package, Dependency = apps.get_model("packages", "Package"), apps.get_model("packages", "Dependency")
    manifests = Package.objects.exclude(latest=None).order_by("pk").values_list("pk", "latest__full")
    last = 0
    while batch := list(manifests.filter(pk__gt=last)[:BATCH]):
        rows = {}
        for pk, full in batch:
            for each in requirements.listed(orjson.loads(full.replace("\x01", ""))):
                row = Dependency(package_id=pk, kind=each.kind, name=each.name, range=each.range)
                if each.name:
                    rows.setdefault((pk, each.kind, each.name), row)
        Dependency.objects.bulk_create(rows.values(), batch_size=500, ignore_conflicts=True)
        last = batch[-1][0]


class Migration(migrations.Migration):
    dependencies = [("packages", "0015_dependencies")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
