-- The point of no return of a message, if it is still this claim's: nobody cancelled it, and the lease held.
UPDATE mail_message
SET state = 'committing', claimed_until = %(until_at)s, subject = %(subject)s, message_id = %(message_id)s
WHERE id = %(id)s AND claimed_by = %(claimed_by)s AND state = 'claimed'
