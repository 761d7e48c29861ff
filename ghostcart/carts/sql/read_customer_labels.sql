-- How signed-in customers are called.
SELECT id, first_name, last_name, email FROM customers_customer WHERE id IN ({ids})
