
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("packages", "0003_published_via_a_publisher"),
    ]

    operations = [
        migrations.CreateModel(
            name='StagedVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(max_length=256)),
                ('folded', models.CharField(editable=False, help_text='lower case: one number per spelling', max_length=256)),
                ('blob', models.CharField(help_text='key in the blob store', max_length=200, unique=True)),
                ('integrity', models.CharField(editable=False, max_length=100)),
                ('shasum', models.CharField(editable=False, max_length=40)),
                ('size', models.PositiveBigIntegerField(editable=False, help_text='bytes of the tarball')),
                ('unpacked_size', models.PositiveBigIntegerField(editable=False)),
                ('file_count', models.PositiveIntegerField(editable=False)),
                ('full', models.TextField(editable=False, help_text='its part of the full packument, ready to be joined')),
                ('abbreviated', models.TextField(editable=False, help_text='its part of the abbreviated packument')),
                ('readme', models.TextField(blank=True, editable=False)),
                ('readme_filename', models.CharField(blank=True, editable=False, max_length=200)),
                ('readme_html', models.TextField(blank=True, editable=False, help_text='sanitised; ready for the page')),
                ('published_via', models.CharField(blank=True, help_text='session, the prefix of a token, or a trusted publisher', max_length=60)),
                ('key', models.UUIDField(editable=False, unique=True)),
                ('tag', models.CharField(default='latest', max_length=128)),
                ('access', models.CharField(blank=True, help_text='asked for by the upload; empty: leave it', max_length=10)),
                ('staged_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('provenance', models.TextField(blank=True, editable=False, help_text='the sigstore bundle that came along')),
                ('package', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='staged', to='packages.package')),
                ('published_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-staged_at', '-id'],
                'constraints': [models.UniqueConstraint(models.F('package'), models.F('folded'), name='a_number_is_staged_once')],
            },
        ),
    ]
