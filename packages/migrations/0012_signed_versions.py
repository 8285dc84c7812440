from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("packages", "0011_workflows_are_remembered"),
    ]

    operations = [
        migrations.AddField(
            model_name='version',
            name='signed_with',
            field=models.CharField(blank=True, editable=False, help_text='the id of the signing key', max_length=60),
        ),
        migrations.AddIndex(
            model_name='version',
            index=models.Index(fields=['signed_with', 'published_at'], name='versions_of_a_signing_key'),
        ),
    ]
