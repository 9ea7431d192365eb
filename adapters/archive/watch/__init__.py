"""``radlogic watch``: new studies of the archive are assessed as they arrive, and the answers are stored there."""
