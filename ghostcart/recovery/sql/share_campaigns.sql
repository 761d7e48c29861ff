-- Nothing to lock: SQLite has one writer.
SELECT id FROM recovery_campaign WHERE id IN ({ids}) ORDER BY id
