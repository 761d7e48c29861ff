-- A message that was taken. Out of in_doubt too, if the lease ended too early: its worker knows.
UPDATE mail_message
SET state = 'sent', sent_at = %(at)s, claimed_until = NULL, attempts = attempts + 1, reason = '', answer = %(answer)s,
    message_id = CASE WHEN %(given_id)s = '' THEN message_id ELSE %(given_id)s END
WHERE id = %(id)s AND claimed_by = %(claimed_by)s AND state IN ('claimed', 'committing', 'in_doubt')
