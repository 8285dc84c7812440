
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("packages", "0008_trusted_publishers"),
    ]

    operations = [
        migrations.CreateModel(
            name='Attestation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('predicate_type', models.CharField(max_length=200)),
                ('bundle', models.TextField(editable=False, help_text='JSON text')),
                ('source', models.JSONField(default=dict, help_text='repository, commit, workflow and builder, as the bundle says')),
                ('verified_at', models.DateTimeField(help_text='empty: no trust root was configured', null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attestations', to='packages.version')),
            ],
            options={
                'constraints': [models.UniqueConstraint(models.F('version'), models.F('predicate_type'), name='one_attestation_of_a_kind')],
            },
        ),
    ]
