from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("packages", "0026_download_records")]

    operations = []
