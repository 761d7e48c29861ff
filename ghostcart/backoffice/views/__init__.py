"""The pages of the back office, a module for each noun: parse, check access, call one service or query, answer."""
