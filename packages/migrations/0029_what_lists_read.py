from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("packages", "0028_parts_of_documents")]

    operations = []
