import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("accounts", "0011_token_last_used_for")]

    operations = [
        migrations.AddField(
            model_name="token",
            name="replaced_by",
            field=models.ForeignKey(blank=True, editable=False, help_text="after a rotation", null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="accounts.token"),
        ),
    ]
