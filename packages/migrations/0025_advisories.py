import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("packages", "0024_rules"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AdvisoryCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=214, unique=True)),
                ('versions', models.JSONField(default=list)),
                ('checked_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='UpstreamKeys',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('url', models.CharField(max_length=2000, unique=True)),
                ('keys', models.JSONField(default=list)),
                ('asked_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'upstream keys',
            },
        ),
        migrations.CreateModel(
            name='UpstreamAttestations',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=214)),
                ('number', models.CharField(max_length=256)),
                ('body', models.TextField(blank=True)),
                ('asked_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'upstream attestations',
                'constraints': [models.UniqueConstraint(models.F('name'), models.F('number'), name='one_attestation_answer_of_a_version')],
            },
        ),
        migrations.CreateModel(
            name='Advisory',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(editable=False, max_length=214)),
                ('key', models.CharField(editable=False, help_text="what its page is called by; upstream's own id", max_length=60)),
                ('severity', models.CharField(choices=[('low', 'Low'), ('moderate', 'Moderate'), ('high', 'High'), ('critical', 'Critical')], max_length=10)),
                ('title', models.CharField(max_length=200)),
                ('range', models.CharField(help_text='the versions it is about, as npm reads ranges', max_length=1000)),
                ('fixed_in', models.CharField(blank=True, max_length=256)),
                ('text', models.TextField(blank=True)),
                ('html', models.TextField(blank=True, editable=False, help_text='sanitised; ready for the page')),
                ('url', models.CharField(blank=True, help_text='where upstream tells more', max_length=2000)),
                ('cves', models.JSONField(blank=True, default=list)),
                ('cwes', models.JSONField(blank=True, default=list)),
                ('score', models.FloatField(blank=True, null=True)),
                ('vector', models.CharField(blank=True, max_length=200)),
                ('published_at', models.DateTimeField(default=django.utils.timezone.now, help_text="for upstream's, when it was first seen")),
                ('amended_at', models.DateTimeField(blank=True, null=True)),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                ('withdrawn_because', models.CharField(blank=True, max_length=500)),
                ('package', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='advisories', to='packages.package')),
                ('published_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'advisories',
                'ordering': ['-published_at', '-id'],
                'indexes': [models.Index(condition=models.Q(('withdrawn_at', None)), fields=['name'], name='standing_advisories_of_a_name')],
                'constraints': [models.UniqueConstraint(models.F('name'), models.F('key'), name='one_advisory_of_a_key')],
            },
        ),
    ]
