"""What the admin site calls several of them; no table changes."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('packages', '0032_deliveries'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='spentidentity',
            options={'verbose_name_plural': 'spent identities'},
        ),
        migrations.AlterModelOptions(
            name='webhookdelivery',
            options={'ordering': ['-created_at', '-id'], 'verbose_name_plural': 'webhook deliveries'},
        ),
    ]
