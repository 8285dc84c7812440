from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orgs', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='org',
            name='description',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name='org',
            name='first_grant',
            field=models.CharField(choices=[('write', 'read-write'), ('read', 'read'), ('none', 'nothing')], default='write', max_length=5),
        ),
        migrations.AddField(
            model_name='org',
            name='homepage',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='org',
            name='requires_two_factor',
            field=models.BooleanField(default=False, help_text='members without two-factor have no rights through the org'),
        ),
    ]
