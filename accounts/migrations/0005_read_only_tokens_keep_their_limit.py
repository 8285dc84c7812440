from django.db import migrations


def move(apps, schema_editor):
    apps.get_model("accounts", "Token").objects.filter(read_only=True).update(permission="read-only")


def back(apps, schema_editor):
    apps.get_model("accounts", "Token").objects.filter(permission="read-only").update(read_only=True)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_token_permissions"),
    ]

    operations = [migrations.RunPython(move, back)]
