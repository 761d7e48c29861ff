-- Campaigns that messages are claimed for: several claims at once, but none beside a pause or a change of the steps.
SELECT id FROM recovery_campaign WHERE id IN ({ids}) ORDER BY id FOR SHARE
