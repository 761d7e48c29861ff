-- What a claimed message says.
UPDATE mail_message SET template = %(template)s, facts = %(facts)s WHERE id = %(id)s
