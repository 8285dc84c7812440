import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0017_directory'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReadOnly',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.PositiveSmallIntegerField(default=1, editable=False, unique=True)),
                ('began_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('until', models.DateTimeField(blank=True, help_text='when it ends by itself; empty: when it is lifted', null=True)),
                ('reason', models.CharField(help_text='for everybody, as in: we move to another database', max_length=300)),
                ('by', models.CharField(blank=True, editable=False, max_length=100)),
            ],
            options={
                'verbose_name': 'read-only mode',
                'verbose_name_plural': 'read-only mode',
            },
        ),
    ]
