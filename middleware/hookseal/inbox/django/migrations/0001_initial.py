"""Make the table of the inbox."""

from django.db import migrations, models

__all__ = ["Migration"]


class Migration(migrations.Migration):
    """What ``makemigrations`` finds: a test holds it equal to the model."""

    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            name="Received",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("source", models.CharField(max_length=255)),
                ("event_id", models.CharField(max_length=255)),
                ("recorded_at", models.BigIntegerField(db_index=True, help_text="unix seconds")),
            ],
            options={"db_table": "hookseal_inbox"},
        ),
        migrations.AddConstraint(
            model_name="received",
            constraint=models.UniqueConstraint(
                fields=("source", "event_id"), name="hookseal_inbox_source_event_id"
            ),
        ),
    )
