
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("packages", "0007_webhooks"),
    ]

    operations = [
        migrations.CreateModel(
            name='Issuer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.SlugField(help_text='the type in npm trust: github, gitlab, ...', max_length=40, unique=True)),
                ('title', models.CharField(help_text='who publishes, as pages say it: GitHub Actions', max_length=60)),
                ('url', models.URLField(help_text='the iss claim; keys are found below it', max_length=300, unique=True)),
                ('claims', models.CharField(choices=[('github', 'GitHub Actions'), ('gitlab', 'GitLab CI'), ('circleci', 'CircleCI'), ('any', 'any')], default='any', help_text='whose claims its tokens carry; any: a config names claims and values itself', max_length=10)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='RefusedExchange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(db_index=True, max_length=214)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('issuer', models.CharField(blank=True, max_length=300)),
                ('reason', models.CharField(max_length=300)),
                ('claim', models.CharField(blank=True, help_text='the claim that differed', max_length=100)),
                ('expected', models.CharField(blank=True, max_length=300)),
                ('got', models.CharField(blank=True, max_length=300)),
                ('address', models.GenericIPAddressField(null=True)),
            ],
            options={
                'ordering': ['-at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='SpentIdentity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('issuer', models.CharField(max_length=300)),
                ('token_id', models.CharField(help_text='its jti', max_length=200)),
                ('forget_after', models.DateTimeField(db_index=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(models.F('issuer'), models.F('token_id'), name='an_identity_is_spent_once')],
            },
        ),
        migrations.CreateModel(
            name='TrustedPublisher',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.UUIDField(editable=False, unique=True)),
                ('name', models.CharField(db_index=True, help_text='full name of the package', max_length=214)),
                ('kind', models.CharField(help_text='github, gitlab, circleci, or the name of an issuer', max_length=40)),
                ('claims', models.JSONField(default=dict)),
                ('permissions', models.JSONField(default=list, help_text='createPackage, createStagedPackage')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('last_used_at', models.DateTimeField(null=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['created_at', 'id'],
            },
        ),
    ]
