"""What the admin site calls several of them; no table changes."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0019_audit_chain'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='onetimepass',
            options={'verbose_name_plural': 'one time passes'},
        ),
    ]
