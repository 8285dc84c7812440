
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("packages", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name='package',
            name='two_factor',
            field=models.CharField(choices=[('none', 'nothing more'), ('publish', 'two-factor, and no token gets around it'), ('automation', 'two-factor, or a token that bypasses it')], default='none', max_length=10),
        ),
    ]
