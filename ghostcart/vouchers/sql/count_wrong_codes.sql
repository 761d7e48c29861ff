-- Counts wrong codes for a key; the first one after its window starts a new window.
INSERT INTO vouchers_wrongcodes (key, count, since, in_all)
VALUES (%(key)s, %(tries)s, %(tried_at)s, %(tries)s)
ON CONFLICT (key) DO UPDATE SET
    count = CASE
        WHEN vouchers_wrongcodes.since <= %(forgotten_at)s THEN excluded.count
        ELSE vouchers_wrongcodes.count + excluded.count
    END,
    since = CASE
        WHEN vouchers_wrongcodes.since <= %(forgotten_at)s THEN excluded.since
        ELSE vouchers_wrongcodes.since
    END,
    in_all = vouchers_wrongcodes.in_all + excluded.in_all
