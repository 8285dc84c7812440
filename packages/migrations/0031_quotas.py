import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0018_read_only'),
        ('packages', '0030_used_numbers'),
    ]

    operations = [
        migrations.CreateModel(
            name='Quota',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('megabytes', models.PositiveIntegerField(blank=True, help_text='empty: QUOTA_MB; 0: no limit', null=True)),
                ('packages', models.PositiveIntegerField(blank=True, help_text='empty: QUOTA_PACKAGES; 0: no limit', null=True)),
                ('versions', models.PositiveIntegerField(blank=True, help_text='empty: QUOTA_VERSIONS; 0: no limit', null=True)),
                ('used_bytes', models.PositiveBigIntegerField(default=0, editable=False, help_text='of versions up to counted_to')),
                ('used_versions', models.PositiveIntegerField(default=0, editable=False)),
                ('counted_to', models.PositiveBigIntegerField(default=0, editable=False, help_text='the last version in the counts')),
                ('counted_at', models.DateTimeField(editable=False, null=True)),
                ('warned_at', models.DateTimeField(editable=False, help_text='when its people were told it fills up', null=True)),
                ('scope', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='quota', to='accounts.scope')),
            ],
            options={
                'ordering': ['scope__name'],
            },
        ),
    ]
