import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orgs', '0002_org_settings'),
        ('accounts', '0010_invitations_expire'),
    ]

    operations = [
        migrations.CreateModel(
            name='FormerName',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('org', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='former_names', to='orgs.org')),
                ('scope', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='former_of', to='accounts.scope')),
            ],
        ),
        migrations.CreateModel(
            name='FormerTeamName',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=230)),
                ('org', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='former_team_names', to='orgs.org')),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='former_names', to='orgs.team')),
            ],
            options={
                'constraints': [models.UniqueConstraint(models.F('org'), models.F('name'), name='one_team_had_a_name')],
            },
        ),
    ]
