from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("packages", "0027_search")]

    operations = []
