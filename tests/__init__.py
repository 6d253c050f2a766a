"""The tests: against a real PostgreSQL only; see servers.py for which one."""
