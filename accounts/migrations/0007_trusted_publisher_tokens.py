
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_no_read_only_flag"),
    ]

    operations = [
        migrations.AddField(
            model_name='token',
            name='publisher',
            field=models.CharField(blank=True, help_text="who a trusted publisher's token speaks for", max_length=60),
        ),
        migrations.AddField(
            model_name='token',
            name='publisher_key',
            field=models.UUIDField(db_index=True, help_text='the trusted publisher that it came from', null=True),
        ),
        migrations.AlterField(
            model_name='token',
            name='kind',
            field=models.CharField(choices=[('login', 'npm login'), ('granular', 'Access token'), ('trusted', 'Trusted publisher')], max_length=10),
        ),
        migrations.AlterField(
            model_name='token',
            name='user',
            field=models.ForeignKey(help_text="empty for a trusted publisher's", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='tokens', to=settings.AUTH_USER_MODEL),
        ),
    ]
