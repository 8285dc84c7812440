import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('packages', '0029_what_lists_read'),
    ]

    operations = [
        migrations.CreateModel(
            name='UsedNumber',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=214)),
                ('folded', models.CharField(help_text='lower case: one number per spelling', max_length=256)),
                ('integrity', models.CharField(blank=True, max_length=100)),
                ('found_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['name', 'folded'],
                'constraints': [models.UniqueConstraint(models.F('name'), models.F('folded'), name='one_use_of_a_number')],
            },
        ),
    ]
