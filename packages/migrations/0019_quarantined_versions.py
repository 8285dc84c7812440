from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('packages', '0018_unpublished_versions_come_back'),
    ]

    operations = [
        migrations.AddField(
            model_name='version',
            name='quarantined_at',
            field=models.DateTimeField(blank=True, help_text='when an operator took it off the list', null=True),
        ),
        migrations.AddField(
            model_name='version',
            name='quarantine_reason',
            field=models.CharField(blank=True, max_length=500),
        ),
    ]
