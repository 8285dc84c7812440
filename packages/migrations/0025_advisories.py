from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("packages", "0024_rules")]

    operations = []
