from django.db import migrations, models

_published_via = {
    "blank": True,
    "help_text": "session, the prefix of a token, or a machine's name",
    "max_length": 100,
}


class Migration(migrations.Migration):
    dependencies = [("packages", "0016_dependencies_of_what_is_here")]

    operations = [
        migrations.AlterField(model_name="stagedversion", name="published_via", field=models.CharField(**_published_via)),
        migrations.AlterField(model_name="version", name="published_via", field=models.CharField(**_published_via)),
    ]
