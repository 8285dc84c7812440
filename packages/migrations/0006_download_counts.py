
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("packages", "0005_stars"),
    ]

    operations = [
        migrations.CreateModel(
            name='DownloadCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('count', models.PositiveBigIntegerField(default=0)),
                ('package', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='downloads', to='packages.package')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='downloads', to='packages.version')),
            ],
            options={
                'indexes': [models.Index(fields=['package', 'day'], name='downloads_of_a_package')],
                'constraints': [models.UniqueConstraint(models.F('version'), models.F('day'), name='one_count_per_version_and_day')],
            },
        ),
    ]
