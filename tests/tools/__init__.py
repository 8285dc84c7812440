"""What the tests stand on: real clients, a browser, PostgreSQL and the running product."""
