import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("packages", "0027_search")]

    operations = [
        # Documents are made from the other rows, by the next reader of each: the old ones need not be moved.
        migrations.DeleteModel(name="Document"),
        migrations.CreateModel(
            name="Document",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "package",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="documents", to="packages.package"
                    ),
                ),
                ("base", models.CharField(max_length=200)),
                ("revision", models.PositiveBigIntegerField()),
                ("full_etag", models.CharField(max_length=40)),
                ("full_size", models.PositiveBigIntegerField()),
                ("abbreviated_etag", models.CharField(max_length=40)),
                ("abbreviated_size", models.PositiveBigIntegerField()),
                ("abbreviated_gzip", models.BinaryField()),
                ("full_gzip", models.BinaryField()),
            ],
        ),
        migrations.AddConstraint(
            model_name="document",
            constraint=models.UniqueConstraint(models.F("package"), models.F("base"), name="one_document_per_address"),
        ),
        migrations.CreateModel(
            name="DocumentPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="packages.document"
                    ),
                ),
                ("place", models.PositiveIntegerField(help_text="which run of its package's versions, from 0")),
                ("fingerprint", models.BinaryField(help_text="of the rows of the run")),
                ("full", models.BinaryField()),
                ("abbreviated", models.BinaryField()),
                ("times", models.BinaryField()),
            ],
        ),
        migrations.AddConstraint(
            model_name="documentpart",
            constraint=models.UniqueConstraint(models.F("document"), models.F("place"), name="one_part_of_a_place"),
        ),
        migrations.RemoveField(model_name="mirrordocument", name="body"),
        migrations.AddField(
            model_name="mirrorversion",
            name="signatures",
            field=models.JSONField(help_text="as upstream last gave them; None in rows older than this", null=True),
        ),
        migrations.AddField(
            model_name="version",
            name="stamp",
            field=models.BigIntegerField(
                editable=False,
                help_text="another one whenever something of it changes that documents show",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="version",
            index=models.Index(fields=["package", "number"], name="versions_by_number"),
        ),
        migrations.AddIndex(
            model_name="version",
            index=models.Index(fields=["package", "published_at", "id", "stamp"], name="versions_in_order"),
        ),
    ]
