import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0015_refused_requests'),
        ('packages', '0025_advisories'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='DownloadRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=214)),
                ('number', models.CharField(max_length=256)),
                ('mirrored', models.BooleanField(default=False, help_text='the bytes came from the upstream registry')),
                ('caller', models.CharField(help_text='the token, or the address of somebody without one', max_length=60)),
                ('credential', models.CharField(blank=True, help_text="how the token begins; '' without one", max_length=12)),
                ('machine', models.CharField(blank=True, help_text='a service account, or a workflow', max_length=100)),
                ('address', models.GenericIPAddressField(help_text='the last one', null=True)),
                ('client', models.CharField(blank=True, help_text="the last one's user agent", max_length=120)),
                ('day', models.DateField()),
                ('first_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('last_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('count', models.PositiveIntegerField(default=1)),
                ('token', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='accounts.token')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-last_at', '-id'],
                'indexes': [models.Index(fields=['day'], name='download_records_by_day')],
                'constraints': [models.UniqueConstraint(models.F('name'), models.F('number'), models.F('caller'), models.F('day'), name='one_download_record_a_day')],
            },
        ),
        migrations.AddField(
            model_name='mirrorversion',
            name='quarantined_at',
            field=models.DateTimeField(help_text='when an operator took it off the list', null=True),
        ),
        migrations.AddField(
            model_name='mirrorversion',
            name='quarantine_reason',
            field=models.CharField(blank=True, max_length=500),
        ),
    ]
