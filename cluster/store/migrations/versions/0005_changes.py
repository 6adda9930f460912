"""Episodes keep what their requests were read to say; older ones have kept nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("episodes", sa.Column("changes", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("episodes", "changes")
