
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_two_factor"),
    ]

    operations = [
        migrations.AddField(
            model_name='token',
            name='bypass_two_factor',
            field=models.BooleanField(default=False, help_text='no one-time password is asked for; for CI'),
        ),
        migrations.AddField(
            model_name='token',
            name='org_permission',
            field=models.CharField(choices=[('no-access', 'nothing'), ('read-only', 'see members and teams'), ('read-write', 'manage members and teams')], default='no-access', max_length=10),
        ),
        migrations.AddField(
            model_name='token',
            name='orgs',
            field=models.JSONField(blank=True, default=list, help_text='orgs that org_permission is about'),
        ),
        migrations.AddField(
            model_name='token',
            name='permission',
            field=models.CharField(choices=[('no-access', 'nothing'), ('read-only', 'install'), ('read-write-stage-only', 'install and stage'), ('read-write', 'install and publish')], default='read-write', max_length=21),
        ),
    ]
