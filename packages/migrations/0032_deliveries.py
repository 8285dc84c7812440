from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('packages', '0031_quotas'),
    ]

    operations = [
        migrations.AddField(
            model_name='webhook',
            name='old_secret',
            field=models.TextField(blank=True, db_default='', default='', help_text='the one before; signs too, a while'),
        ),
        migrations.AddField(
            model_name='webhook',
            name='old_secret_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='webhookdelivery',
            name='key',
            field=models.UUIDField(editable=False, help_text='what receivers tell repeated messages by', null=True),
        ),
        migrations.AddField(
            model_name='webhookdelivery',
            name='org',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
        migrations.AddField(
            model_name='webhookdelivery',
            name='person',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
        migrations.AddField(
            model_name='webhookdelivery',
            name='tries',
            field=models.JSONField(editable=False, help_text='when each attempt was, how long it took, what came', null=True),
        ),
        migrations.AddField(
            model_name='webhookdelivery',
            name='answer',
            field=models.TextField(blank=True, db_default='', default='', help_text='how the last answer begins'),
        ),
        migrations.AlterField(
            model_name='webhookdelivery',
            name='package',
            field=models.CharField(blank=True, max_length=214),
        ),
    ]
