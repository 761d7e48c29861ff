-- Counts one attempt for a key and says where it stands. The attempt that reaches the limit starts the lock.
INSERT INTO backoffice_signinfailures (key, count, since)
VALUES (%(key)s, 1, %(now)s)
ON CONFLICT (key) DO UPDATE SET
    count = CASE
        WHEN backoffice_signinfailures.since <= %(forgotten)s THEN 1
        ELSE backoffice_signinfailures.count + 1
    END,
    since = CASE
        WHEN backoffice_signinfailures.since <= %(forgotten)s THEN %(now)s
        WHEN backoffice_signinfailures.count + 1 = %(limit)s THEN %(now)s
        ELSE backoffice_signinfailures.since
    END
RETURNING count, since
