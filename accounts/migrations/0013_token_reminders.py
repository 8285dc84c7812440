from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("accounts", "0012_token_rotation")]

    operations = [
        migrations.AddField(
            model_name="token",
            name="reminded",
            field=models.PositiveSmallIntegerField(blank=True, editable=False, help_text="its person was told this many days before it ends", null=True),
        ),
    ]
