
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("packages", "0002_publishing_asks_for_two_factor"),
    ]

    operations = [
        migrations.AlterField(
            model_name='version',
            name='published_via',
            field=models.CharField(blank=True, help_text='session, the prefix of a token, or a trusted publisher', max_length=60),
        ),
    ]
