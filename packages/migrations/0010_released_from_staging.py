
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("packages", "0009_attestations"),
    ]

    operations = [
        migrations.AddField(
            model_name='version',
            name='staged_as',
            field=models.UUIDField(editable=False, help_text='the key it waited under before it was released', null=True, unique=True),
        ),
    ]
