
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_profile_fields"),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='two_factor_mode',
            field=models.CharField(choices=[('auth-only', 'login, profile and tokens'), ('auth-and-writes', 'also publishing and everything else that changes something')], default='auth-and-writes', help_text='when a one-time password is asked for; it counts once an authenticator is set up', max_length=20),
        ),
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(editable=False, unique=True)),
                ('poll_digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('command', models.CharField(blank=True, help_text='as the client says: publish, owner, ...', max_length=100)),
                ('address', models.GenericIPAddressField(null=True)),
                ('agent', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('approved_at', models.DateTimeField(null=True)),
                ('closed_at', models.DateTimeField(help_text='denied, or its one-time password was fetched', null=True)),
                ('token', models.ForeignKey(help_text='that the command used', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.token')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='OneTimePass',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(editable=False, max_length=64)),
                ('good_until', models.DateTimeField(db_index=True)),
                ('token', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.token')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(models.F('user'), models.F('digest'), name='a_code_is_used_once')],
            },
        ),

    ]
