import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("packages", "0014_fill_what_search_narrows_by")]

    operations = [
        migrations.CreateModel(
            name="Dependency",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("dependencies", "dependencies"),
                            ("peerDependencies", "peerDependencies"),
                            ("optionalDependencies", "optionalDependencies"),
                            ("devDependencies", "devDependencies"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "name",
                    models.CharField(help_text="of what is asked for; of an alias the real one", max_length=214),
                ),
                ("range", models.CharField(max_length=1024)),
                (
                    "package",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="dependencies",
                        to="packages.package",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "dependencies",
                "ordering": ["package", "id"],
                "indexes": [models.Index(fields=["name", "package"], name="dependents_of_a_name")],
                "constraints": [models.UniqueConstraint("package", "kind", "name", name="one_dependency_of_a_kind")],
            },
        ),
    ]
