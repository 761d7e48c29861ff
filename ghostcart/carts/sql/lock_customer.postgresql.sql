-- A customer who signs in, locked until the commit, yet not against those who only refer to them.
SELECT id FROM customers_customer WHERE id = %(customer_id)s AND shop_id = %(shop_id)s FOR NO KEY UPDATE
