from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("packages", "0023_mirrored_packages")]

    operations = []
