from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('packages', '0017_machines_have_longer_names'),
    ]

    operations = [
        migrations.AddField(
            model_name='package',
            name='access_was',
            field=models.CharField(blank=True, editable=False, help_text='the level it had when it was unpublished, for its return', max_length=10),
        ),
        migrations.AddField(
            model_name='version',
            name='erased_at',
            field=models.DateTimeField(blank=True, help_text='when its bytes went, some time after that', null=True),
        ),
        migrations.AddField(
            model_name='version',
            name='tags_were',
            field=models.JSONField(default=dict, editable=False, help_text='tags it lost with its place on the list, each with who got it'),
        ),
    ]
