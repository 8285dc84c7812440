
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_read_only_tokens_keep_their_limit"),
    ]

    operations = [
        migrations.RemoveField(
            model_name='token',
            name='read_only',
        ),
    ]
