
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("packages", "0006_download_counts"),
    ]

    operations = [
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.UUIDField(editable=False, unique=True)),
                ('kind', models.CharField(choices=[('package', 'a package'), ('scope', 'every package of a scope'), ('owner', 'every package a person publishes')], max_length=7)),
                ('name', models.CharField(help_text='a package, a scope or a user, without @ for the last two', max_length=214)),
                ('endpoint', models.URLField(max_length=500)),
                ('secret', models.TextField(help_text='encrypted; signs what is sent')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('paused_at', models.DateTimeField(blank=True, help_text='after too many failures in a row', null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event', models.CharField(max_length=40)),
                ('package', models.CharField(max_length=214)),
                ('payload', models.TextField(editable=False, help_text='the JSON text that is sent')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_attempt_at', models.DateTimeField(blank=True, db_index=True, help_text='empty: nothing more to do', null=True)),
                ('delivered_at', models.DateTimeField(blank=True, null=True)),
                ('response_code', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('failure', models.CharField(blank=True, max_length=200)),
                ('webhook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='packages.webhook')),
            ],
            options={
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.AddIndex(
            model_name='webhook',
            index=models.Index(fields=['kind', 'name'], name='webhooks_of_a_subject'),
        ),

    ]
