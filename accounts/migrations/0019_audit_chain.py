import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0018_read_only'),
    ]

    operations = [
        migrations.AddField(
            model_name='auditevent',
            name='place',
            field=models.BigIntegerField(editable=False, help_text='in the chain; empty until it is sealed', null=True),
        ),
        migrations.AddField(
            model_name='auditevent',
            name='link',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=64),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(condition=models.Q(('place', None)), fields=['id'], name='events_not_sealed'),
        ),
        migrations.AddConstraint(
            model_name='auditevent',
            constraint=models.UniqueConstraint(condition=models.Q(('place__isnull', False)), fields=('place',), name='one_event_at_a_place'),
        ),
        migrations.CreateModel(
            name='AuditSeal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.BigIntegerField(help_text='of the last event', unique=True)),
                ('link', models.CharField(max_length=64)),
                ('at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('noted_at', models.DateTimeField(help_text='written down outside the database', null=True)),
                ('pruned_at', models.DateTimeField(help_text='the events up to here were old enough to be forgotten', null=True)),
            ],
            options={
                'ordering': ['-place'],
            },
        ),
    ]
