from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("packages", "0012_signed_versions"),
    ]

    operations = [
        migrations.AddField(
            model_name="package",
            name="license",
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.AddField(
            model_name="package",
            name="deprecated",
            field=models.BooleanField(default=False),
        ),
    ]
