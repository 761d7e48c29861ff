"""The merchant API: what staff can do, a program with the right key can do. One file a noun."""
