-- A customer who signs in; SQLite has one writer, so nothing needs a lock.
SELECT id FROM customers_customer WHERE id = %(customer_id)s AND shop_id = %(shop_id)s
